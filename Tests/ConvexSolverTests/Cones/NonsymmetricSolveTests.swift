import ConvexSolver
import Foundation
import Matrices
import TestSupport
import Testing

@Suite("Exponential and power cones, solved")
struct NonsymmetricSolveTests {
    private func solve(_ problem: ConicProblem, _ comment: String = "") throws -> ConicSolution {
        let solution = try InteriorPointSolver(problem).solve()
        expectOptimal(solution, for: problem, comment)
        return solution
    }

    /// The rows that put an affine vector into a cone: s = b − Ax.
    private func rows(_ parts: [(coefficients: [Double], constant: Double)]) -> [ProblemBuilder.Row] {
        parts.map { ($0.coefficients.map { -$0 }, $0.constant) }
    }

    @Test func `the least z above exp(1) is e`() throws {
        var builder = ProblemBuilder(1)
        builder.linear = [1]
        builder.nonsymmetric = [(.exponential, rows([([0], 1), ([0], 1), ([1], 0)]))]
        let solution = try solve(builder.problem)
        #expect((solution.primal[0] - 2.718_281_828_459_045).magnitude < 1e-13)
    }

    @Test func `the largest x with exp(x) below 5 is log 5`() throws {
        var builder = ProblemBuilder(1)
        builder.linear = [-1]
        builder.nonsymmetric = [(.exponential, rows([([1], 0), ([0], 1), ([0], 5)]))]
        let solution = try solve(builder.problem)
        #expect((solution.primal[0] - 1.609_437_912_434_100_3).magnitude < 1e-13)
    }

