/// Limits on a portfolio's exposure to one factor, (Bᵀw)_f, and on the risk it takes from that factor.
///
/// Equal exposures are a target, both 0 is neutrality.
public struct FactorLimit: Equatable, Sendable {
    /// Lower exposure; nil for none.
    public var min: Double?
    /// Upper exposure; nil for none.
    public var max: Double?
    /// Upper limit of |(Bᵀw)_f| √F_ff, the annual volatility that the factor alone would make; positive, nil for none.
    public var maxRisk: Double?

    /// Makes a factor limit from its parts.
    public init(min: Double? = nil, max: Double? = nil, maxRisk: Double? = nil) {
        self.min = min
        self.max = max
        self.maxRisk = maxRisk
    }
}
