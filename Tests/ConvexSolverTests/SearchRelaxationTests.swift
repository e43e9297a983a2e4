import ConvexSolver
import Matrices
import TestSupport
import Testing

@Suite("Searches by quick relaxations")
struct SearchRelaxationTests {
    /// A long-only program with a budget, caps, thresholds on every name, and if asked a volatility cap.
    private func program(
        seed: Int,
        variables n: Int,
        rank: Int,
        isLinear: Bool = false,
        capsVolatility: Bool = false,
        scale: Double = 1
    ) -> (problem: ConicProblem, disjunctions: [Disjunction]) {
        var generator = SeededGenerator(seed: UInt64(seed))
        var builder = ProblemBuilder(n)
        let gram = randomGram(n, rank: rank, &generator)
        if !isLinear {
            builder.quadratic = gram
            for index in builder.quadratic.elements.indices { builder.quadratic.elements[index] *= scale }
        }
        builder.linear = (0..<n).map { _ in 0.3 * scale * generator.normal() }
        builder.equalities = [([Double](repeating: 1, count: n), 1)]
        for j in 0..<n { builder.bound(j, 0...0.6) }
        var problem = builder.problem
        if capsVolatility {
            // ‖Fx‖ ≤ t for a few random rows F, wide enough that some choice is left.
            let rows = 3
            var matrix = DenseMatrix(rows: problem.rowCount + rows + 1, columns: n)
            for j in 0..<n {
                for i in 0..<problem.rowCount { matrix[i, j] = problem.constraints[i, j] }
                for i in 0..<rows { matrix[problem.rowCount + 1 + i, j] = generator.normal() }
            }
            problem.constraints = matrix
            problem.bounds += [0.9] + [Double](repeating: 0, count: rows)
            problem.cones.append(.secondOrder(rows + 1))
        }
        let disjunctions = (0..<n).map { j in
            Disjunction(
                off: [LinearRow(columns: [j], coefficients: [1], upperBound: 0, isEquality: true)],
                on: [LinearRow(columns: [j], coefficients: [-1], upperBound: -generator.uniform(0.08...0.3))]
            )
        }
        return (problem, disjunctions)
    }

    /// The best over every choice of sides with at most `most` of them on, each solved by interior point.
    private func bruteForce(_ problem: ConicProblem, _ disjunctions: [Disjunction], most: Int) throws -> Double {
        var best = Double.infinity
        for choice in 0..<(1 << disjunctions.count) where choice.nonzeroBitCount <= most {
            var fixed = problem
            var rows = (0..<problem.rowCount).map { problem.constraints.row($0) }
            for (index, disjunction) in disjunctions.enumerated() {
                for row in choice >> index & 1 == 1 ? disjunction.on : disjunction.off {
                    var dense = [Double](repeating: 0, count: problem.variableCount)
                    for (column, coefficient) in zip(row.columns, row.coefficients) { dense[column] += coefficient }
                    rows.append(dense)
                    fixed.bounds.append(row.upperBound)
                    fixed.cones.append(row.isEquality ? .zero(1) : .nonnegative(1))
                }
            }
            fixed.constraints = try #require(DenseMatrix(rows: rows))
            let solution = try InteriorPointSolver(fixed).solve()
            if solution.status == .solved { best = min(best, solution.objective) }
        }
        return best
    }

    private func expectBest(
        _ program: (problem: ConicProblem, disjunctions: [Disjunction]),
        most: Int? = nil,
        _ comment: Comment
    ) throws {
        let (problem, disjunctions) = program
        let best = try bruteForce(problem, disjunctions, most: most ?? disjunctions.count)
        let result = try BranchAndBoundSolver(problem, disjunctions: disjunctions, mostOn: most).solve()
        guard best < .infinity else {
            #expect(result.status == .infeasible, comment)
            return
        }
        let solution = try #require(result.solution, comment)
        #expect(result.status == .optimal, comment)
        let size = max(best.magnitude, 1e-3 * problem.linear.reduce(0) { max($0, $1.magnitude) })
        #expect((solution.objective - best).magnitude <= 1e-8 * size, comment)
        #expect(result.sides.count { $0 == .on } <= most ?? disjunctions.count, comment)
    }

    @Test(arguments: 0..<12)
    func `curved objectives, of full rank and of less`(seed: Int) throws {
        try expectBest(program(seed: seed, variables: 7, rank: seed % 2 == 0 ? 9 : 2), "seed \(seed)")
    }

