import ConvexSolver
import Matrices
import TestSupport
import Testing

@Suite("Branch and bound")
struct BranchAndBoundTests {
    /// A long-only minimum-variance problem with some expected return, and buy-in thresholds on the first names.
    private func thresholds(
        seed: UInt64,
        variables n: Int,
        disjunctions k: Int
    ) -> (problem: ConicProblem, disjunctions: [Disjunction]) {
        var generator = SeededGenerator(seed: seed)
        var builder = ProblemBuilder(n)
        builder.quadratic = randomGram(n, rank: n + 2, &generator)
        builder.linear = (0..<n).map { _ in 0.3 * generator.normal() }
        builder.equalities = [([Double](repeating: 1, count: n), 1)]
        for j in 0..<n { builder.bound(j, 0...0.6) }
        let disjunctions = (0..<k).map { index -> Disjunction in
            let threshold = generator.uniform(0.1...0.5)
            if generator.uniform(0...1) < 0.7 {
                return Disjunction(
                    off: [LinearRow(columns: [index], coefficients: [1], upperBound: 0)],
                    on: [LinearRow(columns: [index], coefficients: [-1], upperBound: -threshold)]
                )
            }
            let other = (index + 1) % n
            return Disjunction(
                off: [
                    LinearRow(
                        columns: [index, other],
                        coefficients: [1, -0.5],
                        upperBound: 0.1,
                        isEquality: threshold > 0.3
                    )
                ],
                on: [
                    LinearRow(columns: [index], coefficients: [1], upperBound: 0.02),
                    LinearRow(columns: [other], coefficients: [-1], upperBound: -threshold),
                ]
            )
        }
        return (builder.problem, disjunctions)
    }

    /// The problem with one side of every disjunction imposed, written out here by hand.
    private func imposing(_ sides: [DisjunctionSide], _ disjunctions: [Disjunction], on problem: ConicProblem)
        -> ConicProblem
    {
        var rows = (0..<problem.rowCount).map { problem.constraints.row($0) }
        var result = problem
        for (disjunction, side) in zip(disjunctions, sides) {
            for row in side == .on ? disjunction.on : disjunction.off {
                var dense = [Double](repeating: 0, count: problem.variableCount)
                for (column, coefficient) in zip(row.columns, row.coefficients) { dense[column] += coefficient }
                rows.append(dense)
                result.bounds.append(row.upperBound)
                result.cones.append(row.isEquality ? .zero(1) : .nonnegative(1))
            }
        }
        result.constraints = DenseMatrix(rows: rows) ?? problem.constraints
        return result
    }

    private func allSides(_ count: Int) -> [[DisjunctionSide]] {
        (0..<(1 << count)).map { mask in (0..<count).map { (mask >> $0) & 1 == 1 ? .on : .off } }
    }

    @Test(arguments: 0..<40)
    func `the best of all choices is found`(seed: Int) throws {
        let count = 2 + seed % 6
        let (problem, disjunctions) = thresholds(seed: UInt64(seed), variables: 8, disjunctions: count)
        var best = Double.infinity
        for sides in allSides(count) {
            let solution = try InteriorPointSolver(imposing(sides, disjunctions, on: problem)).solve()
            #expect(solution.status == .solved || solution.status == .primalInfeasible, "seed \(seed) \(sides)")
            if solution.status == .solved { best = min(best, solution.objective) }
        }
        let result = try BranchAndBoundSolver(problem, disjunctions: disjunctions).solve()
        if best == .infinity {
            #expect(result.status == .infeasible, "seed \(seed)")
            return
        }
        #expect(result.status == .optimal, "seed \(seed)")
        let solution = try #require(result.solution)
        #expect((solution.objective - best).magnitude <= 1e-9 * max(best.magnitude, 1e-2), "seed \(seed)")
        #expect(result.bound <= solution.objective)
        expectOptimal(
            try InteriorPointSolver(imposing(result.sides, disjunctions, on: problem)).solve(),
            for: imposing(result.sides, disjunctions, on: problem)
        )
    }

    @Test func `switched-off variables are exactly zero`() throws {
        let (problem, disjunctions) = thresholds(seed: 1, variables: 8, disjunctions: 1)
        let switches = (0..<8).map { j in
            Disjunction(
                off: [LinearRow(columns: [j], coefficients: [1], upperBound: 0)],
                on: [LinearRow(columns: [j], coefficients: [-1], upperBound: -0.25)]
            )
        }
        #expect(disjunctions.count == 1)
        let result = try BranchAndBoundSolver(problem, disjunctions: switches).solve()
        let solution = try #require(result.solution)
        #expect(result.status == .optimal)
        for (value, side) in zip(solution.primal, result.sides) {
            #expect(side == .off ? value == 0 : value >= 0.25)
        }
    }

