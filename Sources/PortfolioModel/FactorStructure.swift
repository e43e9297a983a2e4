public import Matrices

/// The factors behind the instruments' returns, complete: what a risk model leaves out has been estimated.
public struct FactorStructure: Equatable, Sendable {
    /// The factors' names, each once, in the order of everything below.
    public var factors: [String]
    /// Exposures, annual factor covariance and annual specific variance.
    public var covariance: FactorCovariance
    /// Factor returns per period, T × k, when the model has them.
    public var factorReturns: DenseMatrix?
    /// Where the exposures come from: `provided`, `regressed` or `principal_components`.
    public var loadingsEstimator: String

    /// Makes a factor structure from its parts.
    public init(
        factors: [String],
        covariance: FactorCovariance,
        factorReturns: DenseMatrix? = nil,
        loadingsEstimator: String = "provided"
    ) {
        self.factors = factors
        self.covariance = covariance
        self.factorReturns = factorReturns
        self.loadingsEstimator = loadingsEstimator
    }

    /// k.
    public var count: Int { factors.count }

    /// √F_ff, a factor's annual volatility.
    public func volatility(of factor: Int) -> Double {
        max(0, covariance.factorCovariance[factor, factor]).squareRoot()
    }

    /// The same factors for the given instruments, each once, in the given order.
    public func selecting(_ instruments: [Int]) -> FactorStructure {
        var result = self
        result.covariance = covariance.selecting(instruments)
        return result
    }
}
