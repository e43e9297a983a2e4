public import Matrices

/// The Bunch–Kaufman factorization P A Pᵀ = L D Lᵀ of a symmetric, possibly indefinite matrix.
public struct LDLFactorization: Sendable {
    /// n, the order of A.
    public let order: Int
    private var factor: [Double]
    private var pivots: [Int32]

    /// LAPACK's workspace in columns; 64 is the widest panel OpenBLAS uses.
    private static let panelWidth = 64

    /// Factors A, of which only the lower triangle is read.
    ///
    /// - Parameter matrix: A, n × n.
    /// - Throws: ``LinearAlgebraError/singular(pivot:)`` when a pivot is exactly zero,
    ///   ``LinearAlgebraError/notFinite`` when the factor is not finite.
    /// - Complexity: n³/3 operations.
    public init(_ matrix: consuming DenseMatrix) throws(LinearAlgebraError) {
        precondition(matrix.rows == matrix.columns, "only a square matrix is factored")
        order = matrix.rows
        factor = matrix.elements
        pivots = [Int32](repeating: 0, count: order)
        // A matrix of one panel is factored without workspace.
        var workspace = [Double](repeating: 0, count: order > Self.panelWidth ? order * Self.panelWidth : 1)
        let zeroPivot = LAPACK.sytrf(&factor, order: order, pivots: &pivots, workspace: &workspace)
        guard zeroPivot == 0 else { throw LinearAlgebraError.singular(pivot: zeroPivot) }
        for i in 0..<order where !factor[i * order + i].isFinite { throw LinearAlgebraError.notFinite }
    }

    /// The solution of A x = b.
    ///
    /// - Complexity: 2n² operations.
    public func solve(_ b: [Double]) -> [Double] {
        precondition(b.count == order, "a right-hand side has the order of the matrix")
        var x = b
        LAPACK.sytrs(factor, order: order, pivots: pivots, rightHandSides: &x, count: 1)
        return x
    }

    /// The solution of A x = b for several right-hand sides, the columns of B (n × k).
    ///
    /// - Complexity: 2n²k operations.
    public func solve(_ b: DenseMatrix) -> DenseMatrix {
        precondition(b.rows == order, "a right-hand side has the order of the matrix")
        var x = b
        LAPACK.sytrs(factor, order: order, pivots: pivots, rightHandSides: &x.elements, count: b.columns)
        return x
    }

    /// Solves with this factorization of a nearby matrix and corrects by the residuals of the true one.
    ///
    /// Each round solves for the residual and keeps the correction only when the residual became smaller, so the
    /// result is never worse than the plain solve.
    ///
    /// - Parameters:
    ///   - b: the right-hand side, of length n.
    ///   - maximumRounds: the most corrections tried.
    ///   - tolerance: rounds end when ‖residual‖∞ ≤ tolerance · ‖b‖∞.
    ///   - residual: gives b − A x for the true A.
    /// - Returns: x, and the ‖residual‖∞ it leaves.
    public func solveRefined(
        _ b: [Double],
        maximumRounds: Int,
        tolerance: Double,
        residual: (_ x: [Double]) -> [Double]
    ) -> (solution: [Double], residualNorm: Double) {
        var x = solve(b)
        var r = residual(x)
        var norm = normInfinity(r)
        let target = tolerance * normInfinity(b)
        var round = 0
        while norm > target, round < maximumRounds {
            round += 1
            var candidate = x
            axpy(1, solve(r), into: &candidate)
            let candidateResidual = residual(candidate)
            let candidateNorm = normInfinity(candidateResidual)
            guard candidateNorm < norm else { break }
            (x, r, norm) = (candidate, candidateResidual, candidateNorm)
        }
        return (x, norm)
    }
}