    @Test func `without disjunctions it is the convex problem`() throws {
        let (problem, _) = thresholds(seed: 2, variables: 6, disjunctions: 1)
        let result = try BranchAndBoundSolver(problem, disjunctions: []).solve()
        let convex = try InteriorPointSolver(problem).solve()
        #expect(result.status == .optimal)
        #expect(result.solution == convex)
        #expect(result.nodes == 1)
    }

    @Test func `an optimum of zero has no gap`() throws {
        // min ½‖x‖² over a box with one corner in 0, where a gap relative to the objective would divide by nothing.
        var builder = ProblemBuilder(2)
        builder.quadratic = .identity(2)
        builder.bound(0, 0...1)
        builder.bound(1, 0...1)
        let choice = Disjunction(
            off: [LinearRow(columns: [0], coefficients: [1], upperBound: 0)],
            on: [LinearRow(columns: [0], coefficients: [-1], upperBound: -0.5)]
        )
        let result = try BranchAndBoundSolver(builder.problem, disjunctions: [choice]).solve()
        #expect(result.status == .optimal)
        #expect(result.sides == [.off])
        #expect(try #require(result.solution).objective.magnitude < 1e-15)
    }

    @Test func `no choice fits`() throws {
        let (problem, _) = thresholds(seed: 3, variables: 6, disjunctions: 1)
        let impossible = Disjunction(
            off: [LinearRow(columns: [0], coefficients: [1], upperBound: -0.1)],
            on: [LinearRow(columns: [0, 1], coefficients: [-1, -1], upperBound: -1.3)]
        )
        let result = try BranchAndBoundSolver(problem, disjunctions: [impossible]).solve()
        #expect(result.status == .infeasible)
        #expect(result.solution == nil)
        #expect(result.relativeGap == .infinity)
    }

    @Test func `the objective may have no lower bound`() throws {
        var builder = ProblemBuilder(2)
        builder.linear = [-1, 0]
        builder.inequalities = [([-1, 0], 0)]
        let choice = Disjunction(
            off: [LinearRow(columns: [1], coefficients: [1], upperBound: 0)],
            on: [LinearRow(columns: [1], coefficients: [-1], upperBound: -1)]
        )
        #expect(try BranchAndBoundSolver(builder.problem, disjunctions: [choice]).solve().status == .unbounded)
    }

    @Test func `the node limit stops with the best so far and an honest gap`() throws {
        let (problem, disjunctions) = thresholds(seed: 17, variables: 8, disjunctions: 8)
        let full = try BranchAndBoundSolver(problem, disjunctions: disjunctions).solve()
        #expect(full.nodes > 4)
        let best = try #require(full.solution)
        var settings = SolverSettings()
        for limit in 1..<full.nodes {
            settings.maximumNodes = limit
            let result = try BranchAndBoundSolver(problem, disjunctions: disjunctions, settings: settings).solve()
            #expect(result.nodes <= limit + 2)
            #expect(result.bound <= best.objective + 1e-12)
            guard let solution = result.solution else {
                #expect(result.status == .stoppedWithoutIncumbent)
                continue
            }
            #expect(solution.objective >= best.objective - 1e-12)
        }
    }

    @Test func `a search that is told to stop stops`() throws {
        let (problem, disjunctions) = thresholds(seed: 4, variables: 8, disjunctions: 6)
        let result = try BranchAndBoundSolver(problem, disjunctions: disjunctions).solve(shouldStop: { true })
        #expect(result.status == .stoppedWithoutIncumbent)
        #expect(result.nodes == 0)
    }

    @Test func `the same search gives the same bits`() throws {
        let (problem, disjunctions) = thresholds(seed: 5, variables: 8, disjunctions: 8)
        let solver = BranchAndBoundSolver(problem, disjunctions: disjunctions)
        #expect(try solver.solve() == solver.solve())
    }

    @Test func `a row that does not fit is named`() {
        let (problem, _) = thresholds(seed: 6, variables: 4, disjunctions: 1)
        let outside = Disjunction(off: [LinearRow(columns: [4], coefficients: [1], upperBound: 0)], on: [])
        #expect(
            throws: SolverError.dimensionMismatch(what: "column of a disjunction's row", expected: 4, actual: 4)
        ) { try BranchAndBoundSolver(problem, disjunctions: [outside]).solve() }
        let ragged = Disjunction(off: [], on: [LinearRow(columns: [0], coefficients: [], upperBound: 0)])
        #expect(throws: SolverError.self) { try BranchAndBoundSolver(problem, disjunctions: [ragged]).solve() }
        let notFinite = Disjunction(off: [], on: [LinearRow(columns: [0], coefficients: [1], upperBound: .nan)])
        #expect(throws: SolverError.self) { try BranchAndBoundSolver(problem, disjunctions: [notFinite]).solve() }
    }
}