    @Test(arguments: 0..<8)
    func `objectives without curvature`(seed: Int) throws {
        try expectBest(program(seed: 100 + seed, variables: 7, rank: 1, isLinear: true), "seed \(seed)")
    }

    @Test(arguments: 0..<8)
    func `second-order cones are met by cuts`(seed: Int) throws {
        try expectBest(program(seed: 200 + seed, variables: 6, rank: 8, capsVolatility: true), "seed \(seed)")
    }

    @Test(arguments: 0..<12)
    func `no more are on than may be`(seed: Int) throws {
        try expectBest(program(seed: 300 + seed, variables: 8, rank: 10), most: 2 + seed % 3, "seed \(seed)")
    }

    @Test(arguments: [1e-6, 1e6])
    func `the scale of the objective changes nothing`(scale: Double) throws {
        let usual = program(seed: 7, variables: 7, rank: 9)
        let scaled = program(seed: 7, variables: 7, rank: 9, scale: scale)
        let first = try BranchAndBoundSolver(usual.problem, disjunctions: usual.disjunctions).solve()
        let second = try BranchAndBoundSolver(scaled.problem, disjunctions: scaled.disjunctions).solve()
        #expect(first.sides == second.sides)
        let (a, b) = (try #require(first.solution), try #require(second.solution))
        for (x, y) in zip(a.primal, b.primal) { #expect((x - y).magnitude < 1e-8) }
    }

    @Test func `none may be on where all are needed`() throws {
        let (problem, disjunctions) = program(seed: 9, variables: 5, rank: 7)
        let result = try BranchAndBoundSolver(problem, disjunctions: disjunctions, mostOn: 0).solve()
        #expect(result.status == .infeasible)
    }

    @Test func `implied rows tighten searches and leave their answers`() throws {
        var nodes = (plain: 0, tightened: 0)
        for seed in 41..<47 as Range<UInt64> {
            let (problem, choices, implied) = sales(seed: seed)
            let plain = try BranchAndBoundSolver(problem, disjunctions: choices).solve()
            let tightened = try BranchAndBoundSolver(problem, disjunctions: choices, implied: implied).solve()
            let (a, b) = (try #require(plain.solution), try #require(tightened.solution))
            #expect((a.objective - b.objective).magnitude <= 1e-9 * a.objective.magnitude, "seed \(seed)")
            nodes.plain += plain.nodes
            nodes.tightened += tightened.nodes
        }
        #expect(nodes.tightened < nodes.plain)
    }

    /// Holdings below their threshold that may be kept at it or sold, with a limit on what is sold.
    private func sales(
        seed: UInt64
    ) -> (problem: ConicProblem, choices: [Disjunction], implied: [LinearRow]) {
        // Sales of holdings below their threshold: s ≥ c − x with Σ s limited, x = 0 or x ≥ ℓ.
        let n = 9
        var generator = SeededGenerator(seed: seed)
        var builder = ProblemBuilder(2 * n)
        let gram = randomGram(n, rank: n + 2, &generator)
        for i in 0..<n {
            for j in 0..<n { builder.quadratic[i, j] = gram[i, j] }
        }
        let shares = (0..<n).map { _ in generator.uniform(0.5...1.5) }
        let current = shares.map { $0 / shares.reduce(0, +) }
        let least = 0.16
        builder.equalities = [([Double](repeating: 1, count: n) + [Double](repeating: 0, count: n), 1)]
        for j in 0..<n {
            builder.bound(j, 0...0.6)
            builder.bound(n + j, 0...1)
            var row = [Double](repeating: 0, count: 2 * n)
            row[j] = -1
            row[n + j] = -1
            builder.inequalities.append((row, -current[j]))
        }
        builder.inequalities.append(
            ([Double](repeating: 0, count: n) + [Double](repeating: 1, count: n), 0.45)
        )
        let choices = (0..<n).map { j in
            Disjunction(
                off: [LinearRow(columns: [j], coefficients: [1], upperBound: 0, isEquality: true)],
                on: [LinearRow(columns: [j], coefficients: [-1], upperBound: -least)]
            )
        }
        let implied = (0..<n).map { j in
            LinearRow(columns: [n + j, j], coefficients: [-1, -current[j] / least], upperBound: -current[j])
        }
        return (builder.problem, choices, implied)
    }
}
