/// What single methods are told beyond limits and preferences; each belongs to one optimization type.
public struct MethodParameters: Equatable, Sendable {
    /// Views on returns (`black_litterman`).
    public var views: [ReturnView]?
    /// τ, how uncertain the prior is against the covariance (`black_litterman`); default 0.05.
    public var tau: Double?
    /// The weights of the market, summing to 1 (`black_litterman`); default the benchmark.
    public var marketWeights: [String: Double]?
    /// Whether the uncertainty of the expected returns is added to the covariance (`black_litterman`); default true.
    public var posteriorCovariance: Bool?
    /// Shares of the risk, summing to 1, by instrument or by group (`risk_parity`); default equal.
    public var riskBudgets: [String: Double]?
    /// What has a risk budget (`risk_parity`); default instruments.
    public var riskBudgetsBy: RiskBudgetOwner?
    /// How the distance between clusters is measured (`hierarchical_risk_parity`); default single.
    public var linkage: Linkage?
    /// Whether instruments are compared by their distances to all others (`hierarchical_risk_parity`); default false.
    public var distanceOfDistance: Bool?
    /// How weight is divided along the tree (`hierarchical_risk_parity`); default recursive bisection.
    public var clusterAllocation: ClusterAllocation?
    /// Clusters the tree is cut into (`hierarchical_risk_parity`); default those of the largest mean silhouette.
    public var clusterCount: Int?
    /// What is not taken for certain (`robust`).
    public var uncertainty: Uncertainty?
    /// The distribution of returns (`scenario_based`); at least one, each with the same instruments.
    public var scenarios: [ReturnScenario]?
    /// What is added up (`custom`).
    public var customObjective: [ObjectiveTerm]?
    /// What is added up (objective `multi_objective`).
    public var objectives: [ObjectiveTerm]?
    /// Non-dominated allocations to find besides (objective `multi_objective`); nil for none.
    public var paretoPoints: Int?

    /// Points of a non-dominated set: at least its ends.
    public static let paretoPointRange = 2...200
    /// Objectives that a non-dominated set may have.
    public static let paretoAxes = 2...3
    /// The periods planned and what is foreseen in them (`multi_period`).
    public var horizon: Horizon?

    /// Makes parameters in which nothing is set.
    public init() {}

    /// The τ in force.
    public var effectiveTau: Double { tau ?? 0.05 }
    /// Whether the posterior covariance is used.
    public var usesPosteriorCovariance: Bool { posteriorCovariance ?? true }
    /// What has a risk budget.
    public var effectiveRiskBudgetsBy: RiskBudgetOwner { riskBudgetsBy ?? .instrument }
}

/// How the distance between two clusters follows from those of their members.
public enum Linkage: String, CaseIterable, Sendable {
    /// The smallest distance of a pair.
    case single
    /// The largest distance of a pair.
    case complete
    /// The mean distance of all pairs.
    case average
    /// The growth of the sum of squared distances to the center (Ward), as a distance.
    case ward
}

/// A view on the return of a combination of instruments, Σ pᵢ μᵢ = q, and how much it is trusted.
public struct ReturnView: Equatable, Sendable {
    /// How much the view may be wrong.
    public enum Uncertainty: Equatable, Sendable {
        /// As uncertain as the prior is about the same combination.
        case asPrior
        /// The variance of the view's error, annual, not negative; 0 makes it certain.
        case variance(Double)
        /// Idzorek's confidence from 0, which drops the view, to 1, which makes it certain.
        case confidence(Double)
    }

    /// p: what one unit of the combination holds of each instrument.
    public var instruments: [String: Double]
    /// q, annual, as a fraction.
    public var expectedReturn: Double
    /// Whether q is a total return; otherwise it is one above the risk-free rate.
    public var isTotal: Bool
    /// How much the view may be wrong.
    public var uncertainty: Uncertainty

    /// Makes a view from its parts.
    public init(
        instruments: [String: Double],
        expectedReturn: Double,
        isTotal: Bool = false,
        uncertainty: Uncertainty = .asPrior
    ) {
        self.instruments = instruments
        self.expectedReturn = expectedReturn
        self.isTotal = isTotal
        self.uncertainty = uncertainty
    }
}

/// What a Black–Litterman result was computed from and came to; returns are above the risk-free rate.
public struct BlackLittermanReport: Equatable, Sendable {
    /// The equilibrium's annual excess returns, by instrument.
    public var prior: [String: Double]
    /// The annual excess returns after the views, by instrument.
    public var posterior: [String: Double]
    /// The market weights the equilibrium is that of.
    public var marketWeights: [String: Double]
    /// τ.
    public var tau: Double
    /// δ, the market's risk aversion.
    public var riskAversion: Double
    /// Whether the uncertainty of the expected returns was added to the covariance.
    public var hasPosteriorCovariance: Bool
    /// The variance of each view's error; nil for a view that was dropped.
    public var viewVariances: [Double?]

    /// Makes a report from its parts.
    public init(
        prior: [String: Double],
        posterior: [String: Double],
        marketWeights: [String: Double],
        tau: Double,
        riskAversion: Double,
        hasPosteriorCovariance: Bool,
        viewVariances: [Double?]
    ) {
        self.prior = prior
        self.posterior = posterior
        self.marketWeights = marketWeights
        self.tau = tau
        self.riskAversion = riskAversion
        self.hasPosteriorCovariance = hasPosteriorCovariance
        self.viewVariances = viewVariances
    }
}
