internal import PortfolioModel

/// What uncertain expected returns cost an allocation, and what of it one trade adds.
struct TradedUncertainty {
    private let isBox: Bool
    private let size: Double
    /// Ω.
    private let errors: CovarianceModel
    /// Weights, less those of the benchmark where the objective is on active ones.
    private let weights: [Double]
    /// Ωw of them.
    private let product: [Double]
    private let variance: Double

    /// Takes what is uncertain and weights in the order of the moments; nil where expected returns are certain.
    init?(_ uncertainty: Uncertainty?, weights: [Double], moments: Moments) throws(OptimizationFailure) {
        guard let uncertainty, uncertainty.kind.isOfReturns, uncertainty.size > 0 else { return nil }
        errors = try estimationErrors(uncertainty, of: moments)
        isBox = uncertainty.kind == .box
        size = uncertainty.size
        self.weights = weights
        product = errors.times(weights)
        variance = zip(weights, product).reduce(0) { $0 + $1.0 * $1.1 }
    }

    /// By how much the worst return is below the expected one.
    var penalty: Double {
        guard isBox else { return size * max(0, variance).squareRoot() }
        return zip(weights, errors.diagonal).reduce(0) { $0 + size * abs($1.0) * max(0, $1.1).squareRoot() }
    }

    /// What of the penalty a trade adds.
    func added(by change: Double, of index: Int) -> Double {
        let own = errors[index, index]
        if isBox { return size * max(0, own).squareRoot() * (abs(weights[index]) - abs(weights[index] - change)) }
        let without = max(0, variance + change * (change * own - 2 * product[index]))
        let roots = without.squareRoot() + max(0, variance).squareRoot()
        return roots > 0 ? size * (max(0, variance) - without) / roots : 0
    }
}

extension EvaluatedAllocation {
    /// The allocation with the moments it is guarded against: the worst covariance where that is uncertain.
    func guarded(against uncertainty: Uncertainty?) throws(OptimizationFailure) -> EvaluatedAllocation {
        guard let uncertainty, uncertainty.kind == .covarianceBox else { return self }
        var worst = self
        worst.moments.covariance = try worstCovariance(uncertainty, of: moments)
        return worst
    }
}