    @Test(arguments: [1, 2, 7, 40])
    func `entropy without other limits is greatest when all are equal`(n: Int) throws {
        // max Σ tᵢ, tᵢ ≤ −xᵢ log xᵢ, which is (tᵢ, xᵢ, 1) in the exponential cone; Σ x = 1.
        var builder = ProblemBuilder(2 * n)
        builder.linear = [Double](repeating: 0, count: n) + [Double](repeating: -1, count: n)
        let ones = [Double](repeating: 1, count: n)
        builder.equalities = [(ones + [Double](repeating: 0, count: n), 1)]
        let nothing = [Double](repeating: 0, count: 2 * n)
        for i in 0..<n {
            builder.nonsymmetric.append(
                (.exponential, rows([(builder.unit(n + i), 0), (builder.unit(i), 0), (nothing, 1)]))
            )
        }
        let solution = try solve(builder.problem)
        #expect((solution.objective + log(Double(n))).magnitude < 1e-11)
        for i in 0..<n { #expect((solution.primal[i] - 1 / Double(n)).magnitude < 1e-9) }
    }

    @Test(arguments: [0.05, 0.3, 0.5, 0.8, 0.99])
    func `a product of powers under a budget splits it by the exponents`(exponent: Double) throws {
        // max z, z ≤ x^α y^(1−α), x + y = 1: x = α.
        var builder = ProblemBuilder(3)
        builder.linear = [0, 0, -1]
        builder.equalities = [([1, 1, 0], 1)]
        let identity = (0..<3).map { (builder.unit($0), 0.0) }
        builder.nonsymmetric = [(.power(exponent), rows(identity))]
        let solution = try solve(builder.problem)
        let expected = pow(exponent, exponent) * pow(1 - exponent, 1 - exponent)
        #expect((solution.objective + expected).magnitude < 1e-11)
        #expect((solution.primal[0] - exponent).magnitude < 1e-7)
    }

    @Test(arguments: [0.03, 0.3, 1.5, 30])
    func `a cost of |x|^(3/2) is paid up to where its slope is the gain`(gain: Double) throws {
        // min t − c x, t ≥ |x|^(3/2): 3/2 √x = c.
        for sign in [1.0, -1] {
            var builder = ProblemBuilder(2)
            builder.linear = [1, -sign * gain]
            builder.nonsymmetric = [(.power(2.0 / 3), rows([([1, 0], 0), ([0, 0], 1), ([0, 1], 0)]))]
            let solution = try solve(builder.problem)
            let expected = gain * gain / 2.25
            #expect((solution.primal[1] - sign * expected).magnitude <= 1e-8 * expected)
            #expect((solution.objective + gain * expected / 3).magnitude <= 1e-10 * gain * expected)
        }
    }

    @Test(arguments: 0..<20)
    func `the power cone of one half is a second-order cone`(seed: Int) throws {
        // z² ≤ x y is ‖(2z, x − y)‖ ≤ x + y.
        var generator = SeededGenerator(seed: UInt64(seed))
        var builder = ProblemBuilder(3)
        builder.quadratic = randomGram(3, rank: 3, &generator)
        builder.linear = (0..<3).map { _ in 3 * generator.normal() }
        let parts = (0..<3).map { _ in
            (coefficients: (0..<3).map { _ in generator.normal() }, constant: generator.uniform(0.5...2))
        }
        var other = builder
        builder.nonsymmetric = [(.power(0.5), rows(parts))]
        func combine(_ a: Double, _ b: Double) -> (coefficients: [Double], constant: Double) {
            (
                zip(parts[0].coefficients, parts[1].coefficients).map { a * $0 + b * $1 },
                a * parts[0].constant + b * parts[1].constant
            )
        }
        let tail = (parts[2].coefficients.map { 2 * $0 }, 2 * parts[2].constant)
        other.secondOrder = [rows([combine(1, 1), tail, combine(1, -1)])]
        let (power, reference) = (try solve(builder.problem, "seed \(seed)"), try solve(other.problem))
        #expect((power.objective - reference.objective).magnitude <= 1e-8 * max(1, reference.objective.magnitude))
    }

    @Test(arguments: 0..<100)
    func `an optimum made by hand is found`(seed: Int) throws {
        // Complementary s and z are drawn first, and b and q are what makes them optimal.
        var generator = SeededGenerator(seed: UInt64(seed))
        let made = MadeOptimum(&generator)
        let size = max(1, made.objective.magnitude)
        var settings = SolverSettings()
        for leastLocalColumns in [1, settings.leastLocalColumns] {
            settings.leastLocalColumns = leastLocalColumns
            let solution = try InteriorPointSolver(made.problem, settings: settings).solve()
            expectOptimal(solution, for: made.problem, "seed \(seed)")
            #expect((solution.objective - made.objective).magnitude <= 1e-8 * size, "seed \(seed)")
        }
    }

    @Test(arguments: 0..<10)
    func `the same problem gives the same bits, and its units do not matter`(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        let made = MadeOptimum(&generator)
        let first = try InteriorPointSolver(made.problem).solve()
        #expect(first == (try InteriorPointSolver(made.problem).solve()))
        var scaled = made.problem
        for k in scaled.quadratic.elements.indices { scaled.quadratic.elements[k] *= 1e-5 }
        scaled.linear = scaled.linear.map { 1e-5 * $0 }
        let solution = try solve(scaled, "seed \(seed)")
        #expect((solution.objective * 1e5 - made.objective).magnitude <= 1e-7 * max(1, made.objective.magnitude))
    }

    @Test func `an exponent outside of (0, 1) is refused`() {
        for exponent in [0, 1, -0.5, 1.5, .nan] {
            var builder = ProblemBuilder(1)
            builder.linear = [1]
            builder.nonsymmetric = [(.power(exponent), rows([([1], 0), ([0], 1), ([0], 0)]))]
            #expect(throws: SolverError.outOfRange(what: "exponent of a power cone", index: 0)) {
                try InteriorPointSolver(builder.problem).solve()
            }
        }
    }
}

/// A program over all kinds of cone with a known optimum.
private struct MadeOptimum {
    let problem: ConicProblem
    let objective: Double

