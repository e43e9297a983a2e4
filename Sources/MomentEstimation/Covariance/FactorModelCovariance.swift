internal import LinearAlgebra
public import Matrices

/// Computes the covariance of a factor model, Σ = B F Bᵀ + D.
///
/// - Parameters:
///   - loadings: B, n × k.
///   - factorCovariance: F, k × k, annual, symmetric.
///   - specificVariance: the diagonal of D, n, annual, not negative.
/// - Returns: Σ, n × n, exactly symmetric.
/// - Throws: ``EstimationError/wrongSize(part:expected:actual:)`` where the parts do not fit together;
///   ``EstimationError/unusableEntry(part:row:column:)`` for a value that is no number, or a negative variance.
/// - Complexity: O(n² k).
public func factorModelCovariance(
    loadings: DenseMatrix,
    factorCovariance: DenseMatrix,
    specificVariance: [Double]
) throws(EstimationError) -> DenseMatrix {
    let (count, factors) = (loadings.rows, loadings.columns)
    guard factorCovariance.rows == factors, factorCovariance.columns == factors else {
        throw .wrongSize(part: "factor_covariance", expected: factors, actual: factorCovariance.rows)
    }
    guard specificVariance.count == count else {
        throw .wrongSize(part: "specific_variance", expected: count, actual: specificVariance.count)
    }
    try requireFinite(loadings, part: "loadings")
    let symmetricFactors = try symmetrized(factorCovariance, part: "factor_covariance")
    for (row, variance) in specificVariance.enumerated() where !(variance >= 0 && variance.isFinite) {
        throw .unusableEntry(part: "specific_variance", row: row, column: row)
    }
    var covariance = loadings.times(symmetricFactors).times(loadings, transposingOther: true)
    covariance.copyLowerTriangleToUpper()
    for i in 0..<count { covariance[i, i] += specificVariance[i] }
    return covariance
}
