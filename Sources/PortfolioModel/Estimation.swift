/// How moments are to be estimated, where a request does not take what the risk model offers first.
public struct Estimation: Equatable, Hashable, Sendable {
    /// An estimator of expected returns.
    public enum ExpectedReturns: String, CaseIterable, Sendable {
        /// The risk model's own.
        case provided
        /// The mean of the history.
        case historicalMean = "historical_mean"
        /// The mean of the history with weights that halve every half-life.
        case exponentialMean = "exponential_mean"
        /// The mean of the history shrunk towards the mean of all instruments.
        case jamesStein = "james_stein"
        /// The risk-free rate plus beta times the market's excess return.
        case capm
        /// The returns at which the market portfolio is optimal.
        case equilibrium
    }

    /// An estimator of the covariance.
    public enum Covariance: String, CaseIterable, Sendable {
        /// The risk model's own.
        case provided
        /// The unbiased sample covariance.
        case sample
        /// Shrunk towards a scaled identity (Ledoit and Wolf).
        case ledoitWolf = "ledoit_wolf"
        /// Shrunk towards a scaled identity, for normal returns (oracle approximating shrinkage).
        case oas
        /// With weights that halve every half-life.
        case exponential
        /// With the eigenvalues that noise explains replaced by their mean.
        case denoised
        /// From the signs of large joint moves (Gerber).
        case gerber
        /// The risk model's factor model, or a statistical one.
        case factorModel = "factor_model"
    }

    /// How expected returns are estimated; nil takes what the risk model has, else the historical mean.
    public var expectedReturns: ExpectedReturns?
    /// How the covariance is estimated; nil takes what the risk model has, else Ledoit–Wolf.
    public var covariance: Covariance?
    /// The half-life of exponential weights, in periods; nil is a quarter of a year.
    public var halfLife: Double?

    /// Makes an estimation in which nothing is set.
    public init(
        expectedReturns: ExpectedReturns? = nil,
        covariance: Covariance? = nil,
        halfLife: Double? = nil
    ) {
        self.expectedReturns = expectedReturns
        self.covariance = covariance
        self.halfLife = halfLife
    }

    /// Whether nothing is set.
    public var isDefault: Bool { self == Estimation() }

    /// Whether the market portfolio plays a part.
    public var needsMarket: Bool { expectedReturns == .capm || expectedReturns == .equilibrium }
}

/// The market as estimators of expected returns see it.
public struct MarketView: Equatable, Hashable, Sendable {
    /// Weights of the market portfolio by instrument; they need not sum to 1.
    public var weights: [String: Double]
    /// The annual risk-free rate.
    public var riskFreeRate: Double
    /// δ, the risk aversion at which the market portfolio is optimal.
    public var riskAversion: Double

    /// Makes a view of the market.
    public init(weights: [String: Double], riskFreeRate: Double, riskAversion: Double) {
        self.weights = weights
        self.riskFreeRate = riskFreeRate
        self.riskAversion = riskAversion
    }

    /// A portfolio's benchmark as the market, with the preferences in force; nil without a benchmark.
    public init?(_ portfolio: Portfolio, _ preferences: Preferences) {
        guard let benchmark = portfolio.benchmark else { return nil }
        self.init(
            weights: benchmark,
            riskFreeRate: preferences.effectiveRiskFreeRate,
            riskAversion: preferences.effectiveRiskAversion
        )
    }
}
