internal import COpenBLAS

/// A matrix that a factorization cannot take.
public enum LinearAlgebraError: Error, Equatable, Sendable {
    /// The leading minor of this order (counted from 1) is not positive.
    case notPositiveDefinite(order: Int)
    /// Pivot `index` (counted from 1) is exactly zero.
    case singular(pivot: Int)
    /// The iteration for eigenvalues did not converge.
    case noConvergence
    /// An entry is NaN or infinite.
    case notFinite
}

/// The only door to LAPACK: lower triangles, column-major storage, every `info` checked.
///
/// A negative `info` names an argument we passed wrongly: a bug, so it traps. A positive one is an answer.
enum LAPACK {
    /// Cholesky factor of the lower triangle, in place; returns 0, or the order of the first minor not positive.
    static func potrf(_ matrix: inout [Double], order: Int) -> Int {
        BLAS.oneThread
        guard order > 0 else { return 0 }
        let n = BLAS.blasInteger(order)
        return checked(LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, lower, n, &matrix, n), "dpotrf")
    }

    /// The same for borrowed storage whose columns lie `stride` apart.
    static func potrf(_ matrix: UnsafeMutablePointer<Double>, order: Int, stride: Int) -> Int {
        BLAS.oneThread
        guard order > 0 else { return 0 }
        let info = LAPACKE_dpotrf_work(
            LAPACK_COL_MAJOR,
            lower,
            BLAS.blasInteger(order),
            matrix,
            BLAS.blasInteger(stride)
        )
        return checked(info, "dpotrf")
    }

    /// Solves with a Cholesky factor, in place.
    static func potrs(_ factor: [Double], order: Int, rightHandSides: inout [Double], count: Int) {
        BLAS.oneThread
        guard order > 0, count > 0 else { return }
        let n = BLAS.blasInteger(order)
        let columns = BLAS.blasInteger(count)
        let info = LAPACKE_dpotrs_work(LAPACK_COL_MAJOR, lower, n, columns, factor, n, &rightHandSides, n)
        precondition(checked(info, "dpotrs") == 0)
    }

    /// Lower triangle of the inverse from a Cholesky factor, in place.
    static func potri(_ factor: inout [Double], order: Int) {
        BLAS.oneThread
        guard order > 0 else { return }
        let n = BLAS.blasInteger(order)
        precondition(checked(LAPACKE_dpotri_work(LAPACK_COL_MAJOR, lower, n, &factor, n), "dpotri") == 0)
    }

    /// Solves with the triangular factor L (or Lᵀ) of a Cholesky factorization, in place.
    static func trtrs(
        _ factor: [Double],
        order: Int,
        transposed: Bool,
        rightHandSides: inout [Double],
        count: Int
    ) -> Int {
        BLAS.oneThread
        guard order > 0, count > 0 else { return 0 }
        let n = BLAS.blasInteger(order)
        let columns = BLAS.blasInteger(count)
        let operation = transposed ? transpose : noTranspose
        let info = LAPACKE_dtrtrs_work(
            LAPACK_COL_MAJOR,
            lower,
            operation,
            nonUnit,
            n,
            columns,
            factor,
            n,
            &rightHandSides,
            n
        )
        return checked(info, "dtrtrs")
    }

    /// Bunch–Kaufman factorization of the lower triangle, in place; returns 0, or the index of a zero pivot.
    static func sytrf(_ matrix: inout [Double], order: Int, pivots: inout [Int32], workspace: inout [Double]) -> Int {
        BLAS.oneThread
        guard order > 0 else { return 0 }
        let n = BLAS.blasInteger(order)
        let size = BLAS.blasInteger(workspace.count)
        let info = LAPACKE_dsytrf_work(LAPACK_COL_MAJOR, lower, n, &matrix, n, &pivots, &workspace, size)
        return checked(info, "dsytrf")
    }

    /// Solves with a Bunch–Kaufman factorization, in place.
    static func sytrs(
        _ factor: [Double],
        order: Int,
        pivots: [Int32],
        rightHandSides: inout [Double],
        count: Int
    ) {
        BLAS.oneThread
        guard order > 0, count > 0 else { return }
        let n = BLAS.blasInteger(order)
        let columns = BLAS.blasInteger(count)
        let info = LAPACKE_dsytrs_work(LAPACK_COL_MAJOR, lower, n, columns, factor, n, pivots, &rightHandSides, n)
        precondition(checked(info, "dsytrs") == 0)
    }

    /// Eigenvalues, ascending, and eigenvectors (or only values) of the lower triangle; vectors replace the matrix.
    static func syevd(_ matrix: inout [Double], order: Int, vectors: Bool, values: inout [Double]) -> Int {
        BLAS.oneThread
        guard order > 0 else { return 0 }
        let n = BLAS.blasInteger(order)
        let job = vectors ? withVectors : onlyValues
        return checked(LAPACKE_dsyevd(LAPACK_COL_MAJOR, job, lower, n, &matrix, n, &values), "dsyevd")
    }

    private static let lower = CChar(UInt8(ascii: "L"))
    private static let transpose = CChar(UInt8(ascii: "T"))
    private static let noTranspose = CChar(UInt8(ascii: "N"))
    private static let nonUnit = CChar(UInt8(ascii: "N"))
    private static let withVectors = CChar(UInt8(ascii: "V"))
    private static let onlyValues = CChar(UInt8(ascii: "N"))

    private static func checked(_ info: Int32, _ routine: StaticString) -> Int {
        precondition(info >= 0, "a LAPACK routine was called with an illegal argument or without memory: \(routine)")
        return Int(info)
    }
}
