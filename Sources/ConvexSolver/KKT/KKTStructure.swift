internal import Matrices

/// How the KKT matrix of a problem with its curvature in parts falls apart, decided once for a problem.
///
/// Without the border columns and the wide rows the matrix is block-diagonal with blocks of one or two variables: bounds
/// touch one, what is sold of a holding ties it to its weight. Border columns (the homogenising variable, a relaxation)
/// stand in rows of nearly all variables; wide rows are everything with more entries. Both, and the curvature's own
/// factors, are few: what is left after eliminating the blocks is a small dense matrix.
struct KKTStructure: Sendable {
    /// A row whose variables lie in one block, besides the border: eliminated with the block.
    struct LocalRow: Sendable {
        let row: Int
        /// The block's first variable and its entry.
        let first: Int
        let firstValue: Double
        /// The block's second variable and its entry; nil for a block of one.
        let second: (column: Int, value: Double)?
        /// Entries in border columns, by their position in the border.
        let border: [(position: Int, value: Double)]
    }

    /// The rows of a second-order block.
    struct Cone: Sendable {
        /// The block's index.
        let block: Int
        /// Tail rows with one entry, outside the border.
        let single: [Int]
        /// The other tail rows, as columns of `wide`.
        let wide: [(row: Int, column: Int)]
    }

    /// n.
    let variableCount: Int
    /// Columns that are not in any block.
    let border: [Int]
    /// The other variable of a block of two, or −1.
    let partner: [Int]
    /// Rows that are eliminated with their blocks.
    let localRows: [LocalRow]
    /// Nonnegative rows that stay.
    let keptRows: [Int]
    /// Equality rows, which stay too.
    let equalityRows: [Int]
    /// Second-order blocks.
    let cones: [Cone]
    /// Column by column what does not change from one iteration to the next: the curvature's factors, the equality rows,
    /// the kept rows, and the wide rows of cones.
    let wide: DenseMatrix
    /// k, the columns of `wide` that are the curvature's factors.
    let factorCount: Int
    /// The curvature's diagonal and the weight of its factors.
    let curvature: FactoredQuadratic

    /// A column in more short rows than this is border.
    private static let mostShortRows = 8
    /// A row with at most this many entries is short.
    static let shortRow = 3

    init(_ problem: PreparedProblem, _ factored: FactoredQuadratic) {
        let n = problem.variableCount
        variableCount = n
        curvature = factored
        let border = Self.borderColumns(problem)
        self.border = border
        var positionInBorder = [Int](repeating: -1, count: n)
        for (position, column) in border.enumerated() { positionInBorder[column] = position }
        var partner = [Int](repeating: -1, count: n)
        var local: [LocalRow] = []
        var kept: [Int] = []
        var equality: [Int] = []
        var coneRows: [(block: Int, single: [Int], wide: [Int])] = []
        for (index, block) in problem.blocks.enumerated() {
            switch block.kind {
            case .zero: equality.append(contentsOf: block.rows)
            case .nonnegative:
                for row in block.rows {
                    if let row = Self.localRow(row, problem, positionInBorder, &partner) {
                        local.append(row)
                    } else {
                        kept.append(row)
                    }
                }
            default:
                let tail = block.rows.dropFirst()
                let single = tail.filter { row in
                    problem.rows.count(of: row) == 1
                        && positionInBorder[problem.rows.columns[problem.rows.starts[row]]] < 0
                }
                let isSingle = Set(single)
                coneRows.append(
                    (index, single, tail.filter { !isSingle.contains($0) && problem.rows.count(of: $0) > 0 })
                )
            }
        }
        self.partner = partner
        localRows = local
        keptRows = kept
        equalityRows = equality
        let wideRows = equality + kept
        let columns = factored.rank + wideRows.count + coneRows.reduce(0) { $0 + $1.wide.count }
        var wide = DenseMatrix(rows: n, columns: columns)
        for (f, row) in factored.wideRows.enumerated() {
            for (j, value) in zip(row.columns, row.values) { wide[j, f] = value }
        }
        var next = factored.rank
        func add(_ row: Int) {
            for entry in problem.rows.entries(of: row) {
                wide[problem.rows.columns[entry], next] = problem.rows.values[entry]
            }
            next += 1
        }
        for row in wideRows { add(row) }
        cones = coneRows.map { cone in
            Cone(
                block: cone.block,
                single: cone.single,
                wide: cone.wide.map { row in
                    add(row)
                    return (row, next - 1)
                }
            )
        }
        self.wide = wide
        factorCount = factored.rank
    }

    /// The columns that many short rows have in common.
    static func borderColumns(_ problem: PreparedProblem) -> [Int] {
        var counts = [Int](repeating: 0, count: problem.variableCount)
        for row in 0..<problem.rowCount {
            let count = problem.rows.count(of: row)
            guard count > 1, count <= shortRow else { continue }
            for entry in problem.rows.entries(of: row) { counts[problem.rows.columns[entry]] += 1 }
        }
        return counts.indices.filter { counts[$0] > mostShortRows }
    }

    /// A row as part of a block, which it may found; nil when its variables belong to different blocks.
    private static func localRow(
        _ row: Int,
        _ problem: PreparedProblem,
        _ positionInBorder: [Int],
        _ partner: inout [Int]
    ) -> LocalRow? {
        let entries = problem.rows.entries(of: row)
        guard entries.count <= shortRow + 1 else { return nil }
        var own: [(column: Int, value: Double)] = []
        var border: [(position: Int, value: Double)] = []
        for entry in entries {
            let (column, value) = (problem.rows.columns[entry], problem.rows.values[entry])
            if positionInBorder[column] >= 0 {
                border.append((positionInBorder[column], value))
            } else {
                own.append((column, value))
            }
        }
        guard let first = own.first else { return nil }
        if own.count == 1 {
            return LocalRow(row: row, first: first.column, firstValue: first.value, second: nil, border: border)
        }
        guard own.count == 2 else { return nil }
        let (i, j) = (own[0].column, own[1].column)
        guard (partner[i] < 0 && partner[j] < 0) || partner[i] == j else { return nil }
        partner[i] = j
        partner[j] = i
        return LocalRow(row: row, first: i, firstValue: own[0].value, second: own[1], border: border)
    }
}
