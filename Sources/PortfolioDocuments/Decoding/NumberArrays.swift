import JSON
import Matrices

/// Reads vectors and matrices: shapes first, then each entry.
extension ObjectReader {
    /// A vector of a given length, or nil when absent.
    func vector(_ name: String, length: Int, _ range: NumberRange) -> [Double]? {
        guard let member = optional(name) else { return nil }
        guard member.kind == .array else {
            faults.report(.wrongType, at: path(name), "\(name) must be an array of numbers, not \(member.described)")
            return nil
        }
        guard member.count == length else {
            let message = "\(name) must have \(length) numbers, not \(member.count)"
            faults.report(.wrongLength, at: path(name), message)
            return nil
        }
        guard let numbers = member.doubles else {
            reportEntries(member, name, at: path(name), range)
            return nil
        }
        for (index, number) in numbers.enumerated() where !range.contains(number) {
            guard !faults.isFull else { return nil }
            let message = "\(name)[\(index)] must be \(range.demand), not \(decimal(number))"
            faults.report(.outOfRange, at: "\(path(name))/\(index)", message)
        }
        return numbers
    }

    /// A matrix with a given number of columns, and of rows unless any number will do; nil when absent.
    func matrix(_ name: String, rows: Int?, columns: Int, _ range: NumberRange) -> DenseMatrix? {
        guard let member = optional(name) else { return nil }
        guard member.kind == .array else {
            faults.report(.wrongType, at: path(name), "\(name) must be an array of rows, not \(member.described)")
            return nil
        }
        if let rows, member.count != rows {
            let message = "\(name) must have \(rows) rows, not \(member.count)"
            faults.report(.wrongLength, at: path(name), message)
            return nil
        }
        guard rows != nil || member.count <= DocumentLimits.periods else {
            let message = "\(name) may have at most \(DocumentLimits.periods) rows, not \(member.count)"
            faults.report(.tooMany, at: path(name), message)
            return nil
        }
        guard let entries = member.columnMajorMatrix(columns: columns) else {
            reportRows(member, name, columns: columns, range)
            return nil
        }
        let matrix = DenseMatrix(rows: member.count, columns: columns, columnMajor: entries)
        checkEntries(of: matrix, name, at: path(name), range, faults)
        return matrix
    }

    /// A square matrix that must be symmetric; nil when absent.
    func symmetricMatrix(_ name: String, order: Int, diagonal: NumberRange) -> DenseMatrix? {
        guard let matrix = matrix(name, rows: order, columns: order, .finite) else { return nil }
        checkSymmetry(of: matrix, name, at: path(name), diagonal: diagonal, faults)
        return matrix
    }

    /// Reports the rows that are not arrays of the right length and the entries that are not numbers.
    private func reportRows(_ member: JSONValue, _ name: String, columns: Int, _ range: NumberRange) {
        for (index, row) in member.elements.enumerated() {
            guard !faults.isFull else { return }
            let (label, place) = ("\(name)[\(index)]", "\(path(name))/\(index)")
            if row.kind != .array {
                let message = "\(label) must be an array of \(columns) numbers, not \(row.described)"
                faults.report(.wrongType, at: place, message)
            } else if row.count != columns {
                faults.report(.wrongLength, at: place, "\(label) must have \(columns) numbers, not \(row.count)")
            } else {
                reportEntries(row, label, at: place, range)
            }
        }
    }

    /// Reports the elements of an array that are not numbers of a range.
    private func reportEntries(_ array: JSONValue, _ label: String, at pointer: String, _ range: NumberRange) {
        for (index, element) in array.elements.enumerated() {
            guard !faults.isFull else { return }
            _ = readNumber(element, range, "\(label)[\(index)]", at: "\(pointer)/\(index)", faults)
        }
    }
}

/// How far, relative to the largest entry, a symmetric matrix may be from symmetric.
private let symmetryTolerance = 1e-8

/// Reports entries of a matrix that are not of a range.
func checkEntries(
    of matrix: DenseMatrix,
    _ name: String,
    at pointer: String,
    _ range: NumberRange,
    _ faults: FaultCollector
) {
    for (offset, number) in matrix.elements.enumerated() where !range.contains(number) {
        guard !faults.isFull else { return }
        let (i, j) = (offset % matrix.rows, offset / matrix.rows)
        let message = "\(name)[\(i)][\(j)] must be \(range.demand), not \(decimal(number))"
        faults.report(.outOfRange, at: "\(pointer)/\(i)/\(j)", message)
    }
}

/// Reports entries on the diagonal that are not of a range, and those that differ from their mirror image by more than
/// 1e-8 of the largest entry.
///
/// Runs over tiles, because one of the two entries compared is always read against the grain of the storage.
func checkSymmetry(
    of matrix: DenseMatrix,
    _ name: String,
    at pointer: String,
    diagonal: NumberRange,
    _ faults: FaultCollector
) {
    for index in 0..<matrix.rows where !diagonal.contains(matrix[index, index]) {
        guard !faults.isFull else { return }
        let entry = "\(name)[\(index)][\(index)]"
        let message = "\(entry) must be \(diagonal.demand), not \(decimal(matrix[index, index]))"
        faults.report(.outOfRange, at: "\(pointer)/\(index)/\(index)", message)
    }
    let scale = matrix.elements.reduce(0) { max($0, abs($1)) }
    let tolerance = symmetryTolerance * scale
    let tile = 64
    for columnStart in stride(from: 0, to: matrix.columns, by: tile) {
        for rowStart in stride(from: 0, through: columnStart, by: tile) {
            for j in columnStart..<min(columnStart + tile, matrix.columns) {
                for i in rowStart..<min(rowStart + tile, j) where abs(matrix[i, j] - matrix[j, i]) > tolerance {
                    guard !faults.isFull else { return }
                    let pair = "\(name)[\(i)][\(j)] is \(decimal(matrix[i, j]))"
                    let mirror = "\(name)[\(j)][\(i)] is \(decimal(matrix[j, i]))"
                    let message = "\(name) is not symmetric: \(pair) (row \(i), column \(j)), \(mirror)"
                    faults.report(.notSymmetric, at: "\(pointer)/\(i)/\(j)", message)
                }
            }
        }
    }
}
