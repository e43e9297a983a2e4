public import Matrices

/// Computes a covariance from volatilities and correlations, Σ_ij = σ_i ρ_ij σ_j.
///
/// - Parameters:
///   - volatilities: σ, n, annual, not negative.
///   - correlations: ρ, n × n, symmetric, with a unit diagonal.
/// - Returns: the annual n × n covariance, exactly symmetric; semidefinite only if ρ is.
/// - Throws: ``EstimationError/wrongSize(part:expected:actual:)``, ``EstimationError/notSymmetric(row:column:)`` or
///   ``EstimationError/unusableEntry(part:row:column:)`` for a diagonal other than 1, a correlation beyond ±1, or a
///   value that is no number.
/// - Complexity: O(n²).
public func covariance(volatilities: [Double], correlations: DenseMatrix) throws(EstimationError) -> DenseMatrix {
    let count = volatilities.count
    guard correlations.rows == count, correlations.columns == count else {
        throw .wrongSize(part: "correlations", expected: count, actual: correlations.rows)
    }
    for (row, volatility) in volatilities.enumerated() where !(volatility >= 0 && volatility.isFinite) {
        throw .unusableEntry(part: "volatilities", row: row, column: 0)
    }
    var covariance = try symmetrized(correlations, part: "correlations")
    for j in 0..<count {
        for i in 0..<count {
            let correlation = covariance[i, j]
            let isPossible = i == j ? abs(correlation - 1) <= 1e-8 : abs(correlation) <= 1 + 1e-8
            guard isPossible else { throw .unusableEntry(part: "correlations", row: i, column: j) }
            covariance[i, j] =
                i == j ? volatilities[i] * volatilities[i] : volatilities[i] * correlation * volatilities[j]
        }
    }
    return covariance
}
