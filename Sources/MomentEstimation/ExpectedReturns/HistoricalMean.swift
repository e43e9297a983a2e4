public import Matrices

/// Estimates annual expected returns by the mean of the history, μ = P Σ p_t r_t.
///
/// The mean is arithmetic, of simple returns, so that it adds up over a portfolio's weights; it does not compound. Its
/// standard error is σ / √years, which rarely falls below the differences one would like to see.
///
/// - Parameters:
///   - returns: T × n returns per period, as fractions (0.01 is 1 %).
///   - periodsPerYear: P, 252 for daily returns.
///   - probabilities: p_t, summing to 1; nil means 1/T.
/// - Returns: n annual returns.
/// - Throws: ``EstimationError/tooFewObservations(have:need:)`` without a period;
///   ``EstimationError/notFinite(observation:instrument:)`` for a NaN or an infinity;
///   ``EstimationError/wrongSize(part:expected:actual:)`` for probabilities of other periods.
/// - Complexity: O(T n).
public func historicalMean(
    of returns: DenseMatrix,
    periodsPerYear: Double,
    probabilities: [Double]? = nil
) throws(EstimationError) -> [Double] {
    guard returns.rows >= 1 else { throw .tooFewObservations(have: 0, need: 1) }
    try requireFinite(returns)
    let weights = try periodProbabilities(probabilities, periods: returns.rows)
    return periodMeans(of: returns, weights: weights).map { $0 * periodsPerYear }
}

/// Σ p_t r_t for each instrument, per period.
func periodMeans(of returns: DenseMatrix, weights: [Double]) -> [Double] {
    let periods = returns.rows
    var means = [Double](repeating: 0, count: returns.columns)
    returns.elements.withUnsafeBufferPointer { elements in
        weights.withUnsafeBufferPointer { weights in
            // Four sums at a time, each in the order of the periods: one alone waits for its own additions.
            for first in stride(from: 0, to: means.count, by: 4) {
                let columns = min(4, means.count - first)
                var sums = SIMD4<Double>.zero
                for period in 0..<periods {
                    for k in 0..<columns { sums[k] += elements[(first + k) * periods + period] * weights[period] }
                }
                for k in 0..<columns { means[first + k] = sums[k] }
            }
        }
    }
    return means
}
