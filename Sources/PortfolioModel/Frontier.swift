/// A request for an efficient frontier, as the caller gave it: the portfolio's own limits are not merged in.
public struct FrontierRequest: Equatable, Sendable {
    /// How many points a caller may ask for.
    public static let pointRange = 2...500
    /// Points when nobody says how many.
    public static let defaultPointCount = 20

    /// The portfolio whose frontier is asked for.
    public var portfolioID: String
    /// Points along the curve.
    public var pointCount: Int
    /// Cuts the curve below this annual expected return.
    public var minimumReturn: Double?
    /// Cuts the curve above this risk, in the measure's own unit.
    public var maximumRisk: Double?
    /// How risk is measured.
    public var riskMeasure: RiskMeasure
    /// The request's own limits.
    public var constraints: Constraints
    /// The request's own preferences.
    public var preferences: Preferences
    /// Whether to list the corner portfolios, between which the curve is linear in the weights.
    public var includesCornerPortfolios: Bool
    /// The scenarios of the optimization that a curve stands beside, for limits on losses in them.
    public var scenarios: [ReturnScenario]?

    /// Makes a frontier request from its parts.
    public init(
        portfolioID: String,
        pointCount: Int = FrontierRequest.defaultPointCount,
        minimumReturn: Double? = nil,
        maximumRisk: Double? = nil,
        riskMeasure: RiskMeasure = .volatility,
        constraints: Constraints = Constraints(),
        preferences: Preferences = Preferences(),
        includesCornerPortfolios: Bool = false
    ) {
        self.portfolioID = portfolioID
        self.pointCount = pointCount
        self.minimumReturn = minimumReturn
        self.maximumRisk = maximumRisk
        self.riskMeasure = riskMeasure
        self.constraints = constraints
        self.preferences = preferences
        self.includesCornerPortfolios = includesCornerPortfolios
    }
}

extension FrontierRequest {
    /// The frontier that an optimization asks to see beside its allocation.
    public init(beside request: OptimizationRequest) {
        self.init(
            portfolioID: request.portfolioID,
            pointCount: request.frontierPointCount,
            riskMeasure: request.riskMeasure,
            constraints: request.constraints,
            preferences: request.preferences
        )
        scenarios = request.parameters.scenarios
    }
}

/// A portfolio in the plane of risk and return.
public struct FrontierPoint: Equatable, Sendable {
    /// Annual expected return, cash included.
    public var expectedReturn: Double
    /// Risk in the frontier's own measure and unit.
    public var risk: Double
    /// (return − risk-free rate) / risk; nil where the risk is 0.
    public var sharpe: Double?
    /// The weights, without exact zeros; cash under `cash`.
    public var weights: [String: Double]

    /// Makes a frontier point from its parts.
    public init(expectedReturn: Double, risk: Double, sharpe: Double?, weights: [String: Double]) {
        self.expectedReturn = expectedReturn
        self.risk = risk
        self.sharpe = sharpe
        self.weights = weights
    }
}

/// An efficient frontier: for each return between least risk and most return, the least risk.
public struct FrontierResult: Equatable, Sendable {
    /// The points in the order of their risk, evenly spaced on the axis of return.
    public var points: [FrontierPoint]
    /// What is held now, as it is: it need not meet the limits.
    public var currentPortfolio: FrontierPoint
    /// The largest ratio of excess return to risk; nil without a positive excess return.
    public var optimalPortfolio: FrontierPoint?
    /// The least risk, and of equal risk the most return.
    public var minimumRiskPortfolio: FrontierPoint
    /// The most return, and of equal return the least risk.
    public var maximumReturnPortfolio: FrontierPoint
    /// The portfolios at which the weights' course bends, by risk; nil unless asked for or where the method has none.
    public var cornerPortfolios: [FrontierPoint]?
    /// Each instrument alone, for the chart: its return and its risk, without weights but its own.
    public var instruments: [FrontierPoint]
    /// How the points were found and how exact they are.
    public var solution: SolutionReport
    /// The limits in force.
    public var constraints: Constraints
    /// The limits among them that the holdings break already, as they are in force; empty unless asked for.
    public var grandfatheredLimits: [GrandfatheredLimit] = []
    /// The preferences in force.
    public var preferences: Preferences
    /// What it was computed from.
    public var inputs: ResultInputs
    /// What the caller should know.
    public var warnings: [ResultWarning]

    /// Makes a frontier result from its parts.
    public init(
        points: [FrontierPoint],
        currentPortfolio: FrontierPoint,
        optimalPortfolio: FrontierPoint?,
        minimumRiskPortfolio: FrontierPoint,
        maximumReturnPortfolio: FrontierPoint,
        cornerPortfolios: [FrontierPoint]?,
        instruments: [FrontierPoint],
        solution: SolutionReport,
        constraints: Constraints,
        preferences: Preferences,
        inputs: ResultInputs,
        warnings: [ResultWarning]
    ) {
        self.points = points
        self.currentPortfolio = currentPortfolio
        self.optimalPortfolio = optimalPortfolio
        self.minimumRiskPortfolio = minimumRiskPortfolio
        self.maximumReturnPortfolio = maximumReturnPortfolio
        self.cornerPortfolios = cornerPortfolios
        self.instruments = instruments
        self.solution = solution
        self.constraints = constraints
        self.preferences = preferences
        self.inputs = inputs
        self.warnings = warnings
    }
}
