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
    let means = periodMeans(of: returns, weights: weights)
    let periods = returns.rows
    let count = returns.elements.count
    let centred = [Double](unsafeUninitializedCapacity: count) { target, initializedCount in
        returns.elements.withUnsafeBufferPointer { source in
            for (instrument, mean) in means.enumerated() {
                let start = instrument * periods
                for k in start..<(start + periods) { target[k] = source[k] - mean }
            }
        }
        initializedCount = count
    }
    return DenseMatrix(rows: periods, columns: returns.columns, columnMajor: centred)
}

/// A matrix times a number.
func scaled(_ matrix: consuming DenseMatrix, by factor: Double) -> DenseMatrix {
    matrix.elements.withUnsafeMutableBufferPointer { elements in
        for index in elements.indices { elements[index] *= factor }
    }
    return matrix
}
