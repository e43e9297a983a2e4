internal import Matrices

/// The columns that one nonsymmetric cone and linear rows know, and nothing else: what a scenario or a trade brings.
///
/// They make the linear system large, and eliminating them cone by cone makes it small again: a thousand scenarios of fifty
/// instruments leave a system of order fifty and a few (``EliminatedSystem``).
struct LocalColumns: Sendable {
    /// One cone with columns of its own.
    struct Block: Sendable {
        /// Which of the nonsymmetric cones.
        let cone: Int
        /// Its own columns.
        let columns: [Int]
        /// The three entries in each of them.
        let coefficients: [Vector3]
        /// The other columns in which the cone has entries, counted among the columns that stay.
        let sharedColumns: [Int]
        /// The three entries in each of those.
        let sharedCoefficients: [Vector3]
        /// Entries of its own columns in linear rows with several entries.
        let couplings: [Entry]
        /// Entries of its own columns in bounds.
        let bounds: [Entry]
    }

    /// An entry of a linear row in a block's column.
    struct Entry: Sendable {
        let row: Int
        /// Which of the block's columns.
        let column: Int
        let value: Double
    }

    let blocks: [Block]
    /// The columns that stay.
    let sharedColumns: [Int]
    /// The problem without the local columns; rows keep their places.
    let reduced: PreparedProblem
    /// Nonnegative rows that couple blocks, which therefore may not be eliminated.
    let isCoupling: [Bool]
    /// For each nonsymmetric cone, whether it is one of the blocks.
    let isBlock: [Bool]

    /// Finds the columns, or nil when there are too few to be worth it.
    init?(_ problem: PreparedProblem, settings: SolverSettings) {
        guard problem.hasNonsymmetricCone, problem.factored == nil else { return nil }
        let owners = Self.owners(problem)
        guard owners.lazy.filter({ $0 != nil }).count >= settings.leastLocalColumns else { return nil }
        let shared = owners.indices.filter { owners[$0] == nil }
        var position = [Int](repeating: -1, count: owners.count)
        for (k, j) in shared.enumerated() { position[j] = k }
        sharedColumns = shared
        reduced = Self.restrict(problem, to: shared, position: position)
        var coupling = [Bool](repeating: false, count: problem.rowCount)
        var couplings: [Int: [Entry]] = [:]
        var bounds: [Int: [Entry]] = [:]
        var own: [Int: [Int]] = [:]
        var place = position
        for (j, owner) in owners.enumerated() {
            guard let owner else { continue }
            place[j] = own[owner, default: []].count
            own[owner, default: []].append(j)
        }
        for block in problem.blocks where !block.kind.isCurved {
            for row in block.rows {
                let isBound = block.kind == .nonnegative && problem.rows.count(of: row) == 1
                for k in problem.rows.entries(of: row) {
                    let j = problem.rows.columns[k]
                    guard let owner = owners[j] else { continue }
                    let entry = Entry(row: row, column: place[j], value: problem.rows.values[k])
                    if isBound {
                        bounds[owner, default: []].append(entry)
                    } else {
                        couplings[owner, default: []].append(entry)
                        coupling[row] = block.kind == .nonnegative
                    }
                }
            }
        }
        isCoupling = coupling
        var found: [Block] = []
        var isBlock: [Bool] = []
        for block in problem.blocks where block.kind.nonsymmetricCone != nil {
            let cone = isBlock.count
            isBlock.append(own[cone] != nil)
            guard let columns = own[cone] else { continue }
            let rows = NonsymmetricRows(problem.rows, block.rows)
            let entries = zip(rows.columns, rows.coefficients)
            found.append(
                Block(
                    cone: cone,
                    columns: columns,
                    coefficients: columns.map { j in entries.first { $0.0 == j }?.1 ?? .zero },
                    sharedColumns: rows.columns.filter { owners[$0] == nil }.map { position[$0] },
                    sharedCoefficients: entries.filter { owners[$0.0] == nil }.map(\.1),
                    couplings: couplings[cone] ?? [],
                    bounds: bounds[cone] ?? []
                )
            )
        }
        blocks = found
        self.isBlock = isBlock
    }

    /// For each column the nonsymmetric cone it belongs to, if it is in no other curved cone and has no curvature.
    private static func owners(_ problem: PreparedProblem) -> [Int?] {
        let n = problem.variableCount
        var owners = [Int?](repeating: nil, count: n)
        var isShared = [Bool](repeating: false, count: n)
        if problem.hasQuadratic {
            for j in 0..<n { isShared[j] = problem.quadratic.column(j).contains { $0 != 0 } }
        }
        var cone = -1
        for block in problem.blocks where block.kind.isCurved {
            let isSymmetric = block.kind.nonsymmetricCone == nil
            if !isSymmetric { cone += 1 }
            for row in block.rows {
                for k in problem.rows.entries(of: row) {
                    let j = problem.rows.columns[k]
                    if isSymmetric || (owners[j] != nil && owners[j] != cone) { isShared[j] = true }
                    if !isSymmetric { owners[j] = cone }
                }
            }
        }
        for j in 0..<n where isShared[j] { owners[j] = nil }
        // A cone with many columns of its own would have a large block.
        var counts: [Int: Int] = [:]
        for case .some(let owner) in owners { counts[owner, default: 0] += 1 }
        return owners.map { owner in owner.flatMap { counts[$0, default: 0] <= largestBlock ? $0 : nil } }
    }

    private static let largestBlock = 3

    private static func restrict(_ problem: PreparedProblem, to columns: [Int], position: [Int]) -> PreparedProblem {
        let rows = (0..<problem.rowCount).map { row in
            problem.rows.entries(of: row).compactMap { k -> (column: Int, value: Double)? in
                let j = position[problem.rows.columns[k]]
                return j >= 0 ? (j, problem.rows.values[k]) : nil
            }
        }
        return PreparedProblem(
            quadratic: problem.quadratic.selecting(rows: columns, columns: columns),
            linear: columns.map { problem.linear[$0] },
            rows: ConstraintRows(columnCount: columns.count, rows: rows),
            bounds: problem.bounds,
            blocks: problem.blocks
        )
    }
}

/// The three rows of a nonsymmetric block, column by column.
struct NonsymmetricRows: Sendable {
    /// The columns in which one of the rows has an entry, ascending.
    let columns: [Int]
    /// The three entries in each of those columns.
    let coefficients: [Vector3]

    init(_ all: ConstraintRows, _ rows: Range<Int>) {
        var entries: [Int: Vector3] = [:]
        for (position, row) in rows.enumerated() {
            for k in all.entries(of: row) { entries[all.columns[k], default: .zero][position] = all.values[k] }
        }
        columns = entries.keys.sorted()
        coefficients = columns.map { entries[$0] ?? .zero }
    }
}
