import ConvexSolver
import Matrices
import TestSupport
import Testing

@Suite("Random problems, checked by the optimality conditions")
struct RandomProblemTests {
    @Test(arguments: 0..<300)
    func `every feasible boxed problem is solved`(seed: Int) throws {
        let problem = randomProblem(seed: UInt64(seed))
        expectOptimal(try InteriorPointSolver(problem).solve(), for: problem, "seed \(seed)")
    }

    @Test(arguments: 1000..<1100)
    func `every contradictory problem is proven infeasible`(seed: Int) throws {
        let problem = randomProblem(seed: UInt64(seed), feasible: false)
        expectPrimalCertificate(try InteriorPointSolver(problem).solve(), for: problem, "seed \(seed)")
    }

    @Test(arguments: 2000..<2100)
    func `a problem without a box is solved or proven unbounded`(seed: Int) throws {
        let problem = randomProblem(seed: UInt64(seed), boxed: false)
        let solution = try InteriorPointSolver(problem).solve()
        if solution.status == .dualInfeasible {
            expectDualCertificate(solution, for: problem, "seed \(seed)")
        } else {
            expectOptimal(solution, for: problem, "seed \(seed)")
        }
    }

    @Test(arguments: 0..<20)
    func `the same problem gives the same bits`(seed: Int) throws {
        let problem = randomProblem(seed: UInt64(seed))
        let first = try InteriorPointSolver(problem).solve()
        let second = try InteriorPointSolver(problem).solve()
        #expect(first == second, "seed \(seed)")
    }

    @Test(arguments: 0..<40)
    func `active slacks and inactive multipliers are exactly zero`(seed: Int) throws {
        let problem = randomProblem(seed: UInt64(seed))
        let solution = try InteriorPointSolver(problem).solve()
        var first = 0
        for cone in problem.cones {
            let rows = first..<(first + cone.dimension)
            first += cone.dimension
            guard case .nonnegative = cone else { continue }
            for row in rows {
                #expect(solution.slack[row] == 0 || solution.dual[row] == 0, "seed \(seed), row \(row)")
            }
        }
    }
}

@Suite("Scale")
struct ScaleTests {
    /// A minimum-variance problem: unique solution, several bounds active.
    private func problem(seed: UInt64, objective: Double = 1, rows: Double = 1) -> ConicProblem {
        var generator = SeededGenerator(seed: seed)
        let n = 10
        var builder = ProblemBuilder(n)
        builder.quadratic = randomGram(n, rank: n + 4, &generator)
        for k in 0..<builder.quadratic.elements.count { builder.quadratic.elements[k] *= 0.01 * objective }
        builder.linear = (0..<n).map { _ in 0.05 * generator.normal() * objective }
        builder.equalities = [([Double](repeating: rows, count: n), rows)]
        for j in 0..<n {
            builder.inequalities.append((builder.unit(j, rows), 0.3 * rows))
            builder.inequalities.append((builder.unit(j, -rows), 0))
        }
        let tail = (0..<n).map { (builder.unit($0, -rows), 0.0) }
        builder.secondOrder = [[([Double](repeating: 0, count: n), 0.45 * rows)] + tail]
        return builder.problem
    }

    @Test(arguments: 0..<15)
    func `the unit of the objective does not move the solution`(seed: Int) throws {
        let reference = try InteriorPointSolver(problem(seed: UInt64(seed))).solve()
        for factor in [1e-6, 1e-3, 1e3, 1e6] {
            let scaled = problem(seed: UInt64(seed), objective: factor)
            let solution = try InteriorPointSolver(scaled).solve()
            expectOptimal(solution, for: scaled)
            for (a, b) in zip(solution.primal, reference.primal) { #expect((a - b).magnitude < 1e-10, "seed \(seed)") }
        }
    }

    @Test(arguments: 0..<15)
    func `the unit of the rows does not move the solution`(seed: Int) throws {
        let reference = try InteriorPointSolver(problem(seed: UInt64(seed))).solve()
        for factor in [1e-6, 1e-3, 1e3, 1e6] {
            let scaled = problem(seed: UInt64(seed), rows: factor)
            let solution = try InteriorPointSolver(scaled).solve()
            expectOptimal(solution, for: scaled)
            for (a, b) in zip(solution.primal, reference.primal) { #expect((a - b).magnitude < 1e-10, "seed \(seed)") }
        }
    }

    @Test(arguments: 0..<15)
    func `the unit of the variables scales the solution with it`(seed: Int) throws {
        let base = problem(seed: UInt64(seed))
        let reference = try InteriorPointSolver(base).solve()
        for factor in [1e-6, 1e6] {
            var scaled = base
            scaled.bounds = base.bounds.map { $0 * factor }
            scaled.linear = base.linear.map { $0 * factor }
            let solution = try InteriorPointSolver(scaled).solve()
            expectOptimal(solution, for: scaled)
            for (a, b) in zip(solution.primal, reference.primal) { #expect((a / factor - b).magnitude < 1e-10) }
        }
    }
}