    /// Draws one whose cones have units up to so many decades from one, either way.
    init(_ generator: inout SeededGenerator, decades: Double = 3) {
        let n = Int.random(in: 2...8, using: &generator)
        let x = (0..<n).map { _ in generator.normal() }
        var (slack, dual): ([Double], [Double]) = ([], [])
        var cones: [Cone] = []
        if generator.uniform(0...1) < 0.5 {
            cones.append(.zero(1))
            (slack, dual) = ([0], [generator.normal()])
        }
        let bounds = Int.random(in: 1...5, using: &generator)
        cones.append(.nonnegative(bounds))
        for _ in 0..<bounds {
            let isActive = generator.uniform(0...1) < 0.4
            slack.append(isActive ? 0 : generator.uniform(0.1...2))
            dual.append(isActive ? generator.uniform(0.1...2) : 0)
        }
        for _ in 0..<Int.random(in: 1...5, using: &generator) {
            guard let sample = SampledCone.all.randomElement(using: &generator) else { continue }
            let isInactive = generator.uniform(0...1) < 0.2
            let s =
                sample.inside(&generator, depth: isInactive ? 1 : 0) * pow(10, generator.uniform(-decades...decades))
            let normal = sample.cone.boundary(at: s)?.gradient ?? .zero
            let z = isInactive ? Vector3.zero : -normal * pow(10, generator.uniform(-decades...decades))
            cones.append(sample.kind)
            slack += [s.x, s.y, s.z]
            dual += [z.x, z.y, z.z]
        }
        let rank = Int.random(in: 0...n, using: &generator)
        let quadratic = randomGram(n, rank: rank, &generator)
        var constraints = DenseMatrix(rows: slack.count, columns: n)
        for i in 0..<slack.count {
            for j in 0..<n { constraints[i, j] = generator.uniform(0...1) < 0.7 ? generator.normal() : 0 }
        }
        func product(_ a: some Sequence<Double>, _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
        let curvature = (0..<n).map { product(quadratic.row($0), x) }
        let linear = (0..<n).map { -curvature[$0] - product(constraints.column($0), dual) }
        problem = ConicProblem(
            quadratic: quadratic,
            linear: linear,
            constraints: constraints,
            bounds: (0..<slack.count).map { product(constraints.row($0), x) + slack[$0] },
            cones: cones
        )
        objective = product(x, curvature) / 2 + product(linear, x)
    }
}

@Suite("Certificates with exponential and power cones")
struct NonsymmetricCertificateTests {
    @Test func `exp(1) does not fit below 2`() throws {
        var builder = ProblemBuilder(2)
        builder.inequalities = [([-1, 0], -1), ([0, 1], 2)]
        builder.nonsymmetric = [(.exponential, [([-1, 0], 0), ([0, 0], 1), ([0, -1], 0)])]
        expectPrimalCertificate(try InteriorPointSolver(builder.problem).solve(), for: builder.problem)
        // Below 3 it does.
        builder.inequalities[1].bound = 3
        expectOptimal(try InteriorPointSolver(builder.problem).solve(), for: builder.problem)
    }

    @Test func `entropy above log n cannot be had`() throws {
        let n = 5
        for (wanted, isPossible) in [(1.62, false), (1.60, true)] {
            var builder = ProblemBuilder(2 * n)
            let (none, ones) = ([Double](repeating: 0, count: n), [Double](repeating: 1, count: n))
            builder.equalities = [(ones + none, 1)]
            builder.inequalities = [(none + ones.map { -$0 }, -wanted)]
            for i in 0..<n {
                let rows = [(builder.unit(n + i, -1), 0.0), (builder.unit(i, -1), 0), (none + none, 1)]
                builder.nonsymmetric.append((.exponential, rows))
            }
            let solution = try InteriorPointSolver(builder.problem).solve()
            if isPossible {
                expectOptimal(solution, for: builder.problem)
            } else {
                expectPrimalCertificate(solution, for: builder.problem)
            }
        }
    }

