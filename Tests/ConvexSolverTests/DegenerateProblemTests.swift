import ConvexSolver
import Matrices
import TestSupport
import Testing

@Suite("Degenerate problems")
struct DegenerateProblemTests {
    @Test func `one variable between its bounds`() throws {
        for (cost, expected) in [(1.0, -2.0), (-1.0, 3.0), (0.0, nil)] as [(Double, Double?)] {
            var builder = ProblemBuilder(1)
            builder.linear = [cost]
            builder.bound(0, -2...3)
            let solution = try InteriorPointSolver(builder.problem).solve()
            expectOptimal(solution, for: builder.problem)
            if let expected { #expect(solution.primal[0] == expected) }
        }
    }

    @Test func `a variable whose bounds meet is fixed, and its multiplier closes the dual equation`() throws {
        var builder = ProblemBuilder(3)
        builder.quadratic = .identity(3)
        builder.linear = [-1, 2, -3]
        builder.equalities = [([1, 1, 1], 1)]
        builder.bound(0, 0.25...0.25)
        builder.bound(1, 0...0)
        builder.bound(2, 0...1)
        let solution = try InteriorPointSolver(builder.problem).solve()

        expectOptimal(solution, for: builder.problem)
        #expect(solution.primal[0] == 0.25)
        #expect(solution.primal[1] == 0)
        #expect((solution.primal[2] - 0.75).magnitude < 1e-14)
    }

    @Test func `every variable fixed`() throws {
        var builder = ProblemBuilder(2)
        builder.linear = [1, 1]
        builder.bound(0, 0.5...0.5)
        builder.bound(1, 0.5...0.5)
        builder.equalities = [([1, 1], 1)]
        let solution = try InteriorPointSolver(builder.problem).solve()
        expectOptimal(solution, for: builder.problem)
        #expect(solution.primal == [0.5, 0.5])

        builder.equalities = [([1, 1], 2)]
        expectPrimalCertificate(try InteriorPointSolver(builder.problem).solve(), for: builder.problem)
    }

    @Test func `rows repeated five times and redundant equalities`() throws {
        var generator = SeededGenerator(seed: 3)
        var builder = ProblemBuilder(6)
        builder.quadratic = randomGram(6, rank: 8, &generator)
        builder.linear = [-1, -1, 0.5, 0, 1, -2]
        let budget = [Double](repeating: 1, count: 6)
        builder.equalities = [(budget, 1), (budget.map { 3 * $0 }, 3), (budget, 1)]
        for _ in 0..<5 {
            for j in 0..<6 { builder.bound(j, 0...0.4) }
            builder.inequalities.append(([1, 1, 0, 0, 0, 0], 0.3))
        }
        let solution = try InteriorPointSolver(builder.problem).solve()
        expectOptimal(solution, for: builder.problem)
    }

    @Test func `equal variables share their weight without trouble`() throws {
        // All columns of P equal: rank one, every split is optimal.
        var builder = ProblemBuilder(8)
        builder.quadratic = DenseMatrix(rows: 8, columns: 8, repeating: 0.04)
        builder.equalities = [([Double](repeating: 1, count: 8), 1)]
        for j in 0..<8 { builder.bound(j, 0...1) }
        let solution = try InteriorPointSolver(builder.problem).solve()
        expectOptimal(solution, for: builder.problem)
        #expect((solution.objective - 0.02).magnitude < 1e-14)
    }

    @Test func `a feasible set of one point`() throws {
        var builder = ProblemBuilder(3)
        builder.quadratic = .identity(3)
        builder.linear = [1, -1, 0]
        builder.inequalities = [
            ([1, 1, 1], 3), ([-1, -1, -1], -3), ([1, 0, 0], 1), ([0, 1, 0], 1), ([0, 0, 1], 1),
        ]
        let solution = try InteriorPointSolver(builder.problem).solve()
        #expect(solution.status == .solved)
        for value in solution.primal { #expect((value - 1).magnitude < 1e-8) }
    }

    @Test func `an objective of zero accepts any feasible point`() throws {
        var builder = ProblemBuilder(4)
        builder.equalities = [([1, 1, 1, 1], 1)]
        for j in 0..<4 { builder.bound(j, 0...0.5) }
        let solution = try InteriorPointSolver(builder.problem).solve()
        expectOptimal(solution, for: builder.problem)
    }

    @Test func `a cone of dimension one is a bound`() throws {
        var builder = ProblemBuilder(1)
        builder.linear = [1]
        builder.secondOrder = [[([-1], -2)]]
        let solution = try InteriorPointSolver(builder.problem).solve()
        #expect(solution.primal == [2])
    }
}

@Suite("Infeasible and unbounded problems")
struct CertificateTests {
    @Test func `two bounds that exclude each other`() throws {
        var builder = ProblemBuilder(2)
        builder.inequalities = [([2, 0], 1), ([-4, 0], -3)]
        let solution = try InteriorPointSolver(builder.problem).solve()
        expectPrimalCertificate(solution, for: builder.problem)
        #expect(solution.objective == .infinity)
        #expect(solution.iterations == 0)
    }

    @Test func `equalities that contradict each other`() throws {
        var builder = ProblemBuilder(3)
        builder.quadratic = .identity(3)
        builder.equalities = [([1, 1, 0], 1), ([0, 1, 1], 1), ([1, 2, 1], 3)]
        expectPrimalCertificate(try InteriorPointSolver(builder.problem).solve(), for: builder.problem)
    }

    @Test func `a ball and a half-space that do not meet`() throws {
        var builder = ProblemBuilder(2)
        builder.linear = [1, 1]
        builder.secondOrder = [[([0, 0], 1), ([-1, 0], 0), ([0, -1], 0)]]
        builder.inequalities = [([-1, -1], -1.5)]
        expectPrimalCertificate(try InteriorPointSolver(builder.problem).solve(), for: builder.problem)
        // 1.4 < √2: now they meet.
        builder.inequalities = [([-1, -1], -1.4)]
        expectOptimal(try InteriorPointSolver(builder.problem).solve(), for: builder.problem)
    }

    @Test func `a linear program with a way down`() throws {
        var builder = ProblemBuilder(2)
        builder.linear = [-1, -1]
        builder.inequalities = [([1, -1], 1), ([-1, 0], 0), ([0, -1], 0)]
        let solution = try InteriorPointSolver(builder.problem).solve()
        expectDualCertificate(solution, for: builder.problem)
        #expect(solution.objective == -.infinity)
    }

    @Test func `a quadratic program that is flat in one direction`() throws {
        var builder = ProblemBuilder(2)
        builder.quadratic = DenseMatrix(rows: 2, columns: 2, columnMajor: [1, 1, 1, 1])
        builder.linear = [1, -1]
        builder.inequalities = [([1, 0], 5)]
        expectDualCertificate(try InteriorPointSolver(builder.problem).solve(), for: builder.problem)
    }

    @Test func `a linear objective along the axis of a cone`() throws {
        var builder = ProblemBuilder(3)
        builder.linear = [-1, 0.5, 0]
        builder.secondOrder = [[([-1, 0, 0], 0), ([0, -1, 0], 0), ([0, 0, -1], 0)]]
        expectDualCertificate(try InteriorPointSolver(builder.problem).solve(), for: builder.problem)
    }

    @Test func `a certificate is judged by the data, not believed`() throws {
        var builder = ProblemBuilder(1)
        builder.inequalities = [([1], 1), ([-1], 0)]
        #expect(InfeasibilityCertificate.primalDefect(builder.problem, dual: [1, 1]) == .infinity)
        #expect(InfeasibilityCertificate.primalDefect(builder.problem, dual: [-1, 0]) == .infinity)
        builder.linear = [-1]
        #expect(InfeasibilityCertificate.dualDefect(builder.problem, primal: [1], slack: [-1, 1]) == .infinity)
        #expect(InfeasibilityCertificate.dualDefect(builder.problem, primal: [-1], slack: [1, 0]) == .infinity)
    }
}
