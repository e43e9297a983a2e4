internal import LinearAlgebra
public import Matrices

/// Shrinks the covariance of a history towards a scaled identity by oracle approximating shrinkage, for normal returns.
///
/// Σ̂ = P ((1 − ρ) S + ρ ν I),  ν = tr(S)/n,  ρ = min(1, (m + ν²) / ((T + 1)(m − ν²/n))),  m = Σ S²ᵢⱼ / n²
///
/// S is the covariance with 1/T. With unequal probabilities T is 1/Σ p².
///
/// - Parameters:
///   - returns: T × n returns per period, as fractions.
///   - periodsPerYear: P, 252 for daily returns.
///   - probabilities: p_t, summing to 1; nil means 1/T.
/// - Returns: the annual covariance, and ρ for the audit trail.
/// - Throws: as ``ledoitWolfCovariance(of:periodsPerYear:probabilities:)``.
/// - Complexity: O(T n²).
/// - SeeAlso: Chen, Wiesel, Eldar & Hero, IEEE Transactions on Signal Processing 58 (2010); the form that common
///   libraries use, with the terms in 1/n left out of the numerator.
public func oracleApproximatingCovariance(
    of returns: DenseMatrix,
    periodsPerYear: Double,
    probabilities: [Double]? = nil
) throws(EstimationError) -> LedoitWolfCovariance {
    let weights = try historyWeights(returns, probabilities, least: 2)
    let count = Double(max(1, returns.columns))
    var sample = weightedCovariance(of: returns, weights: weights)
    let mean = sample.diagonal.reduce(0, +) / count
    let square = sample.elements.reduce(0) { $0 + $1 * $1 } / (count * count)
    let periods = 1 / weights.reduce(0) { $0 + $1 * $1 }
    let denominator = (periods + 1) * (square - mean * mean / count)
    let shrinkage = denominator > 0 ? min(1, (square + mean * mean) / denominator) : 1
    for index in sample.elements.indices { sample.elements[index] *= (1 - shrinkage) * periodsPerYear }
    for i in 0..<returns.columns { sample[i, i] += shrinkage * mean * periodsPerYear }
    return LedoitWolfCovariance(covariance: sample, shrinkage: shrinkage)
}

/// The weights of a history after a look at its size and its numbers.
func historyWeights(
    _ returns: DenseMatrix,
    _ probabilities: [Double]?,
    least: Int
) throws(EstimationError) -> [Double] {
    guard returns.rows >= least else { throw .tooFewObservations(have: returns.rows, need: least) }
    try requireFinite(returns)
    return try periodProbabilities(probabilities, periods: returns.rows)
}

/// Σ w_t (r_t − m)(r_t − m)ᵀ, m the weighted mean.
func weightedCovariance(of returns: DenseMatrix, weights: [Double]) -> DenseMatrix {
    var rooted = centredHistory(of: returns, weights: weights)
    let roots = weights.map { $0.squareRoot() }
    for instrument in 0..<rooted.columns {
        for period in 0..<rooted.rows { rooted[period, instrument] *= roots[period] }
    }
    return rooted.gram()
}

/// The unbiased covariance with weights: divided by 1 − Σ w², which is (T − 1)/T for equal ones.
func unbiasedCovariance(of returns: DenseMatrix, weights: [Double]) throws(EstimationError) -> DenseMatrix {
    let room = 1 - weights.reduce(0) { $0 + $1 * $1 }
    guard room > 1e-12 else { throw .tooFewObservations(have: 1, need: 2) }
    return scaled(weightedCovariance(of: returns, weights: weights), by: 1 / room)
}
