internal import LinearAlgebra
internal import Matrices

/// The relaxations of a search as one quadratic program: the rows of the problem and of every side, switched by bounds.
///
/// Second-order cones are met by cuts: a point outside gives the half-space that supports the cone nearest to it. A cut
/// holds for the whole search, so it is found once.
/// - SeeAlso: Kelley, SIAM Journal 8 (1960), for the cuts.
struct NodeProgram {
    /// What a relaxation came to.
    enum Answer {
        /// A point that meets the relaxation, and a lower bound of it.
        case solved(x: [Double], bound: Double)
        case infeasible
        /// Another method must decide.
        case undecided
    }

    /// A side's row as a bound on a row of the program.
    private struct SideRow {
        var row: Int
        var lower: Double
        var upper: Double
    }

    /// A cone {x : ‖b₁ − A₁x‖ ≤ b₀ − a₀ᵀx}.
    private struct CurvedRows {
        var rows: Range<Int>
    }

    private var solver: DualActiveSetSolver
    private var lower: [Double]
    private var upper: [Double]
    private let offRows: [[SideRow]]
    private let onRows: [[SideRow]]
    private let problem: ConicProblem
    private let curved: [CurvedRows]
    private let settings: SolverSettings

    /// Steps of all solves so far.
    var iterations: Int { solver.iterations }
    /// Where the last solve ended.
    var working: DualWorkingSet { solver.working }

    /// Gathers the rows, or returns nil when the program does not suit the method: too large, or without a factor.
    init?(_ problem: ConicProblem, disjunctions: [Disjunction], implied: [LinearRow], settings: SolverSettings) {
        guard !disjunctions.isEmpty, problem.variableCount <= settings.largestNodeProgram else { return nil }
        var pool = RowPool(variableCount: problem.variableCount)
        pool.addRows(of: problem)
        for row in implied { pool.addInForce(row) }
        func sides(_ rows: [LinearRow]) -> [SideRow] {
            rows.map { row in
                let (index, scale) = pool.index(of: row)
                let bound = row.upperBound / scale
                let isUpper = scale > 0
                return SideRow(
                    row: index,
                    lower: row.isEquality || !isUpper ? bound : -.infinity,
                    upper: row.isEquality || isUpper ? bound : .infinity
                )
            }
        }
        offRows = disjunctions.map { sides($0.off) }
        onRows = disjunctions.map { sides($0.on) }
        var first = 0
        var cones: [CurvedRows] = []
        for cone in problem.cones {
            switch cone {
            case .zero, .nonnegative: break
            case .secondOrder(let dimension):
                if dimension > 1 { cones.append(CurvedRows(rows: first..<(first + dimension))) }
            case .exponential, .power: return nil  // no cuts for these: the interior point takes them
            }
            first += cone.dimension
        }
        curved = cones
        let room = cones.isEmpty ? 0 : settings.largestCutPool
        guard pool.rows.count + room <= settings.largestNodeRows,
            let solver = DualActiveSetSolver(
                quadratic: problem.quadratic,
                linear: problem.linear,
                rows: pool.rows,
                room: room,
                variableScale: ProblemScale(PreparedProblem(problem)).variable,
                settings: settings
            )
        else { return nil }
        self.solver = solver
        lower = pool.lower
        upper = pool.upper
        self.problem = problem
        self.settings = settings
    }

    /// Puts the last solve's end aside, so that solves that begin there are quick.
    mutating func keep() { solver.keep() }

    /// Solves the relaxation with the given sides decided, from the working set of a relaxation near it.
    mutating func solve(_ sides: [DisjunctionSide?], from start: DualWorkingSet) -> Answer {
        var (low, high) = (lower, upper)
        for (index, side) in sides.enumerated() {
            guard let side else { continue }
            for row in side == .off ? offRows[index] : onRows[index] {
                low[row.row] = max(low[row.row], row.lower)
                high[row.row] = min(high[row.row], row.upper)
                if low[row.row] > high[row.row] {
                    // What rounding alone separates is the same number.
                    let size = max(low[row.row].magnitude, high[row.row].magnitude)
                    guard low[row.row] - high[row.row] <= settings.presolveTolerance * size else { return .infeasible }
                    low[row.row] = high[row.row]
                }
            }
        }
        var from = start
        for _ in 0..<settings.cutRounds {
            switch solver.solve(lower: low, upper: high, from: from) {
            case .infeasible: return .infeasible
            case .undecided: return .undecided
            case .solved: break
            }
            let cut = addCuts(at: solver.primal)
            if cut.added == 0 { return cut.isMissed ? .undecided : .solved(x: solver.primal, bound: solver.bound) }
            low.append(contentsOf: [Double](repeating: -.infinity, count: cut.added))
            high.append(contentsOf: upper.suffix(cut.added))
            from = solver.working
        }
        // The cuts so far make a relaxation of the relaxation: its bound holds, its point may lie outside the cone.
        return .solved(x: solver.primal, bound: solver.bound)
    }

