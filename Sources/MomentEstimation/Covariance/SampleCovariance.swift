internal import LinearAlgebra
public import Matrices

/// Estimates the annual covariance by the unbiased sample covariance, P/(T − 1) Σ (r_t − m)(r_t − m)ᵀ.
///
/// It is singular when T ≤ n, and its smallest eigenvalues are far too small long before that: an optimizer finds
/// them. Prefer ``ledoitWolfCovariance(of:periodsPerYear:probabilities:)`` below about ten observations an instrument.
///
/// - Parameters:
///   - returns: T × n returns per period, as fractions (0.01 is 1 %).
///   - periodsPerYear: P, 252 for daily returns.
/// - Returns: the annual n × n covariance, exactly symmetric.
/// - Throws: ``EstimationError/tooFewObservations(have:need:)`` when T < 2;
///   ``EstimationError/notFinite(observation:instrument:)`` for a NaN or an infinity.
/// - Complexity: O(T n²) time, O(T n) memory beyond the result.
public func sampleCovariance(of returns: DenseMatrix, periodsPerYear: Double) throws(EstimationError) -> DenseMatrix {
    guard returns.rows >= 2 else { throw .tooFewObservations(have: returns.rows, need: 2) }
    try requireFinite(returns)
    let weights = [Double](repeating: 1 / Double(returns.rows), count: returns.rows)
    let centred = centredHistory(of: returns, weights: weights)
    return scaled(centred.gram(), by: periodsPerYear / Double(returns.rows - 1))
}

/// The history with each instrument's mean taken off.
func centredHistory(of returns: DenseMatrix, weights: [Double]) -> DenseMatrix {
    var centred = returns
    for (instrument, mean) in periodMeans(of: returns, weights: weights).enumerated() {
        for period in 0..<returns.rows { centred[period, instrument] -= mean }
    }
    return centred
}

/// A matrix times a number.
func scaled(_ matrix: DenseMatrix, by factor: Double) -> DenseMatrix {
    var result = matrix
    for index in result.elements.indices { result.elements[index] *= factor }
    return result
}
