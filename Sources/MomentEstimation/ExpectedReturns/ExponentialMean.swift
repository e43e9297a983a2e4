internal import Glibc
public import Matrices

/// Weights of periods that halve every half-life, the last period's the largest, times their probabilities; sum 1.
///
/// - Parameters:
///   - periods: T.
///   - halfLife: in periods, positive.
///   - probabilities: p_t; nil means 1/T.
/// - Returns: T weights.
/// - Throws: ``EstimationError/wrongSize(part:expected:actual:)`` for probabilities of other periods, and
///   ``EstimationError/unusableEntry(part:row:column:)`` for a half-life that is not positive.
public func exponentialWeights(
    periods: Int,
    halfLife: Double,
    probabilities: [Double]? = nil
) throws(EstimationError) -> [Double] {
    guard halfLife > 0, halfLife.isFinite else { throw .unusableEntry(part: "half_life", row: 0, column: 0) }
    var weights = try periodProbabilities(probabilities, periods: periods)
    for t in weights.indices { weights[t] *= exp2(-Double(periods - 1 - t) / halfLife) }
    let total = weights.reduce(0, +)
    guard total > 0 else { throw .tooFewObservations(have: 0, need: 1) }
    return weights.map { $0 / total }
}

/// Estimates annual expected returns by the mean of the history with exponential weights, μ = P Σ w_t r_t.
///
/// - Parameters:
///   - returns: T × n returns per period, as fractions.
///   - periodsPerYear: P, 252 for daily returns.
///   - halfLife: after so many periods a weight is half.
///   - probabilities: p_t, which the weights are multiplied by; nil means 1/T.
/// - Returns: n annual returns.
/// - Throws: as ``historicalMean(of:periodsPerYear:probabilities:)``.
/// - Complexity: O(T n).
public func exponentialMean(
    of returns: DenseMatrix,
    periodsPerYear: Double,
    halfLife: Double,
    probabilities: [Double]? = nil
) throws(EstimationError) -> [Double] {
    guard returns.rows >= 1 else { throw .tooFewObservations(have: 0, need: 1) }
    try requireFinite(returns)
    let weights = try exponentialWeights(periods: returns.rows, halfLife: halfLife, probabilities: probabilities)
    return periodMeans(of: returns, weights: weights).map { $0 * periodsPerYear }
}
