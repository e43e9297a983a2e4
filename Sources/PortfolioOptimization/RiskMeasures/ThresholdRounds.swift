internal import ConvexSolver
internal import LinearAlgebra
internal import PortfolioModel

/// Risk under buy-in thresholds: a search over who is held on the supports found so far, then the exact optimum with
/// these held, which gives new supports; until the two meet.
struct ThresholdRounds {
    let solver: RiskProgramSolver
    let preferences: Preferences

    private static let defaultGap = 1e-6
    private static let optimalityGap = 1e-6
    private static let mostRounds = 200

    func solve(
        _ program: AllocationProgram,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> ProgramOutcome {
        guard let column = program.riskColumn else { throw numericalDifficulty("a program without a risk") }
        let allowed = preferences.relativeGap ?? Self.defaultGap
        var best: ProgramOptimum?
        var value = Double.infinity
        var bound = -Double.infinity
        var iterations = 0
        var tried: Set<[Bool]> = []
        if solver.supports.isEmpty { try prepare(program, column: column, shouldStop: shouldStop) }
        for _ in 0..<Self.mostRounds {
            let outcome = try search(program, column: column, shouldStop: shouldStop)
            guard case .solved(let relaxed) = outcome else {
                if best != nil { break }
                return outcome
            }
            iterations += relaxed.report.iterations
            let reached = program.cost(of: relaxed.primal)
            bound = max(bound, reached - relaxed.report.relativeGap * max(reached.magnitude, 1e-3))
            solver.addSupport(atProfile: solver.risk.profile(of: Array(relaxed.primal[..<program.instrumentCount])))
            let held = pattern(program, relaxed.primal)
            let isNew = tried.insert(held).inserted
            if isNew, let fixed = try optimum(program, held: held, column: column, shouldStop: shouldStop) {
                iterations += fixed.report.iterations
                let objective = program.cost(of: fixed.primal)
                if objective < value { (best, value) = (fixed, objective) }
            }
            let gap = (value - bound) / max(value.magnitude, 1e-3)
            if gap <= allowed || (!isNew && gap <= 10 * allowed) || shouldStop() { break }
        }
        guard var answer = best else { throw timeLimit() }
        let gap = max(0, (value - bound) / max(value.magnitude, 1e-3))
        answer.report.relativeGap = gap
        answer.report.iterations = iterations
        answer.report.solver = "branch_and_bound"
        answer.report.status = gap <= Self.optimalityGap ? .optimal : .withinGap
        answer.dual = Array(answer.dual.prefix(program.sparse.rows.count))
        return .solved(answer)
    }

    /// Supports of the program without its thresholds: the search begins with a good bound.
    private func prepare(
        _ program: AllocationProgram,
        column: Int,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) {
        var continuous = program
        continuous.disjunctions = []
        if case .solved(let optimum) = try solver.solve(continuous, preferences: preferences, shouldStop: shouldStop) {
            solver.addSupport(atProfile: solver.risk.profile(of: Array(optimum.primal[..<program.instrumentCount])))
        }
    }

    private func search(
        _ program: AllocationProgram,
        column: Int,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> ProgramOutcome {
        var master = solver.master(program, column: column)
        if let soft = program.softRisk {
            // t − e ≤ bound.
            let excess = master.sparse.linear.count
            master.sparse.linear.append(soft.price)
            master.sparse.append([
                LinearRow(columns: [column, excess], coefficients: [1, -1], upperBound: soft.bound),
                LinearRow(columns: [excess], coefficients: [-1], upperBound: 0),
            ])
        }
        return try solveProgram(master, preferences: preferences, shouldStop: shouldStop)
    }

    /// Which side of each disjunction a point is on.
    private func pattern(_ program: AllocationProgram, _ point: [Double]) -> [Bool] {
        program.disjunctions.map { choice in
            choice.off.contains { row in
                zip(row.columns, row.coefficients).reduce(-row.upperBound) { $0 + $1.1 * point[$1.0] } > 1e-9
            }
        }
    }

    /// The exact optimum with a side of each disjunction chosen; nil when these sides cannot be.
    private func optimum(
        _ program: AllocationProgram,
        held: [Bool],
        column: Int,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> ProgramOptimum? {
        var fixed = program
        fixed.disjunctions = []
        let rows = zip(program.disjunctions, held).flatMap { $1 ? $0.on : $0.off }
        fixed.sparse.append(rows)
        guard let soft = fixed.softRisk else { return try optimum(fixed, column: column, shouldStop: shouldStop) }
        // With who is held decided the program is convex: three cases (docs/mathematics.md, "Soft limits").
        fixed.softRisk = nil
        let free = try optimum(fixed, column: column, shouldStop: shouldStop)
        guard let free, free.primal[column] > soft.bound else { return free }
        var charged = fixed
        charged.sparse.linear[column] += soft.price
        let beyond = try optimum(charged, column: column, shouldStop: shouldStop)
        guard let beyond, beyond.primal[column] < soft.bound else { return beyond }
        fixed.sparse.append([LinearRow(columns: [column], coefficients: [1], upperBound: soft.bound)])
        fixed.riskLimitRow = fixed.sparse.rows.count - 1
        return try optimum(fixed, column: column, shouldStop: shouldStop)
    }

    /// The exact optimum of a program without choices.
    private func optimum(
        _ fixed: AllocationProgram,
        column: Int,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> ProgramOptimum? {
        var anchor: [Double]?
        if let limitRow = fixed.riskLimitRow {
            var calm = fixed
            calm.sparse.linear = [Double](repeating: 0, count: calm.sparse.variableCount)
            calm.sparse.linear[column] = 1
            calm.dropRiskLimit(limitRow, column: column)
            guard
                case .solved(let least) = try solver.solve(calm, preferences: preferences, shouldStop: shouldStop),
                fixed.meetsRiskLimit(least.primal)
            else { return nil }
            anchor = least.primal
        }
        guard
            case .solved(let optimum) = try solver.solve(
                fixed,
                preferences: preferences,
                anchor: anchor,
                shouldStop: shouldStop
            )
        else { return nil }
        return optimum
    }
}

extension AllocationProgram {
    /// The objective at a point, with what exceeding a soft limit on the risk costs.
    fileprivate func cost(of point: [Double]) -> Double {
        var cost = dot(sparse.linear, Array(point.prefix(sparse.linear.count)))
        if let softRisk, let riskColumn { cost += softRisk.price * max(0, point[riskColumn] - softRisk.bound) }
        return cost
    }

    /// Takes the limit off the risk; the row stays where it is, as a bound that nothing reaches.
    mutating func dropRiskLimit(_ row: Int, column: Int) {
        sparse.rows[row] = SparseProgram.Row(columns: [column], coefficients: [1])
        sparse.bounds[row] = 1e6
        riskLimitRow = nil
    }

    /// Whether the risk of a point, in its risk column, is within the limit.
    func meetsRiskLimit(_ point: [Double]) -> Bool {
        guard let row = riskLimitRow else { return true }
        let entries = zip(sparse.rows[row].columns, sparse.rows[row].coefficients)
        return entries.reduce(0) { $0 + $1.1 * point[$1.0] } <= sparse.bounds[row] + 1e-12
    }
}

extension SparseProgram {
    /// Adds rows after its own.
    mutating func append(_ added: [LinearRow]) {
        guard !added.isEmpty else { return }
        let equations = added.filter(\.isEquality)
        for row in equations + added.filter({ !$0.isEquality }) {
            rows.append(Row(columns: row.columns, coefficients: row.coefficients))
            bounds.append(row.upperBound)
        }
        cones += [.zero(equations.count), .nonnegative(added.count - equations.count)]
    }
}
