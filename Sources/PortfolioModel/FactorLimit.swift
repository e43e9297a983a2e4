/// Limits on a portfolio's exposure to one factor, (Bᵀw)_f; equal ones are a target, both 0 is neutrality.
public struct FactorLimit: Equatable, Sendable {
    /// Lower exposure; nil for none.
    public var min: Double?
    /// Upper exposure; nil for none.
    public var max: Double?

    /// Makes a factor limit from its parts.
    public init(min: Double? = nil, max: Double? = nil) {
        self.min = min
        self.max = max
    }
}
