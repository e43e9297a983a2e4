internal import LinearAlgebra
public import Matrices

/// Shrinks historical means towards their mean over all instruments.
///
/// μ̂ = (1 − α) x̄ + α b 1,  b = Σ x̄ᵢ/n,  α = min(1, max(0, (n λ̄ − 2 λ₁) / (T ‖x̄ − b 1‖²)))
///
/// λ̄ and λ₁ are the mean and the largest eigenvalue of the covariance of one period. Below four instruments shrinking
/// need not help, and the formula then gives α near 0.
///
/// - Parameters:
///   - returns: T × n returns per period, as fractions.
///   - periodsPerYear: P, 252 for daily returns.
///   - covariance: annual, n × n; its eigenvalues are what the noise of the means is measured by.
///   - probabilities: p_t; nil means 1/T. T is then 1/Σ p².
/// - Returns: n annual returns, and α for the audit trail.
/// - Throws: as ``historicalMean(of:periodsPerYear:probabilities:)``.
/// - Complexity: O(T n + n³).
/// - SeeAlso: James & Stein (1961); Jorion, J. Financial and Quantitative Analysis 21 (1986), for the target.
public func jamesSteinMean(
    of returns: DenseMatrix,
    periodsPerYear: Double,
    covariance: DenseMatrix,
    probabilities: [Double]? = nil
) throws(EstimationError) -> (expectedReturns: [Double], shrinkage: Double) {
    let means = try historicalMean(of: returns, periodsPerYear: periodsPerYear, probabilities: probabilities)
    let count = Double(means.count)
    guard covariance.rows == means.count, covariance.columns == means.count else {
        throw .wrongSize(part: "covariance", expected: means.count, actual: covariance.rows)
    }
    let target = means.reduce(0, +) / max(1, count)
    let distance = means.reduce(0) { $0 + ($1 - target) * ($1 - target) }
    guard distance > 0, let values = try? SymmetricEigen.values(of: covariance), let largest = values.last else {
        return (means, 0)
    }
    let weights = try periodProbabilities(probabilities, periods: returns.rows)
    let periods = 1 / weights.reduce(0) { $0 + $1 * $1 }
    // Annual on both sides: means are P times, the covariance P times that of a period, so one P is left over.
    let noise = (values.reduce(0, +) - 2 * largest) * periodsPerYear / periods
    let shrinkage = min(1, max(0, noise / distance))
    return (means.map { $0 + shrinkage * (target - $0) }, shrinkage)
}
