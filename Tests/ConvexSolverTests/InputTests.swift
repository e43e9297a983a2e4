import ConvexSolver
import Matrices
import Testing

@Suite("Bad input and limits")
struct InputTests {
    private var builder: ProblemBuilder {
        var builder = ProblemBuilder(2)
        builder.quadratic = .identity(2)
        builder.linear = [1, 1]
        builder.equalities = [([1, 1], 1)]
        builder.inequalities = [([1, 0], 0.2)]
        return builder
    }

    @Test func `parts that do not fit together are named`() {
        var problem = builder.problem
        problem.bounds.append(1)
        #expect(throws: SolverError.dimensionMismatch(what: "rows of A", expected: 3, actual: 2)) {
            try InteriorPointSolver(problem).solve()
        }
        problem = builder.problem
        problem.cones = [.zero(1)]
        #expect(throws: SolverError.dimensionMismatch(what: "dimension of the cones", expected: 2, actual: 1)) {
            try InteriorPointSolver(problem).solve()
        }
        problem.cones = [.zero(3), .nonnegative(-1)]
        #expect(throws: SolverError.self) { try InteriorPointSolver(problem).solve() }
        problem = builder.problem
        problem.quadratic = .identity(3)
        #expect(throws: SolverError.dimensionMismatch(what: "rows of P", expected: 2, actual: 3)) {
            try InteriorPointSolver(problem).solve()
        }
    }

    @Test func `a number that is not finite is named`() {
        var problem = builder.problem
        problem.linear[1] = .nan
        #expect(throws: SolverError.notFinite(what: "q", index: 1)) { try InteriorPointSolver(problem).solve() }
        problem = builder.problem
        problem.bounds[1] = .infinity
        #expect(throws: SolverError.notFinite(what: "b", index: 1)) { try InteriorPointSolver(problem).solve() }
        problem = builder.problem
        problem.quadratic[1, 0] = -.infinity
        #expect(throws: SolverError.notFinite(what: "P", index: 1)) { try InteriorPointSolver(problem).solve() }
    }

    @Test func `a solve that is told to stop stops`() throws {
        let solution = try InteriorPointSolver(builder.problem).solve(shouldStop: { true })
        #expect(solution.status == .stopped)
        #expect(solution.iterations == 0)
    }

    @Test func `the iteration limit ends a solve, and the residuals say so`() throws {
        var settings = SolverSettings()
        settings.maximumIterations = 1
        settings.polishes = false
        let problem = randomProblem(seed: 5)
        let solution = try InteriorPointSolver(problem, settings: settings).solve()
        #expect(solution.status == .iterationLimit)
        #expect(max(solution.primalResidual, solution.dualResidual, solution.relativeGap) > 1e-6)
    }

    @Test(arguments: 0..<40)
    func `without presolve and polish the answer is the same, less exact`(seed: Int) throws {
        var settings = SolverSettings()
        settings.polishes = false
        settings.presolves = false
        let problem = randomProblem(seed: UInt64(seed))
        let plain = try InteriorPointSolver(problem, settings: settings).solve()
        let full = try InteriorPointSolver(problem).solve()
        #expect(plain.status == .solved)
        let size = max(1e-3, full.objective.magnitude)
        #expect((plain.objective - full.objective).magnitude <= 1e-7 * size, "seed \(seed)")
    }
}
