internal import Matrices

/// The rows of A, each with its support: many rows are bounds on one variable, and products then cost what is there.
struct ConstraintRows: Sendable {
    /// m.
    let rowCount: Int
    /// n.
    let columnCount: Int
    /// Row i owns the entries `starts[i]..<starts[i + 1]`; m + 1 of them.
    private(set) var starts: [Int]
    /// The column of each entry.
    private(set) var columns: [Int]
    /// The value of each entry.
    var values: [Double]

    /// Collects the entries of A that are not zero.
    init(_ matrix: DenseMatrix) {
        rowCount = matrix.rows
        columnCount = matrix.columns
        var counts = [Int](repeating: 0, count: matrix.rows + 1)
        let m = matrix.rows
        for j in 0..<matrix.columns {
            for i in 0..<m where matrix.elements[j * m + i] != 0 { counts[i + 1] += 1 }
        }
        for i in 0..<m { counts[i + 1] += counts[i] }
        starts = counts
        columns = [Int](repeating: 0, count: counts[m])
        values = [Double](repeating: 0, count: counts[m])
        var next = counts
        for j in 0..<matrix.columns {
            for i in 0..<m {
                let value = matrix.elements[j * m + i]
                guard value != 0 else { continue }
                columns[next[i]] = j
                values[next[i]] = value
                next[i] += 1
            }
        }
    }

    /// Makes rows from lists of (column, value).
    init(columnCount: Int, rows: [[(column: Int, value: Double)]]) {
        rowCount = rows.count
        self.columnCount = columnCount
        starts = [0]
        columns = []
        values = []
        for row in rows {
            for entry in row {
                columns.append(entry.column)
                values.append(entry.value)
            }
            starts.append(columns.count)
        }
    }

    /// The entries of row i.
    func entries(of row: Int) -> Range<Int> { starts[row]..<starts[row + 1] }

    /// The number of entries of row i.
    func count(of row: Int) -> Int { starts[row + 1] - starts[row] }

    /// A x, m.
    func times(_ x: [Double]) -> [Double] {
        var result = [Double](repeating: 0, count: rowCount)
        for i in 0..<rowCount { result[i] = dot(row: i, x) }
        return result
    }

    /// aᵢᵀ x.
    @inline(__always)
    func dot(row: Int, _ x: [Double]) -> Double {
        var sum = 0.0
        for k in starts[row]..<starts[row + 1] { sum += values[k] * x[columns[k]] }
        return sum
    }

    /// Σⱼ |aᵢⱼ xⱼ|, the size of the numbers that aᵢᵀ x adds up.
    func magnitude(row: Int, _ x: [Double]) -> Double {
        var sum = 0.0
        for k in starts[row]..<starts[row + 1] { sum += (values[k] * x[columns[k]]).magnitude }
        return sum
    }

    /// Adds Aᵀ z to `result`, n.
    func addTransposedTimes(_ z: [Double], into result: inout [Double]) {
        for i in 0..<rowCount where z[i] != 0 { addRow(i, scaledBy: z[i], into: &result) }
    }

    /// Adds α aᵢ to `result`, n.
    @inline(__always)
    func addRow(_ row: Int, scaledBy alpha: Double, into result: inout [Double]) {
        for k in starts[row]..<starts[row + 1] { result[columns[k]] += alpha * values[k] }
    }

    /// ‖aᵢ‖∞.
    func largestMagnitude(row: Int) -> Double {
        var largest = 0.0
        for k in starts[row]..<starts[row + 1] { largest = max(largest, values[k].magnitude) }
        return largest
    }
}
