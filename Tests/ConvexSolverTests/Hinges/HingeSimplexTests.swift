import ConvexSolver
import Matrices
import TestSupport
import Testing

/// A random program: some rows, some bounds, hinges that repeat where `ties` says so.
private func randomProgram(seed: UInt64, ties: Bool = false) -> HingeProgram {
    var generator = SeededGenerator(seed: seed)
    func count(_ range: ClosedRange<Double>) -> Int { Int(generator.uniform(range)) }
    let (n, hingeCount, rowCount) = (count(1...9), count(1...30), count(0...4))
    func number() -> Double {
        ties ? Double(Int(generator.uniform(-3...3))) : generator.normal()
    }
    var hinges = DenseMatrix(rows: hingeCount, columns: n)
    for i in hinges.elements.indices { hinges.elements[i] = number() }
    if ties, hingeCount > 2 { for j in 0..<n { hinges[1, j] = hinges[0, j] } }
    var rows = DenseMatrix(rows: rowCount, columns: n)
    for i in rows.elements.indices { rows.elements[i] = number() }
    let inside = (0..<n).map { _ in ties ? 1 : generator.uniform(0...2) }
    var bounds = [Double](repeating: 0, count: rowCount)
    let equations = min(rowCount, n - 1, count(0...2))
    for i in 0..<rowCount {
        for j in 0..<n { bounds[i] += rows[i, j] * inside[j] }
        if i >= equations, !ties { bounds[i] += generator.uniform(0...1) }
    }
    return HingeProgram(
        linear: (0..<n).map { _ in number() / 4 },
        hinges: hinges,
        offsets: (0..<hingeCount).map { _ in number() },
        weights: (0..<hingeCount).map { _ in ties ? 1 : generator.uniform(0...1) },
        rows: rows,
        bounds: bounds,
        equationCount: equations,
        lower: [Double](repeating: 0, count: n),
        upper: [Double](repeating: 2, count: n)
    )
}

private func expectOptimal(_ solution: HingeSolution, seed: UInt64) {
    #expect(solution.status == .solved, "seed \(seed)")
    #expect(solution.check.primalResidual <= 1e-12, "seed \(seed)")
    #expect(solution.check.dualResidual <= 1e-10, "seed \(seed)")
    let size = max(1, solution.check.objective.magnitude)
    #expect((solution.check.objective - solution.check.dualObjective).magnitude <= 1e-11 * size, "seed \(seed)")
}

@Suite("Hinge simplex")
struct HingeSimplexTests {
    @Test func `the median minimises the sum of absolute deviations`() throws {
        // |x − e| is the hinges x − e and e − x.
        let points = [4.0, 1, 9, 2, 7]
        let program = HingeProgram(
            linear: [0],
            hinges: DenseMatrix(rows: 10, columns: 1, columnMajor: points.map { _ in 1 } + points.map { _ in -1 }),
            offsets: points + points.map { -$0 },
            weights: [Double](repeating: 1, count: 10),
            rows: DenseMatrix(rows: 0, columns: 1),
            bounds: [],
            equationCount: 0,
            lower: [-.infinity],
            upper: [.infinity]
        )
        let solution = try HingeSimplex(program).solve()
        #expect(solution.primal == [4])
        #expect(solution.check.objective == 13)
        // One edge passes the kinks at 1 and 2 and stops at 4.
        #expect(solution.iterations == 1)
        expectOptimal(solution, seed: 0)
    }

    @Test(arguments: 1...200 as ClosedRange<UInt64>)
    func `random programs are solved as the interior-point method solves them`(seed: UInt64) throws {
        let program = randomProgram(seed: seed)
        let solution = try HingeSimplex(program).solve()
        expectOptimal(solution, seed: seed)
        var other = try InteriorPointSolver(program.conicForm).solve().objective
        other -= solution.check.objective
        #expect(other.magnitude <= 1e-7 * max(1, solution.check.objective.magnitude), "seed \(seed)")
    }

    @Test(arguments: 1...400 as ClosedRange<UInt64>)
    func `programs of small integers, full of ties and equal hinges, end at an optimum`(seed: UInt64) throws {
        expectOptimal(try HingeSimplex(randomProgram(seed: seed, ties: true)).solve(), seed: seed)
    }

    @Test func `rows that contradict each other are infeasible, with multipliers that prove it`() throws {
        var program = randomProgram(seed: 3)
        let n = program.variableCount
        // Σx ≤ 1 and Σx ≥ 2.
        program.rows = DenseMatrix(
            rows: 2,
            columns: n,
            columnMajor: (0..<n).flatMap { _ in [1.0, -1] }
        )
        program.bounds = [1, -2]
        program.equationCount = 0
        let solution = try HingeSimplex(program).solve()
        #expect(solution.status == .primalInfeasible)
        let proof = solution.rowMultipliers
        #expect(proof.allSatisfy { $0 >= 0 })
        // No x within its bounds makes the combined row as small as its bound.
        let least = (0..<n).reduce(0) { $0 + min(0, 2 * (proof[0] - proof[1])) * ($1 >= 0 ? 1 : 0) }
        #expect(least > proof[0] * program.bounds[0] + proof[1] * program.bounds[1])
    }

    @Test func `an objective without a floor is reported as such`() throws {
        var program = randomProgram(seed: 3)
        let n = program.variableCount
        program.rows = DenseMatrix(rows: 0, columns: n)
        program.bounds = []
        program.equationCount = 0
        program.weights = program.weights.map { _ in 0 }
        program.linear = [Double](repeating: 1, count: n)
        program.lower = [Double](repeating: -.infinity, count: n)
        #expect(try HingeSimplex(program).solve().status == .dualInfeasible)
    }

    @Test func `redundant equations do no harm`() throws {
        var program = randomProgram(seed: 8)
        let n = program.variableCount
        program.rows = DenseMatrix(rows: 3, columns: n, columnMajor: (0..<n).flatMap { _ in [1.0, 2, 1] })
        program.bounds = [1, 2, 1]
        program.equationCount = 3
        expectOptimal(try HingeSimplex(program).solve(), seed: 8)
    }

    @Test func `a stop is heeded and sizes are checked`() throws {
        let program = randomProgram(seed: 5)
        #expect(try HingeSimplex(program).solve(shouldStop: { true }).status == .stopped)
        var short = program
        short.weights.removeLast()
        #expect(throws: SolverError.self) { try HingeSimplex(short) }
        var negative = program
        negative.weights[0] = -1
        #expect(throws: SolverError.negative(what: "weights", index: 0)) { try HingeSimplex(negative) }
    }
}
