public import Matrices

/// The spectral decomposition A = V diag(λ) Vᵀ of a symmetric matrix.
public struct SymmetricEigen: Sendable {
    /// λ, ascending.
    public let values: [Double]
    /// V, n × n: column j belongs to `values[j]`.
    public let vectors: DenseMatrix

    /// Decomposes A, of which only the lower triangle is read.
    ///
    /// - Parameter matrix: A, n × n.
    /// - Throws: ``LinearAlgebraError/notFinite`` for a NaN or an infinity,
    ///   ``LinearAlgebraError/noConvergence`` when LAPACK gives up.
    /// - Complexity: about 9n³ operations.
    public init(_ matrix: DenseMatrix) throws(LinearAlgebraError) {
        let decomposition = try Self.decompose(matrix, vectors: true)
        values = decomposition.values
        vectors = DenseMatrix(rows: matrix.rows, columns: matrix.rows, columnMajor: decomposition.elements)
    }

    /// The eigenvalues alone, ascending.
    ///
    /// - Throws: as ``init(_:)``.
    /// - Complexity: about 4n³/3 operations.
    public static func values(of matrix: DenseMatrix) throws(LinearAlgebraError) -> [Double] {
        try decompose(matrix, vectors: false).values
    }

    private static func decompose(
        _ matrix: DenseMatrix,
        vectors: Bool
    ) throws(LinearAlgebraError) -> (values: [Double], elements: [Double]) {
        precondition(matrix.rows == matrix.columns, "only a square matrix has eigenvalues")
        // LAPACK may not end on a NaN.
        guard matrix.elements.allSatisfy(\.isFinite) else { throw LinearAlgebraError.notFinite }
        var elements = matrix.elements
        var values = [Double](repeating: 0, count: matrix.rows)
        guard LAPACK.syevd(&elements, order: matrix.rows, vectors: vectors, values: &values) == 0 else {
            throw LinearAlgebraError.noConvergence
        }
        return (values, elements)
    }
}

/// An upper bound on the largest eigenvalue magnitude of a symmetric matrix: its largest absolute row sum.
///
/// - Complexity: O(n²). At most √n times the true value for a positive semidefinite matrix of equal diagonal.
/// - SeeAlso: Gershgorin's theorem.
public func largestEigenvalueBound(of matrix: DenseMatrix) -> Double {
    precondition(matrix.rows == matrix.columns, "only a square matrix has eigenvalues")
    var largest = 0.0
    for j in 0..<matrix.columns {
        var sum = 0.0
        for value in matrix.column(j) { sum += value.magnitude }
        largest = max(largest, sum)
    }
    return largest
}

/// The largest eigenvalue of a positive semidefinite matrix, by power iteration from a fixed start.
///
/// A lower bound (a Rayleigh quotient) that is exact in the limit; the fixed start makes the result repeatable.
///
/// - Parameters:
///   - matrix: A, n × n, symmetric positive semidefinite.
///   - maximumIterations: the most products A x.
///   - tolerance: ends when the quotient grows by less than this fraction.
/// - Returns: the last Rayleigh quotient; 0 for the zero matrix and when the products are not finite.
/// - Complexity: O(n²) an iteration.
public func largestEigenvalue(
    of matrix: DenseMatrix,
    maximumIterations: Int = 200,
    tolerance: Double = 1e-12
) -> Double {
    precondition(matrix.rows == matrix.columns, "only a square matrix has eigenvalues")
    let n = matrix.rows
    guard n > 0 else { return 0 }
    // Unequal entries, so that no eigenvector of a structured matrix is orthogonal to the start.
    var x = (0..<n).map { 1 + Double(($0 * 7 + 3) % 11) / 16 }
    var estimate = 0.0
    for _ in 0..<maximumIterations {
        let length = norm2(x)
        guard length > 0, length.isFinite else { return 0 }
        for i in 0..<n { x[i] /= length }
        let product = matrix.symmetricTimes(x)
        let quotient = dot(x, product)
        defer { x = product }
        if (quotient - estimate).magnitude <= tolerance * quotient.magnitude { return quotient }
        estimate = quotient
    }
    return estimate
}
