import ConvexSolver
import Matrices
import Testing

@Suite("Problems worked by hand")
struct HandWorkedTests {
    @Test func `a quadratic program with one active bound`() throws {
        // min x² + y² − 2x − 6y, x + y ≤ 2, x, y ≥ 0: the free minimum (1, 3) is outside; on the line it is (0, 2).
        var builder = ProblemBuilder(2)
        builder.quadratic = DenseMatrix(rows: 2, columns: 2, columnMajor: [2, 0, 0, 2])
        builder.linear = [-2, -6]
        builder.inequalities = [([1, 1], 2), ([-1, 0], 0), ([0, -1], 0)]
        let solution = try InteriorPointSolver(builder.problem).solve()

        expectOptimal(solution, for: builder.problem)
        #expect((solution.primal[0]).magnitude < 1e-12)
        #expect((solution.primal[1] - 2).magnitude < 1e-12)
        #expect((solution.objective + 8).magnitude < 1e-12)
        #expect((solution.dual[0] - 2).magnitude < 1e-11)
        #expect(solution.slack == [0, 0, 2])
        #expect(solution.dual[2] == 0)
    }

    @Test func `a linear program ends in the vertex, with exact zeros`() throws {
        // max 3x + 2y, x + y ≤ 4, x + 3y ≤ 6, x ≤ 3: the vertex (3, 1), value 11.
        var builder = ProblemBuilder(2)
        builder.linear = [-3, -2]
        builder.inequalities = [([1, 1], 4), ([1, 3], 6), ([1, 0], 3), ([-1, 0], 0), ([0, -1], 0)]
        let solution = try InteriorPointSolver(builder.problem).solve()

        expectOptimal(solution, for: builder.problem)
        #expect((solution.primal[0] - 3).magnitude < 1e-12)
        #expect((solution.primal[1] - 1).magnitude < 1e-12)
        #expect(solution.slack[0] == 0)
        #expect(solution.slack[2] == 0)
        #expect(solution.slack[3] > 2.9)
        #expect(solution.dual[3] == 0)
        #expect(solution.dual[4] == 0)
    }

    @Test func `a linear objective over a ball ends where the gradient touches it`() throws {
        // min 3x + 4y, ‖(x, y)‖ ≤ 2: x = −2 (3, 4)/5, value −10.
        var builder = ProblemBuilder(2)
        builder.linear = [3, 4]
        builder.secondOrder = [[([0, 0], 2), ([-1, 0], 0), ([0, -1], 0)]]
        let solution = try InteriorPointSolver(builder.problem).solve()

        expectOptimal(solution, for: builder.problem)
        #expect((solution.primal[0] + 1.2).magnitude < 1e-12)
        #expect((solution.primal[1] + 1.6).magnitude < 1e-12)
        #expect((solution.objective + 10).magnitude < 1e-11)
    }

    @Test func `the tip of a cone is found as the tip`() throws {
        // min t, ‖(x, y)‖ ≤ t, with x and y free: everything is 0.
        var builder = ProblemBuilder(3)
        builder.linear = [1, 0, 0]
        builder.secondOrder = [[([-1, 0, 0], 0), ([0, -1, 0], 0), ([0, 0, -1], 0)]]
        let solution = try InteriorPointSolver(builder.problem).solve()

        expectOptimal(solution, for: builder.problem)
        #expect(solution.primal.allSatisfy { $0.magnitude < 1e-9 })
    }

    @Test func `the nearest point of a hyperplane`() throws {
        // min ½‖x‖², 1ᵀx = 1: x = 1/n, multiplier −1/n.
        for n in [1, 2, 7, 30] {
            var builder = ProblemBuilder(n)
            builder.quadratic = .identity(n)
            builder.equalities = [([Double](repeating: 1, count: n), 1)]
            let solution = try InteriorPointSolver(builder.problem).solve()

            expectOptimal(solution, for: builder.problem)
            for value in solution.primal { #expect((value - 1 / Double(n)).magnitude < 1e-13) }
            #expect((solution.dual[0] + 1 / Double(n)).magnitude < 1e-13)
        }
    }

    @Test func `a problem without constraints is a linear system`() throws {
        var builder = ProblemBuilder(2)
        builder.quadratic = DenseMatrix(rows: 2, columns: 2, columnMajor: [4, 1, 1, 3])
        builder.linear = [-1, -2]
        let solution = try InteriorPointSolver(builder.problem).solve()

        expectOptimal(solution, for: builder.problem)
        #expect((solution.primal[0] - 1 / 11.0).magnitude < 1e-14)
        #expect((solution.primal[1] - 7 / 11.0).magnitude < 1e-14)
    }

    @Test func `a problem without variables is feasible or not`() throws {
        let empty = DenseMatrix(rows: 0, columns: 0)
        let rows = DenseMatrix(rows: 1, columns: 0)
        let holds = ConicProblem(quadratic: empty, linear: [], constraints: rows, bounds: [1], cones: [.nonnegative(1)])
        let fails = ConicProblem(
            quadratic: empty,
            linear: [],
            constraints: rows,
            bounds: [-1],
            cones: [.nonnegative(1)]
        )
        #expect(try InteriorPointSolver(holds).solve().status == .solved)
        #expect(try InteriorPointSolver(fails).solve().status == .primalInfeasible)
    }
}
