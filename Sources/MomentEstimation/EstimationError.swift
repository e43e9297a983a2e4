public import PortfolioModel

/// A risk model that moments cannot be estimated from; the caller must change it.
public enum EstimationError: Error, Equatable, Sendable {
    /// There are too few periods.
    case tooFewObservations(have: Int, need: Int)
    /// A return is a NaN or an infinity.
    case notFinite(observation: Int, instrument: Int)
    /// A price is not a positive number.
    case notPositive(observation: Int, instrument: Int)
    /// A part has another size than the instruments ask for.
    case wrongSize(part: String, expected: Int, actual: Int)
    /// An entry of a matrix or a list is a NaN, an infinity, or a variance below 0.
    case unusableEntry(part: String, row: Int, column: Int)
    /// A covariance is not symmetric.
    case notSymmetric(row: Int, column: Int)
    /// A covariance is so far from positive semidefinite that repairing it would change its meaning.
    case indefinite(smallestEigenvalue: Double, largestEigenvalue: Double)
    /// Of the factors of a regression one does not vary or is a combination of the others.
    case dependentFactors
    /// Nothing in the model tells a covariance.
    case missingCovariance
    /// An estimator needs a history and the model has none.
    case missingHistory(estimator: String)
    /// An estimator needs a market portfolio of the model's instruments and there is none.
    case missingMarket
    /// The model's own expected returns are asked for and it has none.
    case missingReturns
    /// A part of the estimation failed for a reason of its own.
    case failed(OptimizationFailure)

    /// The failure of a request that meets such a model.
    public var failure: OptimizationFailure {
        if case .failed(let failure) = self { return failure }
        return OptimizationFailure(code: code, message: message)
    }

    private var code: String {
        switch self {
        case .indefinite: "indefinite_covariance"
        case .missingCovariance: "missing_covariance"
        case .tooFewObservations: "too_few_observations"
        case .dependentFactors: "dependent_factors"
        case .missingHistory: "missing_history"
        case .missingMarket: "missing_market"
        case .missingReturns: "missing_expected_returns"
        case .failed(let failure): failure.code
        case .notFinite, .notPositive, .wrongSize, .unusableEntry, .notSymmetric: "invalid_inputs"
        }
    }

    private var message: String {
        switch self {
        case .tooFewObservations(let have, let need):
            "the risk model has \(have) periods of returns; the estimate needs \(need)"
        case .notFinite(let observation, let instrument):
            "the return of period \(observation), instrument \(instrument) is not a number"
        case .notPositive(let observation, let instrument):
            "the price of period \(observation), instrument \(instrument) is not a positive number"
        case .wrongSize(let part, let expected, let actual):
            "\(part) of the risk model has \(actual) entries where \(expected) belong"
        case .unusableEntry(let part, let row, let column):
            "\(part) of the risk model has an unusable entry in row \(row), column \(column)"
        case .notSymmetric(let row, let column):
            "the covariance is not symmetric in row \(row), column \(column)"
        case .indefinite(let smallest, let largest):
            "the covariance is not positive semidefinite: its eigenvalues run from \(smallest) to \(largest)"
        case .dependentFactors:
            "loadings cannot be regressed: a factor does not vary or is a combination of the others"
        case .missingHistory(let estimator):
            "\(estimator) is estimated from a history; the risk model has neither returns nor prices"
        case .missingMarket:
            "the estimator needs the market: a benchmark of the portfolio in instruments of the risk model"
        case .missingReturns:
            "the risk model has no expected returns to take as provided"
        case .failed(let failure): failure.message
        case .missingCovariance:
            "the risk model has neither a covariance nor anything to estimate one from"
        }
    }
}