    /// Adds a cut for each cone that the point is outside of.
    private mutating func addCuts(at x: [Double]) -> (added: Int, isMissed: Bool) {
        var added = 0
        var isMissed = false
        for cone in curved {
            guard let cut = cut(cone.rows, at: x) else { continue }
            guard let _ = solver.addRow(Array(x.indices), cut.coefficients) else {
                isMissed = true
                continue
            }
            lower.append(-.infinity)
            upper.append(cut.bound)
            added += 1
        }
        return (added, isMissed)
    }

    /// The half-space ûᵀ(b₁ − A₁x) ≤ b₀ − a₀ᵀx with û the direction of the point's b₁ − A₁x; nil inside the cone.
    private func cut(_ rows: Range<Int>, at x: [Double]) -> (coefficients: [Double], bound: Double)? {
        let m = problem.rowCount
        let elements = problem.constraints.elements
        var slack = Array(problem.bounds[rows])
        for j in x.indices where x[j] != 0 {
            for (k, i) in rows.enumerated() { slack[k] -= elements[j * m + i] * x[j] }
        }
        let length = norm2(Array(slack.dropFirst()))
        guard length > slack[0] + settings.cutTolerance * length, length > 0 else { return nil }
        let direction = [-1] + slack.dropFirst().map { $0 / length }
        var coefficients = [Double](repeating: 0, count: x.count)
        for j in x.indices {
            var sum = 0.0
            for (k, i) in rows.enumerated() { sum -= direction[k] * elements[j * m + i] }
            coefficients[j] = sum
        }
        let bound = -zip(direction, problem.bounds[rows]).reduce(0) { $0 + $1.0 * $1.1 }
        return (coefficients, bound)
    }
}

/// Rows with two bounds each; rows on one variable come first, one for each variable.
private struct RowPool {
    var rows: [(columns: [Int], coefficients: [Double])]
    var lower: [Double]
    var upper: [Double]

    init(variableCount: Int) {
        rows = (0..<variableCount).map { ([$0], [1]) }
        lower = [Double](repeating: -.infinity, count: variableCount)
        upper = [Double](repeating: .infinity, count: variableCount)
    }

    /// The row that a linear row bounds, and by what the linear row is that row: a bound on one variable shares a row.
    mutating func index(of row: LinearRow) -> (index: Int, scale: Double) {
        var merged: [Int: Double] = [:]
        for (column, coefficient) in zip(row.columns, row.coefficients) { merged[column, default: 0] += coefficient }
        let entries = merged.filter { $0.value != 0 }.sorted { $0.key < $1.key }
        if entries.count == 1 { return (entries[0].key, entries[0].value) }
        rows.append((entries.map(\.key), entries.map(\.value)))
        lower.append(-.infinity)
        upper.append(.infinity)
        return (rows.count - 1, 1)
    }

    /// Adds a row that always holds.
    mutating func addInForce(_ row: LinearRow) {
        let (index, scale) = index(of: row)
        let bound = row.upperBound / scale
        if row.isEquality || scale > 0 { upper[index] = min(upper[index], bound) }
        if row.isEquality || scale < 0 { lower[index] = max(lower[index], bound) }
    }

    /// Adds the equations and inequalities of a problem.
    mutating func addRows(of problem: ConicProblem) {
        let entries = ConstraintRows(problem.constraints)
        var first = 0
        for cone in problem.cones {
            let block = first..<(first + cone.dimension)
            first += cone.dimension
            var isEquality = false
            switch cone {
            case .zero: isEquality = true
            case .nonnegative: break
            case .secondOrder(let dimension): if dimension > 1 { continue }
            case .exponential, .power: continue
            }
            for i in block {
                let range = entries.entries(of: i)
                addInForce(
                    LinearRow(
                        columns: Array(entries.columns[range]),
                        coefficients: Array(entries.values[range]),
                        upperBound: problem.bounds[i],
                        isEquality: isEquality
                    )
                )
            }
        }
    }
}
