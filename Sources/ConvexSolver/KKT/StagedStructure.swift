internal import Matrices

/// How the KKT matrix of a program in stages falls apart, decided once for a problem.
///
/// Without the border columns and the wide rows a variable knows, besides itself, its twin in the stage before and in the
/// stage after: what is sold ties the weights of two periods. So the matrix is a row of chains, one an instrument, each
/// with a link a stage; **leaves** (what is sold) hang on one link or between two. Eliminating the chains leaves a small
/// matrix over everything with more entries, whose work grows with the stages squared and the instruments once.
struct StagedStructure: Sendable {
    /// A row over one variable, or a tie of two or three, besides the border.
    struct Tie: Sendable {
        let row: Int
        /// The variable that no other tie knows, with its entry.
        let leaf: (column: Int, value: Double)?
        /// The link of the earlier stage, or the only one.
        let first: (column: Int, value: Double)
        /// The link of the stage after.
        let second: (column: Int, value: Double)?
        /// Entries in border columns, by their position in the border.
        let border: [(position: Int, value: Double)]
    }

    /// Entries of a column of the coupling.
    struct Wide: Sendable {
        var rows: [Int]
        var values: [Double]
    }

    /// n.
    let variableCount: Int
    /// Columns that are in no chain.
    let border: [Int]
    /// Rows over one variable, besides the border.
    let singles: [Tie]
    /// Rows over two or three; those between the same two links are multiples of each other there.
    let ties: [Tie]
    /// Nonnegative rows that stay.
    let keptRows: [Int]
    /// Equality rows, which stay too.
    let equalityRows: [Int]
    /// Second-order blocks.
    let cones: [KKTStructure.Cone]
    /// The stages that each cone has entries in.
    let stagesOfCone: [[Int]]
    /// The curvature's factors, the equality rows, the kept rows and the wide rows of cones.
    let wide: [Wide]
    /// How many of them are the curvature's factors.
    let factorCount: Int
    /// The curvature's diagonal and the weight of its factors.
    let curvature: FactoredQuadratic

    /// The links of each stage by chain; −1 where a chain has none there.
    let links: [[Int]]
    /// The chain of each link; −1 for leaves and the border.
    let chain: [Int]
    /// The stage of each variable.
    let stage: [Int]
    /// The leaves of each stage.
    let leaves: [[Int]]
    /// The place of each leaf among those of its stage; −1 for others.
    let leafPlace: [Int]
    /// How many chains there are.
    let chainCount: Int
    /// For each stage the columns of `wide` with entries in its links, and in its leaves.
    private let presence: [(links: [Int], leaves: [Int])]

    /// A row with more entries than this is wide.
    private static let longestTie = 4

    /// Finds the chains; nil for a problem without stages.
    init?(_ problem: PreparedProblem, _ factored: FactoredQuadratic) {
        guard factored.blocks.count > 1 else { return nil }
        let n = problem.variableCount
        variableCount = n
        curvature = factored
        border = KKTStructure.borderColumns(problem)
        var stage = [Int](repeating: 0, count: n)
        for (index, block) in factored.blocks.enumerated() {
            for column in block.columns { stage[column] = index }
        }
        self.stage = stage
        var finder = TieFinder(problem, border: border, stage: stage, longestTie: Self.longestTie)
        var equality: [Int] = []
        var kept: [Int] = []
        var coneRows: [(block: Int, single: [Int], wide: [Int])] = []
        for (index, block) in problem.blocks.enumerated() {
            switch block.kind {
            case .zero: equality.append(contentsOf: block.rows)
            case .nonnegative: for row in block.rows where !finder.take(row) { kept.append(row) }
            default: coneRows.append(finder.coneRows(index, block.rows))
            }
        }
        (keptRows, equalityRows, singles, ties) = (kept, equality, finder.singles, finder.ties)
        var wide = factored.wideRows.map { Wide(rows: $0.columns, values: $0.values) }
        factorCount = wide.count
        func entries(of row: Int) -> Wide {
            let range = problem.rows.entries(of: row)
            return Wide(rows: Array(problem.rows.columns[range]), values: Array(problem.rows.values[range]))
        }
        for row in equality + kept { wide.append(entries(of: row)) }
        var cones: [KKTStructure.Cone] = []
        for cone in coneRows {
            var placed: [(row: Int, column: Int)] = []
            for row in cone.wide {
                placed.append((row, wide.count))
                wide.append(entries(of: row))
            }
            cones.append(KKTStructure.Cone(block: cone.block, single: cone.single, wide: placed))
        }
        self.cones = cones
        self.wide = wide
        stagesOfCone = cones.map { cone in
            var stages: Set<Int> = []
            for row in problem.blocks[cone.block].rows {
                for entry in problem.rows.entries(of: row) { stages.insert(stage[problem.rows.columns[entry]]) }
            }
            return stages.sorted()
        }

        let isBorder = Set(border)
        var chain = [Int](repeating: -1, count: n)
        var links: [[Int]] = []
        var leaves: [[Int]] = []
        var leafPlace = [Int](repeating: -1, count: n)
        for block in factored.blocks {
            var taken = [Int](repeating: -1, count: links.map(\.count).max() ?? 0)
            var own: [Int] = []
            var fresh: [Int] = []
            for column in block.columns where !isBorder.contains(column) {
                if finder.isLeaf[column] {
                    leafPlace[column] = own.count
                    own.append(column)
                } else if finder.before[column] >= 0 {
                    chain[column] = chain[finder.before[column]]
                    taken[chain[column]] = column
                } else {
                    fresh.append(column)
                }
            }
            var next = 0
            for column in fresh {
                while next < taken.count, taken[next] >= 0 { next += 1 }
                if next == taken.count { taken.append(-1) }
                taken[next] = column
                chain[column] = next
            }
            links.append(taken)
            leaves.append(own)
        }
        chainCount = links.map(\.count).max() ?? 0
        self.links = links
        self.chain = chain
        self.leaves = leaves
        self.leafPlace = leafPlace
        var presence = [(links: [Int], leaves: [Int])](repeating: ([], []), count: links.count)
        for (column, own) in wide.enumerated() {
            for row in own.rows {
                let index = stage[row]
                if chain[row] >= 0, presence[index].links.last != column { presence[index].links.append(column) }
                if leafPlace[row] >= 0, presence[index].leaves.last != column { presence[index].leaves.append(column) }
            }
        }
        self.presence = presence
    }
}

