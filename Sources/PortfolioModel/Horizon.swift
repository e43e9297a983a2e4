/// The periods that a multi-period optimization plans, and what is foreseen in them.
public struct Horizon: Equatable, Sendable {
    /// H, how many periods are planned; at least 1.
    public var periodCount: Int
    /// Annual expected returns, a row for each period in the order of the risk model's instruments; nil for those of the
    /// risk model in every period.
    public var expectedReturns: [[Double]]?
    /// What is to be held after the last period's trades: instruments by id and `cash`, summing to 1; nil for no target.
    public var terminalTarget: [String: Double]?

    /// Makes a horizon of its parts.
    public init(periodCount: Int, expectedReturns: [[Double]]? = nil, terminalTarget: [String: Double]? = nil) {
        self.periodCount = periodCount
        self.expectedReturns = expectedReturns
        self.terminalTarget = terminalTarget
    }
}

/// What is planned for one period: what its trades lead to and what is expected of that.
public struct PlannedPeriod: Equatable, Sendable {
    /// Weights after the period's trades: instruments by id, and `cash`; zeros left out.
    public var allocation: [String: Double]
    /// ½ Σ|w − previous w|, cash included.
    public var turnover: Double
    /// What the period's trades cost at proportional rates, as a fraction of value.
    public var cost: Double
    /// μᵀw + risk-free rate · cash, annual, with the period's own μ.
    public var expectedReturn: Double
    /// √(wᵀΣw), annual.
    public var risk: Double
    /// The limits met with equality in the period; a price is that of the limit in this period alone.
    public var bindingConstraints: [BindingConstraint]

    /// Makes a planned period of its parts.
    public init(
        allocation: [String: Double],
        turnover: Double,
        cost: Double,
        expectedReturn: Double,
        risk: Double,
        bindingConstraints: [BindingConstraint]
    ) {
        self.allocation = allocation
        self.turnover = turnover
        self.cost = cost
        self.expectedReturn = expectedReturn
        self.risk = risk
        self.bindingConstraints = bindingConstraints
    }
}

/// The path that a multi-period optimization planned; only the trades of its first period are recommended.
public struct PlannedPath: Equatable, Sendable {
    /// What the objective comes to over the path (docs/mathematics.md, "Several periods").
    public var objective: Double
    /// The periods in their order.
    public var periods: [PlannedPeriod]

    /// Makes a planned path of its parts.
    public init(objective: Double, periods: [PlannedPeriod]) {
        self.objective = objective
        self.periods = periods
    }
}
