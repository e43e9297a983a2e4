import ConvexSolver
import Matrices
import TestSupport
import Testing

@Suite("Few of many")
struct CardinalityTests {
    /// A random program: long-only or with short positions, thresholds, a budget and a cap on some of the variables.
    private func program(seed: Int, variables n: Int = 8, mostIn: Int) -> CardinalityProgram {
        var generator = SeededGenerator(seed: UInt64(seed))
        // Every third curvature is singular.
        let rank = seed % 3 == 0 ? 4 : n + 2
        let quadratic = randomGram(n, rank: rank, &generator)
        let linear = (0..<n).map { _ in 0.3 * generator.normal() }
        let isLong = seed % 4 != 1
        let lower = (0..<n).map { _ in isLong ? generator.uniform(0...0.2) : -0.4 }
        let upper = (0..<n).map { _ in generator.uniform(0.5...0.9) }
        var rows = [ParametricProgram.Row(coefficients: [Double](repeating: 1, count: n), lower: 1, upper: 1)]
        if seed % 2 == 0 {
            let group = (0..<n).map { $0 < n / 2 ? 1.0 : 0.0 }
            rows.append(ParametricProgram.Row(coefficients: group, lower: -.infinity, upper: 0.6))
        }
        return CardinalityProgram(
            quadratic: quadratic,
            linear: linear,
            lower: lower,
            upper: upper,
            rows: rows,
            mostIn: mostIn,
            always: seed % 5 == 2 ? [1] : []
        )
    }

    /// The optimum with exactly these variables in, by the interior point; nil when there is none.
    private func optimum(_ program: CardinalityProgram, _ support: [Int]) throws -> Double? {
        guard !support.isEmpty else { return program.rows.allSatisfy { $0.lower <= 0 && $0.upper >= 0 } ? 0 : nil }
        var builder = ProblemBuilder(support.count)
        builder.quadratic = program.quadratic.selecting(rows: support, columns: support)
        builder.linear = support.map { program.linear[$0] }
        for (place, j) in support.enumerated() { builder.bound(place, program.lower[j]...program.upper[j]) }
        for row in program.rows {
            let part = support.map { row.coefficients[$0] }
            if row.lower == row.upper {
                builder.equalities.append((part, row.upper))
            } else {
                builder.inequalities.append((part, row.upper))
            }
        }
        let solution = try InteriorPointSolver(builder.problem).solve()
        if solution.status == .primalInfeasible { return nil }
        #expect(solution.status == .solved)
        return solution.objective
    }

    /// The least optimum over all supports.
    private func enumerated(_ program: CardinalityProgram) throws -> Double? {
        var best: Double?
        for mask in 0..<(1 << program.variableCount) {
            let support = (0..<program.variableCount).filter { (mask >> $0) & 1 == 1 || program.always.contains($0) }
            let counted = support.count - program.always.count
            // A mask that names what is in anyway repeats another one.
            guard counted <= program.mostIn, program.always.allSatisfy({ (mask >> $0) & 1 == 0 }) else { continue }
            if let value = try optimum(program, support), value < best ?? .infinity { best = value }
        }
        return best
    }

    @Test(arguments: 0..<60)
    func `the best of all supports is found and proved`(seed: Int) throws {
        let program = program(seed: seed, mostIn: 2 + seed % 3)
        let result = try CardinalitySolver(program).solve()
        guard let best = try enumerated(program) else {
            #expect(result.status == .infeasible, "seed \(seed)")
            #expect(result.point.isEmpty)
            return
        }
        #expect(result.status == .optimal, "seed \(seed)")
        #expect((result.objective - best).magnitude <= 2e-6 * max(best.magnitude, 1e-3), "seed \(seed)")
        #expect(result.bound <= best + 1e-9 * max(best.magnitude, 1e-3), "seed \(seed): the bound is one")
        expectFeasible(result.point, program)
    }

    /// Expects zeros where variables are out, intervals where they are in, no more of them than may be, and the rows.
    private func expectFeasible(_ point: [Double], _ program: CardinalityProgram) {
        var counted = 0
        for (j, value) in point.enumerated() where value != 0 || program.always.contains(j) {
            #expect(value >= program.lower[j] - 1e-9 && value <= program.upper[j] + 1e-9)
            if !program.always.contains(j) { counted += 1 }
        }
        #expect(counted <= program.mostIn)
        for row in program.rows {
            let value = zip(row.coefficients, point).reduce(0) { $0 + $1.0 * $1.1 }
            #expect(value >= row.lower - 1e-9 && value <= row.upper + 1e-9)
        }
    }

