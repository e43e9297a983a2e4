internal import LinearAlgebra
public import Matrices
public import PortfolioModel

/// Estimates a statistical factor model: the principal components above noise, and what they leave as specific variance.
///
/// Σ̂ = V_k Λ_k V_kᵀ + diag(S − V_k Λ_k V_kᵀ), of the correlations, scaled back. k is how many eigenvalues lie above the
/// edge of ``denoisedCovariance(of:periodsPerYear:probabilities:)``, at least 1.
///
/// - Parameters:
///   - returns: T × n returns per period, as fractions.
///   - periodsPerYear: P, 252 for daily returns.
///   - probabilities: p_t, summing to 1; nil means 1/T.
/// - Returns: the annual covariance in its parts.
/// - Throws: as ``sampleCovariance(of:periodsPerYear:)``.
/// - Complexity: O(T n² + n³).
/// - SeeAlso: Chamberlain & Rothschild, Econometrica 51 (1983).
public func statisticalFactorCovariance(
    of returns: DenseMatrix,
    periodsPerYear: Double,
    probabilities: [Double]? = nil
) throws(EstimationError) -> FactorCovariance {
    let weights = try historyWeights(returns, probabilities, least: 2)
    let (deviations, correlations) = standardized(try unbiasedCovariance(of: returns, weights: weights))
    guard let eigen = try? SymmetricEigen(correlations) else {
        throw .indefinite(smallestEigenvalue: .nan, largestEigenvalue: .nan)
    }
    let n = correlations.rows
    let periods = 1 / weights.reduce(0) { $0 + $1 * $1 }
    let k = min(n, max(1, countAboveNoise(eigen.values, periods: periods)))
    var exposures = DenseMatrix(rows: k, columns: n)
    var factors = DenseMatrix(rows: k, columns: k)
    var specific = [Double](repeating: 0, count: n)
    for f in 0..<k { factors[f, f] = max(0, eigen.values[n - 1 - f]) }
    for i in 0..<n {
        var explained = 0.0
        for f in 0..<k {
            let loading = eigen.vectors[i, n - 1 - f]
            exposures[f, i] = loading * deviations[i]
            explained += loading * loading * factors[f, f]
        }
        specific[i] = max(0, 1 - explained) * deviations[i] * deviations[i] * periodsPerYear
    }
    for f in 0..<k { factors[f, f] *= periodsPerYear }
    return FactorCovariance(exposuresTransposed: exposures, factorCovariance: factors, specificVariance: specific)
}
