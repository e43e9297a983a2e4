public import Matrices

/// The factorization A = L Lᵀ of a symmetric positive definite matrix.
public struct CholeskyFactorization: Sendable {
    /// n, the order of A.
    public let order: Int
    /// L in the lower triangle; the upper one holds what A held there.
    private var factor: [Double]

    /// Factors A, of which only the lower triangle is read.
    ///
    /// - Parameter matrix: A, n × n.
    /// - Throws: ``LinearAlgebraError/notPositiveDefinite(order:)`` with the order of the first leading minor that is
    ///   not positive: the first `order − 1` rows and columns are positive definite, which tells the rank found so far.
    /// - Complexity: n³/3 operations.
    public init(_ matrix: DenseMatrix) throws(LinearAlgebraError) {
        precondition(matrix.rows == matrix.columns, "only a square matrix is factored")
        order = matrix.rows
        factor = matrix.elements
        let failedOrder = LAPACK.potrf(&factor, order: order)
        guard failedOrder == 0 else { throw LinearAlgebraError.notPositiveDefinite(order: failedOrder) }
        // A NaN can pass the comparison inside some kernels; it always reaches the last pivot.
        guard factor.last?.isFinite ?? true else { throw LinearAlgebraError.notFinite }
    }

    /// L, n × n, its upper triangle zero.
    public var lowerFactor: DenseMatrix {
        var result = DenseMatrix(rows: order, columns: order, columnMajor: factor)
        for j in 0..<order {
            for i in 0..<j { result[i, j] = 0 }
        }
        return result
    }

    /// A⁻¹, both triangles filled and exactly symmetric.
    ///
    /// - Complexity: 2n³/3 operations.
    public var inverse: DenseMatrix {
        var elements = factor
        LAPACK.potri(&elements, order: order)
        var result = DenseMatrix(rows: order, columns: order, columnMajor: elements)
        result.copyLowerTriangleToUpper()
        return result
    }

    /// The solution of A x = b.
    ///
    /// - Complexity: 2n² operations.
    public func solve(_ b: [Double]) -> [Double] {
        precondition(b.count == order, "a right-hand side has the order of the matrix")
        var x = b
        LAPACK.potrs(factor, order: order, rightHandSides: &x, count: 1)
        return x
    }

    /// The solution of A X = B, B n × k.
    ///
    /// - Complexity: 2n²k operations.
    public func solve(_ b: DenseMatrix) -> DenseMatrix {
        precondition(b.rows == order, "a right-hand side has the order of the matrix")
        var x = b
        LAPACK.potrs(factor, order: order, rightHandSides: &x.elements, count: b.columns)
        return x
    }

    /// The solution of L x = b, or of Lᵀ x = b.
    ///
    /// - Complexity: n² operations.
    public func solveTriangular(_ b: [Double], transposed: Bool = false) -> [Double] {
        precondition(b.count == order, "a right-hand side has the order of the matrix")
        var x = b
        let zeroDiagonal = LAPACK.trtrs(factor, order: order, transposed: transposed, rightHandSides: &x, count: 1)
        precondition(zeroDiagonal == 0, "the diagonal of a Cholesky factor is positive")
        return x
    }

    /// The smallest and the largest diagonal entry of L.
    public var diagonalRange: (smallest: Double, largest: Double) {
        guard order > 0 else { return (1, 1) }
        let diagonal = (0..<order).map { factor[$0 * order + $0] }
        return (diagonal.min() ?? 1, diagonal.max() ?? 1)
    }
}