    @Test(arguments: [0.2, 0.5, 0.7])
    func `a product of powers stays below its budget`(exponent: Double) throws {
        var builder = ProblemBuilder(3)
        builder.inequalities = [([1, 1, 0], 1), ([0, 0, -1], -0.9)]
        builder.nonsymmetric = [(.power(exponent), (0..<3).map { (builder.unit($0, -1), 0) })]
        expectPrimalCertificate(try InteriorPointSolver(builder.problem).solve(), for: builder.problem)
    }

    @Test func `a way down inside the exponential cone`() throws {
        var builder = ProblemBuilder(3)
        builder.linear = [-1, 0.1, 0.1]
        builder.nonsymmetric = [(.exponential, (0..<3).map { (builder.unit($0, -1), 0) })]
        expectDualCertificate(try InteriorPointSolver(builder.problem).solve(), for: builder.problem)
        // With z dear enough there is none: x ≤ y log(z/y) ≤ y (z/y − 1) = z − y.
        builder.linear = [-1, 1.1, 1.1]
        expectOptimal(try InteriorPointSolver(builder.problem).solve(), for: builder.problem)
    }

    @Test(arguments: [0.2, 0.5, 0.7])
    func `a way down inside the power cone`(exponent: Double) throws {
        // x + y ≥ x^α y^(1−α) / (α^α (1−α)^(1−α)): one coordinate for less is a way down.
        let least = pow(exponent, exponent) * pow(1 - exponent, 1 - exponent)
        var builder = ProblemBuilder(3)
        builder.linear = [0.9 * least, 0.9 * least, -1]
        builder.nonsymmetric = [(.power(exponent), (0..<3).map { (builder.unit($0, -1), 0) })]
        expectDualCertificate(try InteriorPointSolver(builder.problem).solve(), for: builder.problem)
    }

    @Test(arguments: 0..<100)
    func `rows that exclude each other are found out among all cones`(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        let made = MadeOptimum(&generator, decades: 1)
        let n = made.problem.variableCount
        var builder = ConicProgramBuilder(extending: made.problem)
        let row = AffineExpression.product((0..<n).map { _ in generator.normal() })
        let limit = generator.normal()
        builder.requireNonnegative(.constant(limit) - row)
        builder.requireNonnegative(row - .constant(limit + 1))
        let solution = try InteriorPointSolver(builder.problem).solve()
        expectPrimalCertificate(solution, for: builder.problem, "seed \(seed)")
    }

    @Test(arguments: 0..<100)
    func `a way down is found through all cones`(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        var problem = MadeOptimum(&generator, decades: 1).problem
        let n = problem.variableCount
        // The rows are turned so that the way d takes every slack along a direction inside its cone.
        let way = (0..<n).map { _ in generator.normal() }
        let square = way.reduce(0) { $0 + $1 * $1 }
        var inward: [Double] = []
        for cone in problem.cones {
            switch cone {
            case .zero(let count): inward += [Double](repeating: 0, count: count)
            case .nonnegative(let count): inward += (0..<count).map { _ in generator.uniform(0.1...1) }
            case .secondOrder: continue
            case .exponential, .power:
                guard let sample = SampledCone.all.first(where: { $0.kind == cone }) else { continue }
                let point = sample.inside(&generator, depth: 0.3)
                inward += [point.x, point.y, point.z]
            }
        }
        for i in 0..<problem.rowCount {
            let product = zip(problem.constraints.row(i), way).reduce(0) { $0 + $1.0 * $1.1 }
            for j in 0..<n { problem.constraints[i, j] -= (inward[i] + product) * way[j] / square }
        }
        for k in problem.quadratic.elements.indices { problem.quadratic.elements[k] = 0 }
        let cost = zip(problem.linear, way).reduce(0) { $0 + $1.0 * $1.1 }
        for j in 0..<n { problem.linear[j] -= (1 + cost) * way[j] / square }
        let solution = try InteriorPointSolver(problem).solve()
        expectDualCertificate(solution, for: problem, "seed \(seed)")
    }
}
