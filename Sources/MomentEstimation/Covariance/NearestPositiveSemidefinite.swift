internal import LinearAlgebra
public import Matrices

/// A repaired covariance, and how far it was moved.
public struct RepairedCovariance: Equatable, Sendable {
    /// The positive semidefinite matrix.
    public var covariance: DenseMatrix
    /// ‖repaired − given‖ in the Frobenius norm.
    public var distance: Double
}

/// Finds the positive semidefinite matrix nearest to a symmetric one in the Frobenius norm: A₊ = V max(Λ, 0) Vᵀ.
///
/// - Parameter matrix: A, n × n, symmetric, finite.
/// - Returns: A₊, exactly symmetric, and the distance √Σ min(λ, 0)².
/// - Throws: ``EstimationError/indefinite(smallestEigenvalue:largestEigenvalue:)`` when the eigenvalues cannot be
///   computed.
/// - Complexity: about 11n³ operations.
/// - SeeAlso: Higham, Linear Algebra and its Applications 103 (1988), theorem 2.1.
public func nearestPositiveSemidefinite(to matrix: DenseMatrix) throws(EstimationError) -> RepairedCovariance {
    guard let eigen = try? SymmetricEigen(matrix) else {
        throw .indefinite(smallestEigenvalue: .nan, largestEigenvalue: .nan)
    }
    var rooted = eigen.vectors
    var squaredDistance = 0.0
    for (j, value) in eigen.values.enumerated() {
        if value < 0 { squaredDistance += value * value }
        let root = max(0, value).squareRoot()
        for i in 0..<rooted.rows { rooted[i, j] *= root }
    }
    return RepairedCovariance(covariance: rooted.outerGram(), distance: squaredDistance.squareRoot())
}
