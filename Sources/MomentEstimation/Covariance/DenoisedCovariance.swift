internal import LinearAlgebra
public import Matrices

/// Estimates the annual covariance with the eigenvalues of the correlation that noise explains set to their mean.
///
/// Of uncorrelated returns with variance s² the eigenvalues lie below s² (1 + √(n/T))² (Marčenko and Pastur). s² starts at
/// 1 and is lowered to the mean of the eigenvalues below the edge until it stays. What lies above keeps its eigenvalue;
/// the unit diagonal is restored.
///
/// - Parameters:
///   - returns: T × n returns per period, as fractions.
///   - periodsPerYear: P, 252 for daily returns.
///   - probabilities: p_t, summing to 1; nil means 1/T.
/// - Returns: the annual covariance, and how many eigenvalues were kept.
/// - Throws: as ``sampleCovariance(of:periodsPerYear:)``.
/// - Complexity: O(T n² + n³).
/// - SeeAlso: Laloux, Cizeau, Bouchaud & Potters, Physical Review Letters 83 (1999); López de Prado, Machine Learning for
///   Asset Managers (2020), section 2.5, the constant residual eigenvalue.
public func denoisedCovariance(
    of returns: DenseMatrix,
    periodsPerYear: Double,
    probabilities: [Double]? = nil
) throws(EstimationError) -> (covariance: DenseMatrix, keptCount: Int) {
    let weights = try historyWeights(returns, probabilities, least: 2)
    let sample = try unbiasedCovariance(of: returns, weights: weights)
    let (deviations, correlations) = standardized(sample)
    guard let eigen = try? SymmetricEigen(correlations) else {
        throw .indefinite(smallestEigenvalue: .nan, largestEigenvalue: .nan)
    }
    let kept = countAboveNoise(eigen.values, periods: 1 / weights.reduce(0) { $0 + $1 * $1 })
    let n = sample.rows
    let noisy = max(0, n - kept)
    let level = noisy > 0 ? eigen.values[..<noisy].reduce(0, +) / Double(noisy) : 0
    var rooted = eigen.vectors
    for j in 0..<n {
        let root = max(0, j < noisy ? level : eigen.values[j]).squareRoot()
        for i in 0..<n { rooted[i, j] *= root }
    }
    var result = rooted.outerGram()
    let diagonal = result.diagonal
    for j in 0..<n {
        for i in 0..<n {
            let scale = (diagonal[i] * diagonal[j]).squareRoot()
            let correlation = i == j ? 1 : (scale > 0 ? result[i, j] / scale : 0)
            result[i, j] = correlation * deviations[i] * deviations[j] * periodsPerYear
        }
    }
    return (result, kept)
}

/// How many eigenvalues, ascending, lie above what noise explains.
func countAboveNoise(_ values: [Double], periods: Double) -> Int {
    let ratio = 1 + (Double(values.count) / periods).squareRoot()
    var variance = 1.0
    var below = values.count
    for _ in 0..<100 {
        let edge = variance * ratio * ratio
        let count = values.filter { $0 <= edge }.count
        guard count > 0 else { return values.count }
        let mean = values[..<count].reduce(0, +) / Double(count)
        if count == below && mean >= variance * (1 - 1e-12) { break }
        (below, variance) = (count, min(variance, mean))
    }
    return values.count - below
}

/// Standard deviations and correlations; an instrument that never varies is correlated with none.
func standardized(_ covariance: DenseMatrix) -> (deviations: [Double], correlations: DenseMatrix) {
    let deviations = covariance.diagonal.map { max(0, $0).squareRoot() }
    var correlations = covariance
    for j in 0..<covariance.columns {
        for i in 0..<covariance.rows {
            let scale = deviations[i] * deviations[j]
            correlations[i, j] = i == j ? 1 : (scale > 0 ? covariance[i, j] / scale : 0)
        }
    }
    return (deviations, correlations)
}
