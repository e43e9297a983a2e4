public import Matrices

/// What is known of the instruments' returns: moments, histories, factors.
///
/// At least one of `covariance`, `volatilities` with `correlations`, `returns`, `prices` and `factorModel` is set.
/// Order is that of `instruments` everywhere; moments are annual; histories run oldest first, one row a period.
public struct RiskModel: Equatable, Sendable {
    /// The moment the model is of.
    public var asOf: Timestamp
    /// The instruments, each once.
    public var instruments: [String]
    /// Periods in a year: 252 for daily, 12 for monthly.
    public var periodsPerYear: Double
    /// Annual expected returns, one an instrument.
    public var expectedReturns: [Double]?
    /// Annual covariance, n × n, symmetric to 1e-8 of its scale.
    public var covariance: DenseMatrix?
    /// Annual volatilities, one an instrument.
    public var volatilities: [Double]?
    /// Correlations, n × n with a unit diagonal.
    public var correlations: DenseMatrix?
    /// Simple returns per period, T × n.
    public var returns: DenseMatrix?
    /// Prices, (T + 1) × n.
    public var prices: DenseMatrix?
    /// The day of each row of `returns` or `prices`, oldest first.
    public var dates: [CalendarDate]?
    /// Probability of each row of `returns`; sums to 1.
    public var probabilities: [Double]?
    /// The factor model Σ = B F Bᵀ + D.
    public var factorModel: FactorModel?

    /// Makes a risk model from its parts.
    public init(
        asOf: Timestamp,
        instruments: [String],
        periodsPerYear: Double,
        expectedReturns: [Double]? = nil,
        covariance: DenseMatrix? = nil,
        volatilities: [Double]? = nil,
        correlations: DenseMatrix? = nil,
        returns: DenseMatrix? = nil,
        prices: DenseMatrix? = nil,
        dates: [CalendarDate]? = nil,
        probabilities: [Double]? = nil,
        factorModel: FactorModel? = nil
    ) {
        self.asOf = asOf
        self.instruments = instruments
        self.periodsPerYear = periodsPerYear
        self.expectedReturns = expectedReturns
        self.covariance = covariance
        self.volatilities = volatilities
        self.correlations = correlations
        self.returns = returns
        self.prices = prices
        self.dates = dates
        self.probabilities = probabilities
        self.factorModel = factorModel
    }
}

/// A factor model of returns: covariance = loadings · factorCovariance · loadingsᵀ + diag(specificVariance).
public struct FactorModel: Equatable, Sendable {
    /// The factors' names, each once.
    public var factors: [String]
    /// Loadings, n × k.
    public var loadings: DenseMatrix?
    /// Annual covariance of the factors, k × k.
    public var factorCovariance: DenseMatrix?
    /// Annual specific variance, one an instrument.
    public var specificVariance: [Double]?
    /// Factor returns per period, T × k.
    public var factorReturns: DenseMatrix?

    /// Makes a factor model from its parts.
    public init(
        factors: [String],
        loadings: DenseMatrix? = nil,
        factorCovariance: DenseMatrix? = nil,
        specificVariance: [Double]? = nil,
        factorReturns: DenseMatrix? = nil
    ) {
        self.factors = factors
        self.loadings = loadings
        self.factorCovariance = factorCovariance
        self.specificVariance = specificVariance
        self.factorReturns = factorReturns
    }
}

/// Expected returns and covariance, annual, ready for an optimizer, with the history they may come from.
public struct Moments: Equatable, Sendable {
    /// The instruments, in the order of everything below.
    public var instruments: [String]
    /// Annual expected returns.
    public var expectedReturns: [Double]
    /// Annual covariance, positive semidefinite; a factor model in its parts.
    public var covariance: CovarianceModel
    /// Simple returns per period, T × n, when the model has a history.
    public var returns: DenseMatrix?
    /// The probability of each of these periods; nil when they are equally likely.
    public var probabilities: [Double]?
    /// Periods in a year.
    public var periodsPerYear: Double
    /// Where the expected returns come from: `provided` or an estimator's name.
    public var expectedReturnsEstimator: String
    /// Where the covariance comes from: `provided` or an estimator's name.
    public var covarianceEstimator: String
    /// The factors behind the returns, when the model has some.
    public var factors: FactorStructure?
    /// Largest over smallest eigenvalue of a covariance estimated from a history; nil for others and for singular ones.
    public var covarianceConditionNumber: Double?
    /// What the caller should know about the estimation: a repair, a missing part.
    public var warnings: [ResultWarning]
    /// Whether `returns` are a caller's scenarios and not the risk model's history.
    public var hasGivenScenarios = false
    /// The history that a caller's scenarios stand in place of.
    public var replacedHistory: DenseMatrix?

    /// The returns in the order of time, when the model has a history.
    public var history: DenseMatrix? { hasGivenScenarios ? replacedHistory : returns }

    /// Makes a moments from its parts, with a covariance that is a matrix.
    public init(
        instruments: [String],
        expectedReturns: [Double],
        covariance: DenseMatrix,
        returns: DenseMatrix? = nil,
        probabilities: [Double]? = nil,
        periodsPerYear: Double,
        expectedReturnsEstimator: String = "provided",
        covarianceEstimator: String = "provided",
        warnings: [ResultWarning] = []
    ) {
        self.init(
            instruments: instruments,
            expectedReturns: expectedReturns,
            covariance: .dense(covariance),
            returns: returns,
            probabilities: probabilities,
            periodsPerYear: periodsPerYear,
            expectedReturnsEstimator: expectedReturnsEstimator,
            covarianceEstimator: covarianceEstimator,
            warnings: warnings
        )
    }

    /// Makes a moments from its parts.
    public init(
        instruments: [String],
        expectedReturns: [Double],
        covariance: CovarianceModel,
        returns: DenseMatrix? = nil,
        probabilities: [Double]? = nil,
        periodsPerYear: Double,
        expectedReturnsEstimator: String = "provided",
        covarianceEstimator: String = "provided",
        factors: FactorStructure? = nil,
        warnings: [ResultWarning] = []
    ) {
        self.instruments = instruments
        self.expectedReturns = expectedReturns
        self.covariance = covariance
        self.returns = returns
        self.probabilities = probabilities
        self.periodsPerYear = periodsPerYear
        self.expectedReturnsEstimator = expectedReturnsEstimator
        self.covarianceEstimator = covarianceEstimator
        self.factors = factors
        self.warnings = warnings
    }
}
