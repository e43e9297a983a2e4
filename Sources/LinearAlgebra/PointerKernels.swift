/// Kernels on borrowed storage, for algorithms that keep their own workspace and may not allocate in their inner loop.
///
/// Everything is column-major; `stride` is the distance between the first entries of two neighbouring columns. The
/// caller answers for the lengths.
package enum PointerKernels {
    /// Below this many columns or entries a plain loop is cheaper than the call of a BLAS routine.
    private static let shortLength = 12
    private static let shortRows = 64
    /// The same for triangular solves, whose BLAS routines take locks and buffers.
    private static let shortTriangle = 32

    /// y ← y + A x, A rows × columns.
    package static func addProduct(
        rows: Int,
        columns: Int,
        matrix: UnsafePointer<Double>,
        stride: Int,
        vector: UnsafePointer<Double>,
        into result: UnsafeMutablePointer<Double>
    ) {
        guard rows > 0, columns > 0 else { return }
        guard columns > shortLength || rows > shortRows else {
            return addShortProduct(
                rows: rows,
                columns: columns,
                matrix: matrix,
                stride: stride,
                vector: vector,
                into: result
            )
        }
        BLAS.stridedProduct(
            transposed: false,
            rows: rows,
            columns: columns,
            matrix: matrix,
            stride: stride,
            vector: vector,
            beta: 1,
            result: result
        )
    }

    /// Four columns at a time, so that y is read and written once for them.
    private static func addShortProduct(
        rows: Int,
        columns: Int,
        matrix: UnsafePointer<Double>,
        stride: Int,
        vector: UnsafePointer<Double>,
        into result: UnsafeMutablePointer<Double>
    ) {
        var k = 0
        while k + 4 <= columns {
            let (first, second) = (matrix + k * stride, matrix + (k + 1) * stride)
            let (third, fourth) = (matrix + (k + 2) * stride, matrix + (k + 3) * stride)
            let (a, b, c, d) = (vector[k], vector[k + 1], vector[k + 2], vector[k + 3])
            for i in 0..<rows { result[i] += (a * first[i] + b * second[i]) + (c * third[i] + d * fourth[i]) }
            k += 4
        }
        while k < columns {
            add(vector[k], matrix + k * stride, into: result, count: rows)
            k += 1
        }
    }

    /// y ← Aᵀ x, A rows × columns.
    package static func transposedProduct(
        rows: Int,
        columns: Int,
        matrix: UnsafePointer<Double>,
        stride: Int,
        vector: UnsafePointer<Double>,
        into result: UnsafeMutablePointer<Double>
    ) {
        guard columns > 0 else { return }
        guard rows > 0 else { return result.update(repeating: 0, count: columns) }
        BLAS.stridedProduct(
            transposed: true,
            rows: rows,
            columns: columns,
            matrix: matrix,
            stride: stride,
            vector: vector,
            beta: 0,
            result: result
        )
    }

    /// Lower triangle of AᵀA, A rows × columns without gaps; the columns of the result are `stride` apart.
    package static func gram(
        rows: Int,
        columns: Int,
        matrix: UnsafePointer<Double>,
        stride: Int,
        into result: UnsafeMutablePointer<Double>
    ) {
        BLAS.syrk(
            order: columns,
            inner: rows,
            alpha: 1,
            matrix: matrix,
            transposed: true,
            beta: 0,
            result: result,
            resultStride: stride
        )
    }

    /// Lower triangle of AAᵀ, A rows × columns without gaps, nor gaps in the result.
    package static func outerGram(
        rows: Int,
        columns: Int,
        matrix: UnsafePointer<Double>,
        into result: UnsafeMutablePointer<Double>
    ) {
        BLAS.syrk(
            order: rows,
            inner: columns,
            alpha: 1,
            matrix: matrix,
            transposed: false,
            beta: 0,
            result: result,
            resultStride: rows
        )
    }

    /// y ← y + α x.
    @inline(__always)
    package static func add(
        _ alpha: Double,
        _ x: UnsafePointer<Double>,
        into y: UnsafeMutablePointer<Double>,
        count: Int
    ) {
        for i in 0..<count { y[i] += alpha * x[i] }
    }

    /// xᵀ y.
    @inline(__always)
    package static func dot(_ x: UnsafePointer<Double>, _ y: UnsafePointer<Double>, count: Int) -> Double {
        // Four sums hide the latency of an addition; their order is fixed, so the result is too.
        var sums = SIMD4<Double>.zero
        var i = 0
        while i + 4 <= count {
            sums += SIMD4(x[i], x[i + 1], x[i + 2], x[i + 3]) * SIMD4(y[i], y[i + 1], y[i + 2], y[i + 3])
            i += 4
        }
        var sum = (sums[0] + sums[2]) + (sums[1] + sums[3])
        while i < count {
            sum += x[i] * y[i]
            i += 1
        }
        return sum
    }

    /// xᵀ y by BLAS, for vectors long enough to be worth the call.
    package static func longDot(_ x: UnsafePointer<Double>, _ y: UnsafePointer<Double>, count: Int) -> Double {
        BLAS.dot(UnsafeBufferPointer(start: x, count: count), UnsafeBufferPointer(start: y, count: count))
    }

    /// x ← L⁻¹ x, L lower triangular.
    package static func solveLower(
        order: Int,
        factor: UnsafePointer<Double>,
        stride: Int,
        vector x: UnsafeMutablePointer<Double>
    ) {
        guard order >= shortTriangle else {
            for j in 0..<order {
                let column = factor + j * stride
                let value = x[j] / column[j]
                x[j] = value
                guard value != 0 else { continue }
                var i = j + 1
                while i < order {
                    x[i] -= value * column[i]
                    i += 1
                }
            }
            return
        }
        BLAS.triangularSolve(order: order, factor: factor, stride: stride, transposed: false, vector: x)
    }

    /// x ← L⁻ᵀ x, L lower triangular.
    package static func solveLowerTransposed(
        order: Int,
        factor: UnsafePointer<Double>,
        stride: Int,
        vector x: UnsafeMutablePointer<Double>
    ) {
        guard order >= shortTriangle else {
            var j = order - 1
            while j >= 0 {
                let column = factor + j * stride
                let sum = x[j] - dot(column + j + 1, x + j + 1, count: order - j - 1)
                x[j] = sum / column[j]
                j -= 1
            }
            return
        }
        BLAS.triangularSolve(order: order, factor: factor, stride: stride, transposed: true, vector: x)
    }

    /// Cholesky factor of a lower triangle in place; false when a leading minor is not positive.
    package static func factorize(order: Int, matrix: UnsafeMutablePointer<Double>, stride: Int) -> Bool {
        guard order >= shortTriangle else {
            for j in 0..<order {
                let column = matrix + j * stride
                for k in 0..<j {
                    let left = matrix + k * stride
                    let factor = left[j]
                    var i = j
                    while i < order {
                        column[i] -= factor * left[i]
                        i += 1
                    }
                }
                guard column[j] > 0 else { return false }
                let root = column[j].squareRoot()
                column[j] = root
                let reciprocal = 1 / root
                var i = j + 1
                while i < order {
                    column[i] *= reciprocal
                    i += 1
                }
            }
            return true
        }
        return LAPACK.potrf(matrix, order: order, stride: stride) == 0
    }
}