    @Test func `a search that is stopped says how far it may be from the optimum`() throws {
        let program = program(seed: 7, variables: 30, mostIn: 6)
        let optimum = try CardinalitySolver(program).solve()
        #expect(optimum.status == .optimal)
        var settings = CardinalitySettings()
        settings.maximumNodes = 1
        let stopped = try CardinalitySolver(program, settings: settings).solve()
        #expect(stopped.status == .stoppedWithIncumbent)
        #expect(stopped.bound <= optimum.objective)
        #expect(stopped.objective >= optimum.objective)
        #expect(stopped.relativeGap > settings.relativeGap && stopped.relativeGap < 1)
        expectFeasible(stopped.point, program)
    }

    @Test(arguments: [1, 6, 20])
    func `rows that nothing meets end the search before it begins`(mostIn: Int) throws {
        var program = program(seed: 4, variables: 24, mostIn: mostIn)
        // No variable goes above 0.9, and together they are 1.
        let returns = (0..<24).map { 0.01 * Double($0) }
        program.rows.append(ParametricProgram.Row(coefficients: returns, lower: 0.5, upper: .infinity))
        let result = try CardinalitySolver(program).solve()
        #expect(result.status == .infeasible)
        #expect(result.point.isEmpty)
        #expect(result.nodes == 0, "no relaxation with choices is needed")
    }

    @Test func `a choice that leaves nothing to meet the rows is not searched below`() throws {
        // Two of many are needed for a row that only those two reach, and a third for another: more than may be in.
        let n = 24
        var first = [Double](repeating: 0, count: n)
        (first[0], first[1]) = (1, 1)
        var second = [Double](repeating: 0, count: n)
        second[2] = 1
        let program = CardinalityProgram(
            quadratic: DenseMatrix.identity(n),
            linear: [Double](repeating: 0, count: n),
            lower: [Double](repeating: 0, count: n),
            upper: [Double](repeating: 0.4, count: n),
            rows: [
                ParametricProgram.Row(coefficients: [Double](repeating: 1, count: n), lower: 1, upper: 1),
                ParametricProgram.Row(coefficients: first, lower: 0.6, upper: .infinity),
                ParametricProgram.Row(coefficients: second, lower: 0.1, upper: .infinity),
            ],
            mostIn: 2
        )
        let result = try CardinalitySolver(program).solve()
        #expect(result.status == .infeasible)
        #expect(result.nodes <= 50, "\(result.nodes) of them")
    }

    @Test func `it ends at once when asked to`() throws {
        var questions = 0
        let result = try CardinalitySolver(program(seed: 7, variables: 30, mostIn: 6)).solve {
            questions += 1
            return questions > 3
        }
        #expect(result.status == .stoppedWithIncumbent || result.status == .stoppedWithoutIncumbent)
        #expect(questions <= 6)
    }

    @Test func `the same program gives the same bits`() throws {
        let program = program(seed: 11, variables: 24, mostIn: 5)
        #expect(try CardinalitySolver(program).solve() == CardinalitySolver(program).solve())
    }

    @Test func `equal variables are told apart by their order alone`() throws {
        let n = 12
        let program = CardinalityProgram(
            quadratic: .identity(n),
            linear: [Double](repeating: 0, count: n),
            lower: [Double](repeating: 0.05, count: n),
            upper: [Double](repeating: 1, count: n),
            rows: [ParametricProgram.Row(coefficients: [Double](repeating: 1, count: n), lower: 1, upper: 1)],
            mostIn: 4
        )
        let result = try CardinalitySolver(program).solve()
        #expect(result.status == .optimal)
        #expect((result.objective - 0.125).magnitude < 1e-12)
        #expect(result.point.filter { $0 != 0 }.allSatisfy { ($0 - 0.25).magnitude < 1e-10 })
    }

    @Test func `none may be in`() throws {
        var none = program(seed: 4, mostIn: 0)
        #expect(try CardinalitySolver(none).solve().status == .infeasible)
        none.rows = []
        let result = try CardinalitySolver(none).solve()
        #expect(result.status == .optimal)
        #expect(result.point == [Double](repeating: 0, count: 8))
        #expect(result.objective == 0)
    }

    @Test func `parts that do not fit are refused`() throws {
        var short = program(seed: 4, mostIn: 2)
        short.lower.removeLast()
        #expect(throws: SolverError.dimensionMismatch(what: "lower bounds", expected: 8, actual: 7)) {
            try CardinalitySolver(short).solve()
        }
        var broken = program(seed: 4, mostIn: 2)
        broken.upper[3] = .infinity
        #expect(throws: SolverError.notFinite(what: "upper bounds", index: 3)) {
            try CardinalitySolver(broken).solve()
        }
        var negative = program(seed: 4, mostIn: 2)
        negative.mostIn = -1
        #expect(throws: SolverError.negative(what: "most variables in", index: 0)) {
            try CardinalitySolver(negative).solve()
        }
    }
}