extension StagedStructure {
    /// The columns of `wide` with entries in the links, and in the leaves, of a stage.
    func columns(ofStage index: Int) -> (links: [Int], leaves: [Int]) { presence[index] }
}

/// Sorts rows into those of one variable, ties and wide ones, and finds the links as it goes.
private struct TieFinder {
    private let problem: PreparedProblem
    private let stage: [Int]
    private let longestTie: Int
    private var positionInBorder: [Int]
    private var tieCount: [Int]
    /// Whether a link has one after it.
    private var hasNext: [Bool]
    /// The link before each; −1 for none.
    private(set) var before: [Int]
    /// The entries of the first row that ties a link to the next.
    private var entries: [(own: Double, next: Double)]
    private(set) var isLeaf: [Bool]
    private(set) var singles: [StagedStructure.Tie] = []
    private(set) var ties: [StagedStructure.Tie] = []

    init(_ problem: PreparedProblem, border: [Int], stage: [Int], longestTie: Int) {
        self.problem = problem
        self.stage = stage
        self.longestTie = longestTie
        let n = problem.variableCount
        positionInBorder = [Int](repeating: -1, count: n)
        for (position, column) in border.enumerated() { positionInBorder[column] = position }
        tieCount = [Int](repeating: 0, count: n)
        hasNext = [Bool](repeating: false, count: n)
        before = [Int](repeating: -1, count: n)
        entries = [(own: Double, next: Double)](repeating: (0, 0), count: n)
        isLeaf = hasNext
        for block in problem.blocks where block.kind == .nonnegative {
            for row in block.rows {
                let own = ownEntries(of: row)
                guard own.count > 1, problem.rows.count(of: row) <= longestTie else { continue }
                for entry in own { tieCount[entry.column] += 1 }
            }
        }
    }

    private func ownEntries(of row: Int) -> [(column: Int, value: Double)] {
        problem.rows.entries(of: row).map { (problem.rows.columns[$0], problem.rows.values[$0]) }
            .filter { positionInBorder[$0.column] < 0 }
    }

    /// Takes a row in as one of a variable or as a tie; false for one that is to stay.
    mutating func take(_ row: Int) -> Bool {
        let own = ownEntries(of: row)
        guard let first = own.first, own.count <= 3, problem.rows.count(of: row) <= longestTie else { return false }
        let outside = problem.rows.entries(of: row).filter { positionInBorder[problem.rows.columns[$0]] >= 0 }
        let border = outside.map { (positionInBorder[problem.rows.columns[$0]], problem.rows.values[$0]) }
        if own.count == 1 {
            singles.append(StagedStructure.Tie(row: row, leaf: nil, first: first, second: nil, border: border))
            return true
        }
        // Of a stage's variables those that follow from the others come last.
        let last = own[own.count - 1]
        let leaf = tieCount[last.column] == 1 ? last : nil
        let linked = leaf == nil ? own : Array(own.dropLast())
        guard linked.count <= 2 else { return false }
        if linked.count == 2 {
            let (i, j) = (linked[0].column, linked[1].column)
            guard stage[j] == stage[i] + 1, !isLeaf[i], !isLeaf[j] else { return false }
            if before[j] == i {
                guard isMultiple((linked[0].value, linked[1].value), of: entries[i]) else { return false }
            } else {
                guard !hasNext[i], before[j] < 0 else { return false }
                hasNext[i] = true
                before[j] = i
                entries[i] = (linked[0].value, linked[1].value)
            }
        }
        if let leaf { isLeaf[leaf.column] = true }
        let second = linked.count == 2 ? linked[1] : nil
        ties.append(StagedStructure.Tie(row: row, leaf: leaf, first: linked[0], second: second, border: border))
        return true
    }

    /// Whether two rows say the same of two links: what is sold, or how far a weight may move, is their difference.
    private func isMultiple(_ row: (own: Double, next: Double), of first: (own: Double, next: Double)) -> Bool {
        let (left, right) = (row.own * first.next, row.next * first.own)
        return abs(left - right) <= 1e-12 * abs(left)
    }

    /// The tail rows of a second-order block with one entry outside the border, and the others.
    func coneRows(_ block: Int, _ rows: Range<Int>) -> (block: Int, single: [Int], wide: [Int]) {
        let tail = rows.dropFirst()
        let single = tail.filter { row in
            problem.rows.count(of: row) == 1 && positionInBorder[problem.rows.columns[problem.rows.starts[row]]] < 0
        }
        let isSingle = Set(single)
        return (block, single, tail.filter { !isSingle.contains($0) && problem.rows.count(of: $0) > 0 })
    }
}
