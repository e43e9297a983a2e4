/// A dense matrix of doubles, stored column by column.
///
/// Column-major is what BLAS and LAPACK read, so a factorization works on `elements` without a copy.
public struct DenseMatrix: Equatable, Sendable {
    /// Number of rows.
    public let rows: Int
    /// Number of columns.
    public let columns: Int
    /// The entries, column by column: entry (i, j) is `elements[j * rows + i]`.
    public var elements: [Double]

    /// Makes a matrix with every entry equal to `value`.
    public init(rows: Int, columns: Int, repeating value: Double = 0) {
        precondition(rows >= 0 && columns >= 0, "a matrix has no negative dimension")
        self.rows = rows
        self.columns = columns
        self.elements = [Double](repeating: value, count: rows * columns)
    }

    /// Makes a matrix from its entries, column by column.
    ///
    /// `elements` must hold exactly `rows * columns` values.
    public init(rows: Int, columns: Int, columnMajor elements: [Double]) {
        precondition(elements.count == rows * columns, "a matrix needs rows × columns entries")
        self.rows = rows
        self.columns = columns
        self.elements = elements
    }

    /// Makes a matrix from nested rows, or nil when the rows differ in length.
    public init?(rows nested: [[Double]]) {
        let width = nested.first?.count ?? 0
        guard nested.allSatisfy({ $0.count == width }) else { return nil }
        self.init(rows: nested.count, columns: width)
        for (i, row) in nested.enumerated() {
            for (j, value) in row.enumerated() { elements[j * rows + i] = value }
        }
    }

    /// Makes the identity of a given order.
    public static func identity(_ order: Int) -> DenseMatrix {
        var matrix = DenseMatrix(rows: order, columns: order)
        for i in 0..<order { matrix[i, i] = 1 }
        return matrix
    }

    /// The entry in row `i`, column `j`.
    public subscript(i: Int, j: Int) -> Double {
        @inline(__always) get { elements[j * rows + i] }
        @inline(__always) set { elements[j * rows + i] = newValue }
    }

    /// Column `j`, as a slice of the storage.
    public func column(_ j: Int) -> ArraySlice<Double> { elements[(j * rows)..<((j + 1) * rows)] }

    /// Row `i`, copied.
    public func row(_ i: Int) -> [Double] { (0..<columns).map { self[i, $0] } }

    /// The diagonal, copied.
    public var diagonal: [Double] { (0..<min(rows, columns)).map { self[$0, $0] } }

    /// The transpose, copied.
    public var transposed: DenseMatrix {
        var result = DenseMatrix(rows: columns, columns: rows)
        for j in 0..<columns {
            for i in 0..<rows { result[j, i] = self[i, j] }
        }
        return result
    }

    /// The matrix of the given rows and columns, in the given order.
    public func selecting(rows rowIndices: [Int], columns columnIndices: [Int]) -> DenseMatrix {
        var result = DenseMatrix(rows: rowIndices.count, columns: columnIndices.count)
        for (j, source) in columnIndices.enumerated() {
            for (i, row) in rowIndices.enumerated() { result[i, j] = self[row, source] }
        }
        return result
    }
}
