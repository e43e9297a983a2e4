public import Matrices

/// Estimates the annual covariance with weights that halve every half-life, P/(1 − Σ w²) Σ w_t (r_t − m)(r_t − m)ᵀ.
///
/// m is the mean with the same weights; the divisor makes the estimate unbiased.
///
/// - Parameters:
///   - returns: T × n returns per period, as fractions.
///   - periodsPerYear: P, 252 for daily returns.
///   - halfLife: after so many periods a weight is half.
///   - probabilities: p_t, which the weights are multiplied by; nil means 1/T.
/// - Returns: the annual n × n covariance, exactly symmetric.
/// - Throws: as ``sampleCovariance(of:periodsPerYear:)``.
/// - Complexity: O(T n²).
public func exponentialCovariance(
    of returns: DenseMatrix,
    periodsPerYear: Double,
    halfLife: Double,
    probabilities: [Double]? = nil
) throws(EstimationError) -> DenseMatrix {
    _ = try historyWeights(returns, probabilities, least: 2)
    let weights = try exponentialWeights(periods: returns.rows, halfLife: halfLife, probabilities: probabilities)
    return scaled(try unbiasedCovariance(of: returns, weights: weights), by: periodsPerYear)
}
