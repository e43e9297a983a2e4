internal import LinearAlgebra
public import Matrices

/// A covariance shrunk towards a scaled identity, with the weight it was shrunk by.
public struct LedoitWolfCovariance: Equatable, Sendable {
    /// The annual n × n covariance, exactly symmetric.
    public var covariance: DenseMatrix
    /// δ, the weight of the scaled identity, in [0, 1].
    public var shrinkage: Double
}

/// Shrinks the covariance of a history towards a scaled identity, by the weight that minimises expected squared error.
///
/// Σ̂ = P ((1 − δ) S + δ ν I),  S = Σ p_t x_t x_tᵀ,  ν = tr(S)/n,
/// δ = min(1, Σ p_t² ‖x_t x_tᵀ − S‖² / ‖S − ν I‖²),  x_t = r_t − Σ p_s r_s
///
/// With p_t = 1/T this is the paper's estimator; unequal probabilities enter as the variance of a weighted mean does.
/// The result is positive definite whenever δ > 0 and some return varies; δ may be 0, and the result then singular,
/// for two periods, one instrument, or returns that never vary.
///
/// - Parameters:
///   - returns: T × n returns per period, as fractions (0.01 is 1 %).
///   - periodsPerYear: P, 252 for daily returns; scales the result.
///   - probabilities: p_t, summing to 1; nil means 1/T.
/// - Returns: the annual covariance, and δ for the audit trail.
/// - Throws: ``EstimationError/tooFewObservations(have:need:)`` when T < 2;
///   ``EstimationError/notFinite(observation:instrument:)`` for a NaN or an infinity;
///   ``EstimationError/wrongSize(part:expected:actual:)`` for probabilities of other periods.
/// - Complexity: O(T n²) time, O(T n) memory beyond the result.
/// - SeeAlso: Ledoit & Wolf, J. Multivariate Analysis 88 (2004), section 3. Our ν is their m, our δ their b²/d².
public func ledoitWolfCovariance(
    of returns: DenseMatrix,
    periodsPerYear: Double,
    probabilities: [Double]? = nil
) throws(EstimationError) -> LedoitWolfCovariance {
    guard returns.rows >= 2 else { throw .tooFewObservations(have: returns.rows, need: 2) }
    try requireFinite(returns)
    let count = returns.columns
    let weights = try periodProbabilities(probabilities, periods: returns.rows)
    let centred = centredHistory(of: returns, weights: weights)
    var sample = weightedGram(of: centred, weights: weights)
    let mean = sample.diagonal.reduce(0, +) / Double(max(1, count))
    let distance = squaredDistanceFromIdentity(sample, scale: mean)
    // Where S is a multiple of I already, there is nothing to shrink and no direction to shrink in.
    let error = squaredError(of: sample, centred: centred, weights: weights)
    let shrinkage = distance > 0 ? min(1, error / distance) : 0
    sample = scaled(sample, by: (1 - shrinkage) * periodsPerYear)
    for i in 0..<count { sample[i, i] += shrinkage * mean * periodsPerYear }
    return LedoitWolfCovariance(covariance: sample, shrinkage: shrinkage)
}

/// S = Σ p_t x_t x_tᵀ.
///
/// Equal weights leave the history as it is, which is most of what there is to read and write.
private func weightedGram(of centred: DenseMatrix, weights: [Double]) -> DenseMatrix {
    if let first = weights.first, weights.allSatisfy({ $0 == first }) { return scaled(centred.gram(), by: first) }
    var rooted = centred
    let roots = weights.map { $0.squareRoot() }
    let periods = centred.rows
    rooted.elements.withUnsafeMutableBufferPointer { elements in
        for instrument in 0..<centred.columns {
            let start = instrument * periods
            for period in 0..<periods { elements[start + period] *= roots[period] }
        }
    }
    return rooted.gram()
}

/// ‖S − ν I‖²: taken entry by entry, since ‖S‖² − n ν² cancels for a nearly spherical S.
private func squaredDistanceFromIdentity(_ sample: DenseMatrix, scale: Double) -> Double {
    var sum = 0.0
    let count = sample.columns
    sample.elements.withUnsafeBufferPointer { elements in
        for j in 0..<count {
            guard let column = elements.baseAddress.map({ $0 + j * count }) else { return }
            for i in 0..<j { sum += column[i] * column[i] }
            for i in (j + 1)..<count { sum += column[i] * column[i] }
            sum += (column[j] - scale) * (column[j] - scale)
        }
    }
    return sum
}

/// Σ p_t² ‖x_t x_tᵀ − S‖², each term as ‖x_t‖⁴ − 2 x_tᵀ S x_t + ‖S‖², which needs no n × n matrix a period.
private func squaredError(of sample: DenseMatrix, centred: DenseMatrix, weights: [Double]) -> Double {
    let squaredNorm = sample.elements.reduce(0) { $0 + $1 * $1 }
    if let first = weights.first, weights.allSatisfy({ $0 == first }) {
        return squaredErrorOfEqual(centred, squaredNorm: squaredNorm, weight: first)
    }
    let products = centred.times(sample)
    var norms = [Double](repeating: 0, count: centred.rows)
    var forms = norms
    for instrument in 0..<centred.columns {
        for (period, value) in centred.column(instrument).enumerated() {
            norms[period] += value * value
            forms[period] += value * products[period, instrument]
        }
    }
    var sum = 0.0
    for (period, weight) in weights.enumerated() {
        // Rounding must not make a squared distance negative.
        sum += weight * weight * max(0, norms[period] * norms[period] - 2 * forms[period] + squaredNorm)
    }
    return sum
}

/// The same with equal weights p: Σ p² xᵀS x = p ‖S‖², so that p² Σ ‖x‖⁴ − p ‖S‖² is left.
private func squaredErrorOfEqual(_ centred: DenseMatrix, squaredNorm: Double, weight: Double) -> Double {
    var norms = [Double](repeating: 0, count: centred.rows)
    centred.elements.withUnsafeBufferPointer { elements in
        for instrument in 0..<centred.columns {
            let start = instrument * centred.rows
            for period in 0..<centred.rows {
                let value = elements[start + period]
                norms[period] += value * value
            }
        }
    }
    let fourth = norms.reduce(0) { $0 + $1 * $1 }
    return max(0, weight * (weight * fourth - squaredNorm))
}
