internal import LinearAlgebra
internal import Matrices

/// How each row enters the KKT matrix, decided once for a problem.
///
/// Cone rows are eliminated: M = P + Aᵀ H⁻¹ A over them. A row with few entries is added entry by entry (a bound on one
/// variable touches the diagonal only); rows with many, and second-order cones, are gathered in one dense block whose
/// Gram matrix is a single BLAS call. Equality rows stay.
struct KKTAssembly: Sendable {
    /// Rows of zero blocks.
    let equalityRows: [Int]
    private let sparseRows: [Int]
    private let denseRows: [Int]
    /// Indices of second-order blocks.
    private let secondOrderBlocks: [Int]
    private let denseRowCount: Int

    /// A row is gathered when this many times its entries exceed n: BLAS is about this much faster an entry, squared.
    private static let gatherFactor = 3

    init(_ problem: PreparedProblem) {
        var equality: [Int] = []
        var sparse: [Int] = []
        var dense: [Int] = []
        var secondOrder: [Int] = []
        for (index, block) in problem.blocks.enumerated() {
            switch block.kind {
            case .zero: equality.append(contentsOf: block.rows)
            case .secondOrder: secondOrder.append(index)
            case .nonnegative:
                for row in block.rows {
                    let count = problem.rows.count(of: row)
                    if count <= 1 || count * Self.gatherFactor <= problem.variableCount {
                        sparse.append(row)
                    } else {
                        dense.append(row)
                    }
                }
            }
        }
        equalityRows = equality
        sparseRows = sparse
        denseRows = dense
        secondOrderBlocks = secondOrder
        denseRowCount = dense.count + secondOrder.reduce(0) { $0 + problem.blocks[$1].rows.count }
    }

    /// M = P + Aᵀ H⁻¹ A over the cone rows, lower triangle, with `regularization` on the diagonal.
    func condensed(_ problem: PreparedProblem, _ scaling: NesterovToddScaling, regularization: Double) -> DenseMatrix {
        var matrix = problem.quadratic
        let n = problem.variableCount
        for j in 0..<n { matrix.elements[j * n + j] += regularization }
        addSparseRows(problem, scaling, to: &matrix)
        if denseRowCount > 0 { scaledDenseBlock(problem, scaling).addGram(to: &matrix) }
        return matrix
    }

    private func addSparseRows(
        _ problem: PreparedProblem,
        _ scaling: NesterovToddScaling,
        to matrix: inout DenseMatrix
    ) {
        let n = problem.variableCount
        let (columns, values) = (problem.rows.columns, problem.rows.values)
        for row in sparseRows {
            let inverse = 1 / (scaling.w[row] * scaling.w[row])
            let entries = problem.rows.entries(of: row)
            for first in entries {
                let scaled = inverse * values[first]
                let j = columns[first]
                // Columns ascend within a row, so these entries are in the lower triangle.
                for second in first..<entries.upperBound {
                    matrix.elements[j * n + columns[second]] += scaled * values[second]
                }
            }
        }
    }

    /// The rows W⁻¹ A of dense rows and second-order cones.
    ///
    /// Forming W⁻¹ A and then its Gram matrix keeps M positive semidefinite; the cheaper rank-one formula for
    /// second-order cones cancels near the boundary.
    private func scaledDenseBlock(_ problem: PreparedProblem, _ scaling: NesterovToddScaling) -> DenseMatrix {
        let n = problem.variableCount
        var block = DenseMatrix(rows: denseRowCount, columns: n)
        for (position, row) in denseRows.enumerated() {
            let inverse = 1 / scaling.w[row]
            for k in problem.rows.entries(of: row) {
                block.elements[problem.rows.columns[k] * denseRowCount + position] = inverse * problem.rows.values[k]
            }
        }
        var position = denseRows.count
        for index in secondOrderBlocks {
            let rows = problem.blocks[index].rows
            addSecondOrderRows(problem, scaling, blockIndex: index, at: position, to: &block)
            position += rows.count
        }
        return block
    }

    private func addSecondOrderRows(
        _ problem: PreparedProblem,
        _ scaling: NesterovToddScaling,
        blockIndex: Int,
        at position: Int,
        to block: inout DenseMatrix
    ) {
        let n = problem.variableCount
        let rows = problem.blocks[blockIndex].rows
        let first = rows.lowerBound
        let inverseEta = 1 / scaling.eta[blockIndex]
        let w0 = scaling.w[first]
        // g = A₁ᵀ w₁; W⁻¹A = η⁻¹ (w₀a₀ − g; A₁ + w₁ (g / (1 + w₀) − a₀)ᵀ).
        var g = [Double](repeating: 0, count: n)
        for row in (first + 1)..<rows.upperBound { problem.rows.addRow(row, scaledBy: scaling.w[row], into: &g) }
        var head = [Double](repeating: 0, count: n)
        problem.rows.addRow(first, scaledBy: 1, into: &head)
        for j in 0..<n {
            let start = j * denseRowCount + position
            block.elements[start] = inverseEta * (w0 * head[j] - g[j])
            let factor = inverseEta * (g[j] / (1 + w0) - head[j])
            guard factor != 0 else { continue }
            for offset in 1..<rows.count { block.elements[start + offset] = factor * scaling.w[first + offset] }
        }
        for row in (first + 1)..<rows.upperBound {
            for k in problem.rows.entries(of: row) {
                let target = problem.rows.columns[k] * denseRowCount + position + (row - first)
                block.elements[target] += inverseEta * problem.rows.values[k]
            }
        }
    }
}
