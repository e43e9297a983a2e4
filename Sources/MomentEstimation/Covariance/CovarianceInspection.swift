internal import LinearAlgebra
public import Matrices

/// How far a symmetric matrix is from being a covariance.
public enum CovarianceInspection: Equatable, Sendable {
    /// It is one, to rounding.
    case positiveSemidefinite
    /// It has negative eigenvalues, no further below 0 than 1e-6 of the largest: repairing it changes little.
    case repairable(smallestEigenvalue: Double, largestEigenvalue: Double)
    /// It has eigenvalues further below 0: it is not the covariance of anything near it.
    case indefinite(smallestEigenvalue: Double, largestEigenvalue: Double)
}

/// A smallest eigenvalue above minus this share of the largest can be repaired.
private let repairableShare = 1e-6

/// Tells whether a matrix is positive semidefinite, could be repaired, or is no covariance.
///
/// A covariance that is fine costs one Cholesky factorization, of the matrix with its diagonal raised by what rounding
/// may take from it (16 n ε of the largest variance); eigenvalues are computed only where that fails.
///
/// - Parameter covariance: n × n, symmetric, finite; only one triangle is read.
/// - Returns: the verdict, with the extreme eigenvalues where they had to be computed. A matrix whose eigenvalues
///   cannot be computed is called indefinite, with NaN for both.
/// - Complexity: n³/3 operations, and 4n³/3 more in the doubtful case.
public func inspectCovariance(_ covariance: DenseMatrix) -> CovarianceInspection {
    guard covariance.rows == covariance.columns, covariance.elements.allSatisfy(\.isFinite) else {
        return .indefinite(smallestEigenvalue: .nan, largestEigenvalue: .nan)
    }
    let largestVariance = covariance.diagonal.reduce(0) { max($0, $1) }
    let rounding = 16 * Double(covariance.rows) * Double.ulpOfOne
    var raised = covariance
    for i in 0..<covariance.rows { raised[i, i] += rounding * largestVariance }
    if (try? CholeskyFactorization(raised)) != nil { return .positiveSemidefinite }
    guard let values = try? SymmetricEigen.values(of: covariance), let smallest = values.first,
        let largest = values.last
    else {
        return covariance.rows == 0
            ? .positiveSemidefinite : .indefinite(smallestEigenvalue: .nan, largestEigenvalue: .nan)
    }
    if smallest >= -rounding * largest { return .positiveSemidefinite }
    if smallest >= -repairableShare * largest {
        return .repairable(smallestEigenvalue: smallest, largestEigenvalue: largest)
    }
    return .indefinite(smallestEigenvalue: smallest, largestEigenvalue: largest)
}
