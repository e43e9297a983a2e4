public import Matrices

extension DenseMatrix {
    /// The product A x; A m × n, x of length n.
    ///
    /// - Complexity: O(mn).
    public func times(_ x: [Double]) -> [Double] {
        precondition(x.count == columns, "A x needs as many entries as A has columns")
        var result = [Double](repeating: 0, count: rows)
        guard rows > 0, columns > 0 else { return result }
        elements.withUnsafeBufferPointer { a in
            guard let start = a.baseAddress else { return }
            result.withUnsafeMutableBufferPointer { y in
                guard let target = y.baseAddress else { return }
                BLAS.gemv(
                    transposed: false,
                    rows: rows,
                    columns: columns,
                    alpha: 1,
                    matrix: start,
                    vector: x,
                    beta: 0,
                    result: target
                )
            }
        }
        return result
    }

    /// The product Aᵀ y; A m × n, y of length m.
    ///
    /// - Complexity: O(mn).
    public func transposedTimes(_ y: [Double]) -> [Double] {
        precondition(y.count == rows, "Aᵀ y needs as many entries as A has rows")
        var result = [Double](repeating: 0, count: columns)
        guard rows > 0, columns > 0 else { return result }
        BLAS.gemv(
            transposed: true,
            rows: rows,
            columns: columns,
            alpha: 1,
            matrix: elements,
            vector: y,
            beta: 0,
            result: &result
        )
        return result
    }

    /// The product A x of a symmetric A, of which only the lower triangle is read.
    ///
    /// - Complexity: O(n²), half the memory traffic of ``times(_:)-([Double])``.
    public func symmetricTimes(_ x: [Double]) -> [Double] {
        precondition(
            rows == columns && x.count == rows,
            "a symmetric product needs a square matrix and a fitting vector"
        )
        var result = [Double](repeating: 0, count: rows)
        guard rows > 0 else { return result }
        guard rows >= shortVectorLength / 4 else {
            addShortSymmetricProduct(x, into: &result)
            return result
        }
        BLAS.symv(order: rows, matrix: elements, vector: x, result: &result)
        return result
    }

    /// Column by column, reading the lower triangle only; cheaper than a call for small orders.
    private func addShortSymmetricProduct(_ x: [Double], into result: inout [Double]) {
        for j in 0..<rows {
            let xj = x[j]
            var sum = elements[j * rows + j] * xj
            for i in (j + 1)..<max(rows, j + 1) {
                let a = elements[j * rows + i]
                result[i] += a * xj
                sum += a * x[i]
            }
            result[j] += sum
        }
    }

    /// The quadratic form xᵀ A x of a symmetric A.
    ///
    /// - Complexity: O(n²).
    public func quadraticForm(_ x: [Double]) -> Double { dot(x, symmetricTimes(x)) }

    /// The product op(A) op(B), each factor transposed on request.
    ///
    /// - Complexity: O(mnk).
    public func times(
        _ other: DenseMatrix,
        transposingSelf: Bool = false,
        transposingOther: Bool = false
    ) -> DenseMatrix {
        let resultRows = transposingSelf ? columns : rows
        let inner = transposingSelf ? rows : columns
        let resultColumns = transposingOther ? other.rows : other.columns
        precondition(inner == (transposingOther ? other.columns : other.rows), "the inner dimensions must agree")
        var result = DenseMatrix(rows: resultRows, columns: resultColumns)
        guard resultRows > 0, resultColumns > 0, inner > 0 else { return result }
        BLAS.gemm(
            rows: resultRows,
            columns: resultColumns,
            inner: inner,
            first: elements,
            firstTransposed: transposingSelf,
            second: other.elements,
            secondTransposed: transposingOther,
            result: &result.elements
        )
        return result
    }

    /// The Gram matrix AᵀA, n × n, both triangles filled and exactly symmetric.
    ///
    /// - Complexity: O(mn²), half of a general product.
    public func gram() -> DenseMatrix {
        var result = DenseMatrix(rows: columns, columns: columns)
        addGram(to: &result)
        result.copyLowerTriangleToUpper()
        return result
    }

    /// The outer Gram matrix AAᵀ, m × m, both triangles filled and exactly symmetric.
    ///
    /// - Complexity: O(m²n), half of a general product.
    public func outerGram() -> DenseMatrix {
        var result = DenseMatrix(rows: rows, columns: rows)
        guard rows > 0, columns > 0 else { return result }
        BLAS.syrk(
            order: rows,
            inner: columns,
            alpha: 1,
            matrix: elements,
            transposed: false,
            beta: 0,
            result: &result.elements
        )
        result.copyLowerTriangleToUpper()
        return result
    }

    /// Adds α AᵀA to the lower triangle of `target`, n × n; its upper triangle is left alone.
    ///
    /// - Complexity: O(mn²).
    public func addGram(scaledBy alpha: Double = 1, to target: inout DenseMatrix) {
        precondition(target.rows == columns && target.columns == columns, "a Gram matrix has the order of the columns")
        guard rows > 0, columns > 0 else { return }
        BLAS.syrk(
            order: columns,
            inner: rows,
            alpha: alpha,
            matrix: elements,
            transposed: true,
            beta: 1,
            result: &target.elements
        )
    }

    /// Makes a square matrix symmetric by copying the lower triangle over the upper.
    ///
    /// - Complexity: O(n²), a tile at a time: a whole row is as many cache lines as it has entries.
    public mutating func copyLowerTriangleToUpper() {
        precondition(rows == columns, "only a square matrix has triangles")
        let n = rows
        elements.withUnsafeMutableBufferPointer { entries in
            for firstColumn in stride(from: 0, to: n, by: transposeTile) {
                for firstRow in stride(from: firstColumn, to: n, by: transposeTile) {
                    for j in firstColumn..<min(firstColumn + transposeTile, n) {
                        let rowsBelow = max(firstRow, j + 1)..<max(min(firstRow + transposeTile, n), firstRow, j + 1)
                        for i in rowsBelow { entries[i * n + j] = entries[j * n + i] }
                    }
                }
            }
        }
    }
}

/// Rows and columns of a tile; two tiles of doubles fit into the first cache.
private let transposeTile = 32
