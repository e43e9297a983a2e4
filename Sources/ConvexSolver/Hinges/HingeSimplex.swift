internal import LinearAlgebra
internal import Matrices

/// Minimises a hinge program exactly, by a primal simplex method whose work follows the kinks and not the scenarios.
///
/// At a vertex as many hinges and rows are active as variables are free. A step lets one of them go, or frees a
/// variable, along the edge that falls most steeply, and passes kink after kink while the objective still falls: one
/// step moves many scenarios between tail and rest. Only a product of the scenarios with the moving variables sees all T.
///
/// - SeeAlso: Fourer, Mathematical Programming 33 (1985), for simplex steps on piecewise linear objectives; Forrest &
///   Goldfarb, Mathematical Programming 57 (1992), for steepest edges; Bland, Mathematics of Operations Research 2
///   (1977), for the rule that ends cycles.
public struct HingeSimplex: Sendable {
    private let program: HingeProgram
    private let settings: SolverSettings

    /// Takes a program.
    ///
    /// - Throws: ``SolverError`` when the parts do not fit together or hold something that is no number.
    public init(_ program: HingeProgram, settings: SolverSettings = SolverSettings()) throws(SolverError) {
        try program.validate()
        self.program = program
        self.settings = settings
    }

    /// Finds an optimal vertex, or the proof that there is none.
    ///
    /// - Parameters:
    ///   - vertex: a vertex of this program to start from; one that is none is not used.
    ///   - shouldStop: asked once a pivot; a true answer ends the solve with ``SolverStatus/stopped``.
    /// - Returns: the point, its multipliers, and what the data say of them.
    /// - Complexity: O(T f + n k²) a pivot, f variables moving and k of them free.
    public func solve(from vertex: HingeVertex? = nil, shouldStop: () -> Bool = { false }) -> HingeSolution {
        if let vertex, let state = state(at: vertex) {
            var walk = HingeWalk(program, settings: settings, state: state)
            let status = walk.run(shouldStop: shouldStop)
            if status == .solved || status == .stopped { return solution(status, walk.state, iterations: walk.pivots) }
        }
        for j in 0..<program.variableCount where program.lower[j] > program.upper[j] {
            return solution(.primalInfeasible, HingeState(program, start: origin), iterations: 0)
        }
        let feasibility = Self.feasibilityProgram(program)
        var first = HingeWalk(feasibility, settings: settings, state: HingeState(feasibility, start: origin))
        let firstStatus = first.run(shouldStop: shouldStop)
        guard firstStatus == .solved else {
            return solution(firstStatus, HingeState(program, start: first.state.x), iterations: first.pivots)
        }
        if Self.misses(program, first.state.x, tolerance: settings.hingeFeasibility) {
            var result = solution(
                .primalInfeasible,
                HingeState(program, start: first.state.x),
                iterations: first.pivots
            )
            result.rowMultipliers = Self.proof(program, first)
            return result
        }
        var walk = HingeWalk(program, settings: settings, state: Self.start(program, after: first.state))
        walk.pivots = first.pivots
        let status = walk.run(shouldStop: shouldStop)
        return solution(status, walk.state, iterations: walk.pivots)
    }

    /// The state at a vertex, or nil where it is none of this program.
    private func state(at vertex: HingeVertex) -> HingeState? {
        let (n, m) = (program.variableCount, program.rowCount)
        guard vertex.primal.count == n, vertex.free.count == vertex.hinges.count + vertex.rows.count,
            vertex.free.allSatisfy({ (0..<n).contains($0) }), vertex.rows.allSatisfy({ (0..<m).contains($0) }),
            vertex.hinges.allSatisfy({ (0..<program.hingeCount).contains($0) }),
            (0..<n).allSatisfy({ program.lower[$0] <= vertex.primal[$0] && vertex.primal[$0] <= program.upper[$0] }),
            !Self.misses(program, vertex.primal, tolerance: settings.hingeFeasibility)
        else { return nil }
        var state = HingeState(program, start: vertex.primal)
        // Rows that do not hold the point would pull it away from where the limits are met.
        let room = 1e-9 * max(1, state.largestHinge) * vertex.primal.reduce(1) { max($0, $1.magnitude) }
        guard vertex.hinges.allSatisfy({ state.activities[$0].magnitude <= room }),
            vertex.rows.allSatisfy({ state.slacks[$0].magnitude <= room })
        else { return nil }
        for code in vertex.hinges + vertex.rows.map({ $0 + program.hingeCount }) {
            state.active.append(code)
            state.isActive[code] = true
            state.activeRows += state.row(code)
        }
        for variable in vertex.free {
            state.free.append(variable)
            state.isFree[variable] = true
        }
        return state
    }

