import ConvexSolver
import Foundation
import Matrices
import TestSupport
import Testing

@Suite("Programs assembled from terms")
struct ConicProgramBuilderTests {
    private func solve(_ builder: ConicProgramBuilder) throws -> ConicSolution {
        let solution = try InteriorPointSolver(builder.problem).solve()
        expectOptimal(solution, for: builder.problem)
        return solution
    }

    /// A builder whose variables all have the given values.
    private func fixed(_ values: [Double]) -> ConicProgramBuilder {
        var builder = ConicProgramBuilder(columnCount: values.count)
        for (column, value) in values.enumerated() {
            builder.requireZero(.variable(column) - .constant(value))
        }
        return builder
    }

    @Test(arguments: [0.02, 0.4, 1, 7])
    func `each term is the function it names`(value: Double) throws {
        typealias Build = (inout ConicProgramBuilder) -> AffineExpression
        let x = AffineExpression.variable(0)
        // A lower bound is maximised, an upper bound minimised.
        let terms: [(sign: Double, expected: Double, build: Build)] = [
            (-1, log(2 * value + 1), { $0.logarithm(of: x * 2 + .constant(1)) }),
            (1, exp(value), { $0.exponential(of: x) }),
            (-1, -value * log(value), { $0.entropy(of: x) }),
            (1, value * log(value / 3), { $0.relativeEntropy(of: x, to: .constant(3)) }),
            (1, log(exp(value) + exp(2 * value) + 1), { $0.logarithmOfSum(ofExponentials: [x, x * 2, .constant(0)]) }),
            (1, pow(value, 1.5), { $0.power(1.5, of: x * -1) }),
            (1, pow(value, 3), { $0.power(3, of: x) }),
        ]
        for (position, term) in terms.enumerated() {
            var builder = fixed([value])
            let bound = term.build(&builder)
            builder.addCost(bound, times: term.sign)
            let found = bound.value(at: try solve(builder).primal)
            let tolerance = 1e-9 * max(1, term.expected.magnitude)
            #expect((found - term.expected).magnitude < tolerance, "term \(position): \(found)")
        }
    }

    @Test(arguments: [0.5, 0.9, 0.95, 0.99])
    func `the entropic value at risk is the least over all scales`(confidence: Double) throws {
        var generator = SeededGenerator(seed: 5)
        let losses = (0..<40).map { _ in generator.normal() }
        let raw = losses.map { _ in generator.uniform(0.2...1) }
        let total = raw.reduce(0, +)
        let probabilities = raw.map { $0 / total }
        var builder = ConicProgramBuilder(columnCount: 0)
        let term = try builder.entropicValueAtRisk(
            of: losses.map { .constant($0) },
            probabilities: probabilities,
            confidence: confidence
        )
        builder.addCost(term.value)
        let solution = try solve(builder)
        let found = term.value.value(at: solution.primal)

        func atScale(_ scale: Double) -> Double {
            let largest = losses.max() ?? 0
            let mean = zip(losses, probabilities).reduce(0) { $0 + $1.1 * exp(($1.0 - largest) / scale) }
            return largest + scale * log(mean / (1 - confidence))
        }
        let scale = solution.primal[term.scaleColumn]
        #expect((atScale(scale) - found).magnitude < 1e-8)
        for factor in [0.5, 0.9, 1.1, 2] { #expect(atScale(scale * factor) >= found - 1e-9) }
        // The multipliers are the worst case's probabilities, and its mean loss is the value.
        let worst = losses.indices.map { -solution.dual[term.firstRow + 3 * $0] }
        #expect((worst.reduce(0, +) - 1).magnitude < 1e-8)
        let mean = zip(worst, losses).reduce(0) { $0 + $1.0 * $1.1 }
        #expect((mean - found).magnitude < 1e-7)
    }

    @Test func `a program that is extended keeps its rows and columns`() throws {
        var generator = SeededGenerator(seed: 11)
        let n = 6
        var base = ProblemBuilder(n)
        base.quadratic = randomGram(n, rank: n + 2, &generator)
        base.linear = (0..<n).map { _ in generator.normal() }
        base.equalities = [([Double](repeating: 1, count: n), 1)]
        for j in 0..<n { base.bound(j, 0...0.5) }
        let original = base.problem
        var builder = ConicProgramBuilder(extending: original)
        let current = [0.5, 0.3, 0.2, 0, 0, 0]
        for j in 0..<n {
            builder.addCost(builder.power(1.5, of: .variable(j) - .constant(current[j])), times: 1e-3)
        }
        let extended = builder.problem
        #expect(Array(extended.bounds.prefix(original.rowCount)) == original.bounds)
        #expect(Array(extended.linear.prefix(n)) == original.linear)
        #expect(extended.cones.starts(with: original.cones))
        let solution = try solve(builder)
        let weights = Array(solution.primal.prefix(n))
        #expect((weights.reduce(0, +) - 1).magnitude < 1e-12)
        // With the costs counted the answer is no worse than the one found without them.
        func total(_ x: [Double]) -> Double {
            var value = 0.0
            for j in 0..<n {
                value += original.linear[j] * x[j] + 1e-3 * pow((x[j] - current[j]).magnitude, 1.5)
                for i in 0..<n { value += original.quadratic[i, j] * x[i] * x[j] / 2 }
            }
            return value
        }
        let free = try InteriorPointSolver(original).solve().primal
        #expect(total(weights) <= total(free) + 1e-10)
        #expect((total(weights) - solution.objective).magnitude < 1e-9)
    }

    @Test func `what a risk term cannot take is refused`() {
        var builder = ConicProgramBuilder(columnCount: 1)
        let losses = [AffineExpression.variable(0), .constant(1)]
        #expect(throws: SolverError.dimensionMismatch(what: "probabilities", expected: 2, actual: 1)) {
            try builder.entropicValueAtRisk(of: losses, probabilities: [1], confidence: 0.9)
        }
        #expect(throws: SolverError.outOfRange(what: "probabilities", index: 1)) {
            try builder.entropicValueAtRisk(of: losses, probabilities: [1, 0], confidence: 0.9)
        }
        for confidence in [0, 1, .nan] {
            #expect(throws: SolverError.outOfRange(what: "confidence", index: 0)) {
                try builder.entropicValueAtRisk(of: losses, probabilities: [0.5, 0.5], confidence: confidence)
            }
        }
    }
}
