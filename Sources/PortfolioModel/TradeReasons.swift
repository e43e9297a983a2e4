/// Why a trade is recommended: what the objective would lose without it, in parts that sum to `total` exactly.
///
/// Larger is better. In a plan all parts are annual and fractions of the portfolio's value; in an optimization they are in
/// the unit of its objective, that of a ratio being return less ratio · risk (docs/mathematics.md, "Reasons of trades").
public struct TradeReasons: Equatable, Sendable {
    /// Expected return gained, where the objective has one.
    public var expectedReturn: Double
    /// Risk removed, at the price that the objective puts on it: active risk in a plan.
    public var risk: Double
    /// The trade's cost, spread over the cost horizon; not positive.
    public var cost: Double
    /// The trade's tax, spread likewise; positive where a loss saves tax.
    public var tax: Double
    /// What no gain explains: the trade is there because cash or a limit asks for it; not negative.
    public var constraints: Double

    /// All parts together.
    public var total: Double { expectedReturn + risk + cost + tax + constraints }

    /// Makes reasons of their parts.
    public init(expectedReturn: Double = 0, risk: Double, cost: Double, tax: Double, constraints: Double) {
        self.expectedReturn = expectedReturn
        self.risk = risk
        self.cost = cost
        self.tax = tax
        self.constraints = constraints
    }
}
