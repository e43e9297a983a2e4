internal import Matrices

/// Entries of a symmetric matrix may differ across the diagonal by this share of its largest entry.
private let symmetryTolerance = 1e-8

/// Refuses a matrix with a value that is no number.
func requireFinite(_ matrix: DenseMatrix, part: String) throws(EstimationError) {
    for column in 0..<matrix.columns {
        for (row, value) in matrix.column(column).enumerated() where !value.isFinite {
            throw .unusableEntry(part: part, row: row, column: column)
        }
    }
}

/// The symmetric part (A + Aᵀ)/2 of a matrix that is symmetric to 1e-8 of its scale, exactly symmetric.
///
/// A negative entry on the diagonal is refused with the rest: it is a variance or a correlation with itself.
func symmetrized(_ matrix: DenseMatrix, part: String) throws(EstimationError) -> DenseMatrix {
    guard matrix.rows == matrix.columns else {
        throw .wrongSize(part: part, expected: matrix.columns, actual: matrix.rows)
    }
    try requireFinite(matrix, part: part)
    let scale = matrix.elements.reduce(0) { max($0, abs($1)) }
    var result = matrix
    for j in 0..<matrix.columns {
        guard matrix[j, j] >= 0 else { throw .unusableEntry(part: part, row: j, column: j) }
        for i in 0..<j {
            let (upper, lower) = (matrix[i, j], matrix[j, i])
            guard abs(upper - lower) <= symmetryTolerance * scale else { throw .notSymmetric(row: j, column: i) }
            let middle = upper == lower ? upper : 0.5 * (upper + lower)
            result[i, j] = middle
            result[j, i] = middle
        }
    }
    return result
}
