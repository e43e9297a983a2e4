/// What a risk budget belongs to.
public enum RiskBudgetOwner: String, CaseIterable, Sendable {
    /// Each instrument has its own.
    case instrument
    /// A sector has one, which its instruments share equally.
    case sector
    /// An asset class has one, which its instruments share equally.
    case assetClass = "asset_class"
}
