import PortfolioModel
import TestSupport
import Testing

@testable import PortfolioOptimization

/// Uniform numbers of [0, 1) by SplitMix64: the top 53 bits, as the fixture's script takes them.
struct UniformStream {
    private var generator: SeededGenerator

    /// `SeededGenerator` and the script advance the seed alike before the first number.
    init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

    mutating func next() -> Double { Double(generator.next() >> 11) * 0x1p-53 }
}

@Suite("Random mandates against cvxpy")
struct RandomMandateTests {
    @Test func `the fixture has more than two hundred mandates`() {
        #expect(RandomMandate.all.count > 200)
        #expect(RandomMandate.all.filter { $0.status == "optimal" }.count > 200)
    }

    @Test(arguments: RandomMandate.all)
    func `the optimum is the reference's and meets every limit`(_ example: RandomMandate) throws {
        let objective = try #require(Objective(rawValue: example.objective))
        let problem = try example.mandate().problem(objective)
        do throws(OptimizationFailure) {
            let solution = try optimizeAllocation(problem) { false }
            let expected = try #require(example.expected.map { objective == .minimizeRisk ? -$0 : $0 })
            let value = Figures(problem, solution.weights, solution.cash).value(objective)
            #expect(abs(value - expected) <= 1e-6 * max(abs(expected), 1e-2), "\(value) is not \(expected)")
            #expect(worstMiss(problem, solution.weights, solution.cash) <= 1e-7)
            #expect(abs(solution.weights.reduce(solution.cash, +) - 1) <= 1e-12)
        } catch let failure as OptimizationFailure {
            #expect(failure.code == example.status, "\(failure)")
            #expect(failure.code != "infeasible" || !failure.conflicts.isEmpty)
        }
    }
}
