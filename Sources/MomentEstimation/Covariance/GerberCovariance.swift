public import Matrices

/// Estimates the annual covariance from the Gerber statistic, Σᵢⱼ = P σᵢ gᵢⱼ σⱼ.
///
/// A move counts when it is at least c σ. gᵢⱼ is the share of periods in which both moved the same way less that in which
/// they moved apart, of those in which at least one moved. Moves within the threshold, and the size of those beyond it,
/// play no part, so that outliers do not either.
///
/// - Parameters:
///   - returns: T × n returns per period, as fractions.
///   - periodsPerYear: P, 252 for daily returns.
///   - threshold: c, 0.5 in the paper.
///   - probabilities: p_t, summing to 1; nil means 1/T.
/// - Returns: the annual covariance, symmetric; it is not always positive semidefinite.
/// - Throws: as ``sampleCovariance(of:periodsPerYear:)``.
/// - Complexity: O(T n²).
/// - SeeAlso: Gerber, Markowitz, Ernst, Miao, Javid & Sargen, J. Portfolio Management 48 (2022).
public func gerberCovariance(
    of returns: DenseMatrix,
    periodsPerYear: Double,
    threshold: Double = 0.5,
    probabilities: [Double]? = nil
) throws(EstimationError) -> DenseMatrix {
    let weights = try historyWeights(returns, probabilities, least: 2)
    let n = returns.columns
    let variances = try unbiasedCovariance(of: returns, weights: weights).diagonal
    let deviations = variances.map { max(0, $0).squareRoot() }
    // −1, 0 and 1 for a move down, none and up.
    let moves = (0..<n).map { j in
        returns.column(j).map { value -> Double in
            guard deviations[j] > 0, abs(value) >= threshold * deviations[j] else { return 0 }
            return value > 0 ? 1 : -1
        }
    }
    var result = DenseMatrix(rows: n, columns: n)
    for j in 0..<n {
        result[j, j] = variances[j] * periodsPerYear
        for i in (j + 1)..<max(n, j + 1) {
            var (agreed, moved) = (0.0, 0.0)
            for t in weights.indices {
                agreed += weights[t] * moves[i][t] * moves[j][t]
                if moves[i][t] != 0 || moves[j][t] != 0 { moved += weights[t] }
            }
            let entry = moved > 0 ? agreed / moved * deviations[i] * deviations[j] * periodsPerYear : 0
            result[i, j] = entry
            result[j, i] = entry
        }
    }
    return result
}
