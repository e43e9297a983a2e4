/// The kinds of optimization this build offers; others are refused by name.
public enum OptimizationType: String, CaseIterable, Sendable {
    case meanVariance = "mean_variance"
    case blackLitterman = "black_litterman"
    case riskParity = "risk_parity"
    case hierarchicalRiskParity = "hierarchical_risk_parity"
    /// Mean-variance on the factor model's covariance, with limits on exposures to its factors.
    case factorBased = "factor_based"
    /// The objectives on return and risk in the worst case of what is uncertain.
    case robust
    /// The objectives on the distribution that the caller's scenarios are, with limits on single ones.
    case scenarioBased = "scenario_based"
    /// An objective that the caller puts together of terms.
    case custom
    /// Mean-variance over several periods at once, of which the first one's trades are recommended.
    case multiPeriod = "multi_period"
}

/// What an optimization strives for.
public enum Objective: String, CaseIterable, Sendable {
    case maximizeSharpe = "maximize_sharpe"
    case minimizeRisk = "minimize_risk"
    case maximizeReturn = "maximize_return"
    case maximizeUtility = "maximize_utility"
    case minimizeTrackingError = "minimize_tracking_error"
    case maximizeInformationRatio = "maximize_information_ratio"
    case maximizeDiversification = "maximize_diversification"
    case minimizeTransactionCosts = "minimize_transaction_costs"
    case riskBudgeting = "risk_budgeting"
    /// Terms with weights, and the allocations of which none is better in all of them.
    case multiObjective = "multi_objective"
    /// Terms with weights alone.
    case custom

    /// Whether it has no meaning where no expected returns are known.
    public var needsExpectedReturns: Bool {
        switch self {
        case .maximizeSharpe, .maximizeReturn, .maximizeUtility, .maximizeInformationRatio: true
        case .minimizeRisk, .minimizeTrackingError, .maximizeDiversification, .minimizeTransactionCosts,
            .riskBudgeting, .multiObjective, .custom:
            false
        }
    }

    /// Whether it is put together of terms, which say what it needs.
    public var isOfTerms: Bool { self == .custom || self == .multiObjective }

    /// Whether it is measured against the benchmark.
    public var needsBenchmark: Bool { self == .minimizeTrackingError || self == .maximizeInformationRatio }
}

/// A request for an allocation, as the caller gave it: the portfolio's own limits are not merged in.
public struct OptimizationRequest: Equatable, Sendable {
    /// The portfolio to optimize.
    public var portfolioID: String
    /// The kind of optimization.
    public var type: OptimizationType
    /// What it strives for.
    public var objective: Objective
    /// How risk is measured.
    public var riskMeasure: RiskMeasure
    /// The request's own limits.
    public var constraints: Constraints
    /// The request's own preferences.
    public var preferences: Preferences
    /// What the method is told beyond them.
    public var parameters: MethodParameters
    /// Points of the efficient frontier to show beside the allocation; 0 for none.
    public var frontierPointCount: Int
    /// How moments are estimated.
    public var estimation: Estimation

    /// Makes an optimization request from its parts.
    public init(
        portfolioID: String,
        type: OptimizationType,
        objective: Objective,
        riskMeasure: RiskMeasure = .volatility,
        constraints: Constraints = Constraints(),
        preferences: Preferences = Preferences(),
        parameters: MethodParameters = MethodParameters(),
        frontierPointCount: Int = 0,
        estimation: Estimation = Estimation()
    ) {
        self.portfolioID = portfolioID
        self.type = type
        self.objective = objective
        self.riskMeasure = riskMeasure
        self.constraints = constraints
        self.preferences = preferences
        self.parameters = parameters
        self.frontierPointCount = frontierPointCount
        self.estimation = estimation
    }
}

/// Everything a request is answered from, at the versions pinned when it was accepted.
public struct MandateSnapshot: Equatable, Sendable {
    /// The holdings and their owner's limits.
    public var portfolio: Portfolio
    /// The risk model.
    public var riskModel: RiskModel
    /// The instruments of the universe and of the holdings.
    public var instruments: [Instrument]
    /// The versions these are.
    public var versions: SnapshotVersions

    /// Makes a mandate snapshot from its parts.
    public init(portfolio: Portfolio, riskModel: RiskModel, instruments: [Instrument], versions: SnapshotVersions) {
        self.portfolio = portfolio
        self.riskModel = riskModel
        self.instruments = instruments
        self.versions = versions
    }
}

/// The versions of the inputs that a result was computed from.
public struct SnapshotVersions: Equatable, Sendable {
    /// Version of the portfolio snapshot.
    public var portfolio: Int
    /// The risk model's identifier.
    public var riskModelID: String
    /// Version of the risk model.
    public var riskModel: Int
    /// Version of the instruments: the number of the last bulk change.
    public var instruments: Int

    /// Makes a snapshot versions from its parts.
    public init(portfolio: Int, riskModelID: String, riskModel: Int, instruments: Int) {
        self.portfolio = portfolio
        self.riskModelID = riskModelID
        self.riskModel = riskModel
        self.instruments = instruments
    }
}

/// The states of a job and of the request it serves.
public enum JobStatus: String, CaseIterable, Sendable {
    case pending, processing, completed, failed, cancelled

    /// Whether the state never changes again.
    public var isFinal: Bool {
        switch self {
        case .pending, .processing: false
        case .completed, .failed, .cancelled: true
        }
    }
}