    /// The point nearest to 0 within the bounds.
    private var origin: [Double] {
        (0..<program.variableCount).map { min(max(0, program.lower[$0]), max(program.upper[$0], program.lower[$0])) }
    }

    /// The sum of all violations: each row is a hinge of weight one, an equation is two.
    private static func feasibilityProgram(_ program: HingeProgram) -> HingeProgram {
        let (n, m, twice) = (program.variableCount, program.rowCount, program.equationCount)
        var hinges = DenseMatrix(rows: m + twice, columns: n)
        for j in 0..<n {
            for i in 0..<m { hinges[i, j] = program.rows[i, j] }
            for i in 0..<twice { hinges[m + i, j] = -program.rows[i, j] }
        }
        return HingeProgram(
            linear: [Double](repeating: 0, count: n),
            hinges: hinges,
            offsets: program.bounds + program.bounds.prefix(twice).map { -$0 },
            weights: [Double](repeating: 1, count: m + twice),
            rows: DenseMatrix(rows: 0, columns: n),
            bounds: [],
            equationCount: 0,
            lower: program.lower,
            upper: program.upper
        )
    }

    private static func misses(_ program: HingeProgram, _ x: [Double], tolerance: Double) -> Bool {
        let products = program.rows.times(x)
        for i in 0..<program.rowCount {
            var size = program.bounds[i].magnitude
            for j in 0..<program.variableCount { size = max(size, (program.rows[i, j] * x[j]).magnitude) }
            let excess = products[i] - program.bounds[i]
            if (i < program.equationCount ? excess.magnitude : excess) > tolerance * size { return true }
        }
        return false
    }

    /// The multipliers of the sum of violations: their combination of the rows no point within the bounds can meet.
    private static func proof(_ program: HingeProgram, _ walk: HingeWalk) -> [Double] {
        let y = walk.state.hingeMultipliers()
        let m = program.rowCount
        return (0..<m).map { $0 < program.equationCount ? y[$0] - y[m + $0] : y[$0] }
    }

    /// The vertex of the feasibility program as one of the program itself: its kinks are active rows.
    private static func start(_ program: HingeProgram, after first: HingeState) -> HingeState {
        var state = HingeState(program, start: first.x)
        let m = program.rowCount
        for (i, code) in first.active.enumerated() {
            let row = code < m ? code : code - m
            // The two hinges of an equation are opposite: never both active.
            state.active.append(program.hingeCount + row)
            state.isActive[program.hingeCount + row] = true
            state.free.append(first.free[i])
            state.isFree[first.free[i]] = true
            state.activeRows += state.row(program.hingeCount + row)
        }
        return state
    }

    private func solution(_ status: SolverStatus, _ state: HingeState, iterations: Int) -> HingeSolution {
        var x = state.x
        for j in 0..<x.count {
            let room = settings.hingeRounding * max(1, x[j].magnitude)
            if (x[j] - program.lower[j]).magnitude <= room || x[j] < program.lower[j] { x[j] = program.lower[j] }
            if (x[j] - program.upper[j]).magnitude <= room || x[j] > program.upper[j] { x[j] = program.upper[j] }
        }
        let solved = status == .solved
        let y = solved ? state.hingeMultipliers() : [Double](repeating: 0, count: program.hingeCount)
        let rows = solved ? state.rowMultipliers() : [Double](repeating: 0, count: program.rowCount)
        return HingeSolution(
            status: status,
            primal: x,
            hingeMultipliers: y,
            rowMultipliers: rows,
            iterations: iterations,
            vertex: HingeVertex(
                primal: x,
                free: state.free,
                hinges: state.active.filter { $0 < program.hingeCount },
                rows: state.active.filter { $0 >= program.hingeCount }.map { $0 - program.hingeCount }
            ),
            check: HingeCheck(program, primal: x, hingeMultipliers: y, rowMultipliers: rows)
        )
    }
}

extension HingeState {
    /// y over all hinges, inside its intervals.
    func hingeMultipliers() -> [Double] {
        var result = (0..<program.hingeCount).map { above[$0] ? program.weights[$0] : 0 }
        for (i, y) in multipliers().enumerated() where active[i] < program.hingeCount {
            result[active[i]] = min(max(y, 0), program.weights[active[i]])
        }
        return result
    }

    /// λ over all rows.
    func rowMultipliers() -> [Double] {
        var result = [Double](repeating: 0, count: program.rowCount)
        for (i, y) in multipliers().enumerated() where active[i] >= program.hingeCount {
            let row = active[i] - program.hingeCount
            result[row] = row < program.equationCount ? y : max(y, 0)
        }
        return result
    }
}
