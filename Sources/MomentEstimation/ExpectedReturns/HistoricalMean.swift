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
    (0..<returns.columns).map { instrument in
        zip(returns.column(instrument), weights).reduce(0) { $0 + $1.0 * $1.1 }
    }
}
