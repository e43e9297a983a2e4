internal import COpenBLAS

/// The only door to BLAS: each routine with the argument order of our storage (column-major) and checked lengths.
///
/// Everything runs on one thread: how a sum is split over threads decides its last bits, and on a busy host two threads
/// that wait for each other are many times slower than one.
enum BLAS {
    /// Set once, before the first call; reading it is what sets it.
    static let oneThread: Void = openblas_set_num_threads(1)

    static func dot(_ x: UnsafeBufferPointer<Double>, _ y: UnsafeBufferPointer<Double>) -> Double {
        oneThread
        return cblas_ddot(blasInteger(x.count), x.baseAddress, 1, y.baseAddress, 1)
    }

    static func axpy(
        _ alpha: Double,
        _ x: UnsafeBufferPointer<Double>,
        _ y: UnsafeMutableBufferPointer<Double>
    ) {
        oneThread
        cblas_daxpy(blasInteger(x.count), alpha, x.baseAddress, 1, y.baseAddress, 1)
    }

    static func norm2(_ x: UnsafeBufferPointer<Double>) -> Double {
        oneThread
        return cblas_dnrm2(blasInteger(x.count), x.baseAddress, 1)
    }

    /// y ← α op(A) x + β y, A rows × columns.
    static func gemv(
        transposed: Bool,
        rows: Int,
        columns: Int,
        alpha: Double,
        matrix: UnsafePointer<Double>,
        vector: UnsafePointer<Double>,
        beta: Double,
        result: UnsafeMutablePointer<Double>
    ) {
        oneThread
        cblas_dgemv(
            CblasColMajor,
            transposed ? CblasTrans : CblasNoTrans,
            blasInteger(rows),
            blasInteger(columns),
            alpha,
            matrix,
            blasInteger(max(1, rows)),
            vector,
            1,
            beta,
            result,
            1
        )
    }

    /// y ← op(A) x + β y for a matrix whose columns lie `stride` apart.
    static func stridedProduct(
        transposed: Bool,
        rows: Int,
        columns: Int,
        matrix: UnsafePointer<Double>,
        stride: Int,
        vector: UnsafePointer<Double>,
        beta: Double,
        result: UnsafeMutablePointer<Double>
    ) {
        oneThread
        cblas_dgemv(
            CblasColMajor,
            transposed ? CblasTrans : CblasNoTrans,
            blasInteger(rows),
            blasInteger(columns),
            1,
            matrix,
            blasInteger(stride),
            vector,
            1,
            beta,
            result,
            1
        )
    }

    /// x ← L⁻¹ x or L⁻ᵀ x, L lower triangular.
    static func triangularSolve(
        order: Int,
        factor: UnsafePointer<Double>,
        stride: Int,
        transposed: Bool,
        vector: UnsafeMutablePointer<Double>
    ) {
        oneThread
        cblas_dtrsv(
            CblasColMajor,
            CblasLower,
            transposed ? CblasTrans : CblasNoTrans,
            CblasNonUnit,
            blasInteger(order),
            factor,
            blasInteger(stride),
            vector,
            1
        )
    }

    /// y ← A x, A symmetric, read from its lower triangle.
    static func symv(
        order: Int,
        matrix: UnsafePointer<Double>,
        vector: UnsafePointer<Double>,
        result: UnsafeMutablePointer<Double>
    ) {
        oneThread
        cblas_dsymv(
            CblasColMajor,
            CblasLower,
            blasInteger(order),
            1,
            matrix,
            blasInteger(max(1, order)),
            vector,
            1,
            0,
            result,
            1
        )
    }

    /// C ← op(A) op(B), C rows × columns, `inner` the summed dimension.
    static func gemm(
        rows: Int,
        columns: Int,
        inner: Int,
        first: UnsafePointer<Double>,
        firstTransposed: Bool,
        second: UnsafePointer<Double>,
        secondTransposed: Bool,
        result: UnsafeMutablePointer<Double>
    ) {
        oneThread
        cblas_dgemm(
            CblasColMajor,
            firstTransposed ? CblasTrans : CblasNoTrans,
            secondTransposed ? CblasTrans : CblasNoTrans,
            blasInteger(rows),
            blasInteger(columns),
            blasInteger(inner),
            1,
            first,
            blasInteger(max(1, firstTransposed ? inner : rows)),
            second,
            blasInteger(max(1, secondTransposed ? columns : inner)),
            0,
            result,
            blasInteger(max(1, rows))
        )
    }

    /// Lower triangle of C ← α AᵀA + β C (transposed) or α AAᵀ + β C; C order × order, `inner` the summed dimension.
    static func syrk(
        order: Int,
        inner: Int,
        alpha: Double,
        matrix: UnsafePointer<Double>,
        transposed: Bool,
        beta: Double,
        result: UnsafeMutablePointer<Double>,
        resultStride: Int? = nil
    ) {
        oneThread
        cblas_dsyrk(
            CblasColMajor,
            CblasLower,
            transposed ? CblasTrans : CblasNoTrans,
            blasInteger(order),
            blasInteger(inner),
            alpha,
            matrix,
            blasInteger(max(1, transposed ? inner : order)),
            beta,
            result,
            blasInteger(max(1, resultStride ?? order))
        )
    }

    /// Lower triangle of AᵀA in single precision; A inner × order.
    static func syrk(order: Int, inner: Int, matrix: UnsafePointer<Float>, result: UnsafeMutablePointer<Float>) {
        oneThread
        cblas_ssyrk(
            CblasColMajor,
            CblasLower,
            CblasTrans,
            blasInteger(order),
            blasInteger(inner),
            1,
            matrix,
            blasInteger(max(1, inner)),
            0,
            result,
            blasInteger(max(1, order))
        )
    }

    /// Name of the processor kernel OpenBLAS picked when it was loaded.
    static var coreName: String {
        guard let name = openblas_get_corename() else { return "unknown" }
        return String(cString: name)
    }

    /// A size as BLAS counts it; a matrix past 2³¹ − 1 rows does not fit into memory.
    static func blasInteger(_ value: Int) -> Int32 { Int32(value) }
}

/// The processor kernel the numbers were computed with, for example `Zen` or `Haswell`.
///
/// Two machines with equal kernels and equal inputs give equal bits; results record it for that reason.
public var kernelName: String { BLAS.coreName }
