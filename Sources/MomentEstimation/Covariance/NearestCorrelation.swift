internal import LinearAlgebra
public import Matrices

/// Work that the search for the nearest correlations may take, in operations; an eigenvalue decomposition takes 11 n³.
private let mostOperations = 2e11
/// Projections at most.
private let mostProjections = 2_000
/// A change of the matrix by less than this is none.
private let settledChange = 1e-10

/// Finds the correlation matrix nearest to a symmetric one in the Frobenius norm: semidefinite with a unit diagonal.
///
/// Alternating projections onto both sets, with Dykstra's correction of the first. The last step scales the semidefinite
/// matrix to a unit diagonal, so that it is a correlation matrix wherever the iteration ended.
///
/// - Parameter matrix: A, n × n, symmetric, finite.
/// - Returns: the matrix, exactly symmetric with a diagonal of ones, and its distance from A.
/// - Throws: ``EstimationError/indefinite(smallestEigenvalue:largestEigenvalue:)`` when the eigenvalues cannot be
///   computed.
/// - Complexity: 11 n³ operations a projection; linear convergence, ended early where n is large.
/// - SeeAlso: Higham, IMA J. Numerical Analysis 22 (2002), algorithm 3.3.
public func nearestCorrelation(to matrix: DenseMatrix) throws(EstimationError) -> RepairedCovariance {
    let n = matrix.rows
    guard n > 0 else { return RepairedCovariance(covariance: matrix, distance: 0) }
    let size = Double(n)
    let allowed = max(2, min(mostProjections, Int(mostOperations / (11 * size * size * size))))
    var unit = matrix
    var correction = DenseMatrix(rows: n, columns: n)
    var definite = matrix
    for _ in 0..<allowed {
        var start = unit
        for index in start.elements.indices { start.elements[index] -= correction.elements[index] }
        definite = try nearestPositiveSemidefinite(to: start).covariance
        for index in start.elements.indices {
            correction.elements[index] = definite.elements[index] - start.elements[index]
        }
        var next = definite
        for i in 0..<n { next[i, i] = 1 }
        var change = 0.0
        for index in next.elements.indices { change = max(change, abs(next.elements[index] - unit.elements[index])) }
        unit = next
        if change <= settledChange { break }
    }
    let scales = definite.diagonal.map { $0 > 0 ? 1 / $0.squareRoot() : 0 }
    var squaredDistance = 0.0
    for j in 0..<n {
        for i in 0..<n {
            definite[i, j] = i == j ? 1 : definite[i, j] * (scales[min(i, j)] * scales[max(i, j)])
            let difference = definite[i, j] - matrix[i, j]
            squaredDistance += difference * difference
        }
    }
    return RepairedCovariance(covariance: definite, distance: squaredDistance.squareRoot())
}
