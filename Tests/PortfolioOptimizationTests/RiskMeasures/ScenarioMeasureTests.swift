import ConvexSolver
import Foundation
import Matrices
import PortfolioOptimization
import TestSupport
import Testing

/// Scenarios of a heavy-tailed market, 200 by 12 unless said otherwise.
private func randomReturns(_ seed: UInt64, scenarios: Int = 200, instruments: Int = 12) -> DenseMatrix {
    var generator = SeededGenerator(seed: seed)
    var returns = DenseMatrix(rows: scenarios, columns: instruments)
    for t in 0..<scenarios {
        let (shock, market) = (1 + generator.normal() * generator.normal(), generator.normal())
        for j in 0..<instruments { returns[t, j] = 0.0004 + 0.01 * shock * (market + generator.normal()) }
    }
    return returns
}

private func problem(_ returns: DenseMatrix, cap: Double = 0.3, probabilities: [Double]? = nil) -> ScenarioProblem {
    ScenarioProblem(
        returns: returns,
        probabilities: probabilities,
        largestWeights: [Double](repeating: cap, count: returns.columns)
    )
}

private func expectExact(_ minimum: ScenarioMinimum, _ problem: ScenarioProblem, _ measure: any ScenarioRiskMeasure) {
    #expect(minimum.status == .solved)
    #expect(minimum.primalResidual <= 1e-12)
    #expect(minimum.relativeGap <= 1e-10)
    let count = Double(problem.scenarioCount)
    let probabilities = problem.probabilities ?? [Double](repeating: 1 / count, count: problem.scenarioCount)
    var returns = [Double](repeating: 0, count: problem.scenarioCount)
    for j in 0..<problem.instrumentCount {
        for t in returns.indices { returns[t] += problem.returns[t, j] * minimum.weights[j] }
    }
    let risk = measure.risk(of: returns, probabilities: probabilities)
    #expect((risk - minimum.value).magnitude <= 1e-12 * max(risk.magnitude, 1e-3))
}

/// A case of another solver.
private struct Fixture: Decodable, Sendable {
    struct Minimum: Decodable, Sendable {
        var measure: String
        var confidence: Double?
        var value: Double

        var riskMeasure: (any ScenarioRiskMeasure)? {
            switch measure {
            case "cvar": ConditionalValueAtRisk(confidence: confidence ?? 0)
            case "worst_realization": WorstRealization()
            case "mad": MeanAbsoluteDeviation()
            case "semi_deviation": SemiDeviation()
            case "cdar": ConditionalDrawdown(confidence: confidence ?? 0)
            case "max_drawdown": MaximumDrawdown()
            default: nil
            }
        }
    }

    var returns: [[Double]]
    var probabilities: [Double]?
    var expected_returns: [Double]
    var least_return: Double
    var largest_weight: Double
    var minima: [Minimum]

    static func all() throws -> [Fixture] {
        let url = try #require(Bundle.module.url(forResource: "Fixtures/scenario_minima", withExtension: "json"))
        return try JSONDecoder().decode([Fixture].self, from: Data(contentsOf: url))
    }

    func problem() throws -> ScenarioProblem {
        ScenarioProblem(
            returns: try #require(DenseMatrix(rows: returns)),
            probabilities: probabilities,
            largestWeights: expected_returns.map { _ in largest_weight },
            target: (expectedReturns: expected_returns, least: least_return)
        )
    }
}

@Suite("Scenario measures")
struct ScenarioMeasureTests {
    @Test func `every measure reaches the minimum that another solver found`() throws {
        var compared = 0
        for fixture in try Fixture.all() {
            let problem = try fixture.problem()
            for expected in fixture.minima {
                let measure = try #require(expected.riskMeasure)
                let minimum = try measure.minimize(problem, shouldStop: { false })
                #expect(minimum.status == .solved, "\(expected)")
                #expect(minimum.primalResidual <= 1e-9, "\(expected)")
                let returns = problem.returns.rows
                #expect((minimum.value - expected.value).magnitude <= 2e-8, "\(expected), \(returns) scenarios")
                compared += 1
            }
        }
        #expect(compared == 28)
    }

    @Test func `two instruments and two scenarios by hand`() throws {
        // Scenario 1 returns (−4 %, 2 %), scenario 2 (3 %, −1 %). The worst loss is least where both
        // are equal: −4w + 2(1 − w) = 3w − (1 − w), w = 0.3, a gain of 0.2 % either way.
        let returns = try #require(DenseMatrix(rows: [[-0.04, 0.02], [0.03, -0.01]]))
        let minimum = try WorstRealization().minimize(problem(returns, cap: 1))
        #expect((minimum.weights[0] - 0.3).magnitude < 1e-14)
        #expect((minimum.value + 0.002).magnitude < 1e-16)
        // The proof: with probabilities 0.4 and 0.6 both instruments return 0.2 %.
        #expect((minimum.scenarioMultipliers[0] - 0.4).magnitude < 1e-13)
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `the least CVaR is proved over all scenarios and beats random portfolios`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var probabilities = (0..<200).map { _ in generator.uniform(0...1) }
        let sum = probabilities.reduce(0, +)
        probabilities = probabilities.map { $0 / sum }
        let problem = problem(randomReturns(seed), probabilities: probabilities)
        let measure = ConditionalValueAtRisk(confidence: generator.uniform(0.5...0.99))
        let minimum = try measure.minimize(problem)
        expectExact(minimum, problem, measure)
        #expect((minimum.scenarioMultipliers.reduce(0, +) - 1).magnitude < 1e-12)
        for _ in 0..<50 {
            var weights = (0..<12).map { _ in generator.uniform(0.5...1) }
            let total = weights.reduce(0, +)
            weights = weights.map { $0 / total }
            let returns = (0..<200).map { t in (0..<12).reduce(0) { $0 + weights[$1] * problem.returns[t, $1] } }
            #expect(measure.risk(of: returns, probabilities: probabilities) >= minimum.value - 1e-15)
        }
    }

    @Test(arguments: [1e-6, 1, 1e6])
    func `a change of unit scales the value and leaves the weights`(scale: Double) throws {
        let returns = randomReturns(7)
        let measure = ConditionalValueAtRisk(confidence: 0.9)
        let plain = try measure.minimize(problem(returns))
        var scaled = returns
        for i in scaled.elements.indices { scaled.elements[i] *= scale }
        let minimum = try measure.minimize(problem(scaled))
        #expect(minimum.status == .solved)
        #expect((minimum.value / scale - plain.value).magnitude <= 1e-12 * plain.value.magnitude)
        for (a, b) in zip(minimum.weights, plain.weights) { #expect((a - b).magnitude < 1e-10) }
    }

    @Test func `a tail of one scenario is the worst realization, and a tail of all is the mean`() throws {
        let problem = problem(randomReturns(11))
        let worst = try WorstRealization().minimize(problem)
        let measure = ConditionalValueAtRisk(confidence: 0.996)
        let tail = try measure.minimize(problem)
        #expect((worst.value - tail.value).magnitude <= 1e-13)
        let mean = ConditionalValueAtRisk(confidence: 0)
        expectExact(try mean.minimize(problem), problem, mean)
    }

    @Test func `equal instruments, equal scenarios, one instrument and few scenarios are solved`() throws {
        let measure = ConditionalValueAtRisk(confidence: 0.9)
        var twins = randomReturns(13)
        for t in 0..<twins.rows {
            twins[t, 1] = twins[t, 0]
            twins[t, 2] = twins[t, 0]
        }
        for t in 0..<100 { for j in 0..<12 { twins[t + 100, j] = twins[t, j] } }
        for returns in [
            twins, randomReturns(14, instruments: 1), randomReturns(15, scenarios: 5, instruments: 30),
            randomReturns(16, scenarios: 1), DenseMatrix(rows: 40, columns: 6),
            DenseMatrix(rows: 40, columns: 6, repeating: 0.01),
        ] {
            let problem = problem(returns, cap: 1)
            expectExact(try measure.minimize(problem), problem, measure)
        }
    }

    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func `returns of a coarse grid, tied all over the tail, are solved`(seed: UInt64) throws {
        var returns = randomReturns(seed, scenarios: 120, instruments: 8)
        for i in returns.elements.indices { returns.elements[i] = (returns.elements[i] * 100).rounded() / 100 }
        for confidence in [0.5, 0.9, 0.95] {
            let problem = problem(returns, cap: 0.25)
            let measure = ConditionalValueAtRisk(confidence: confidence)
            expectExact(try measure.minimize(problem), problem, measure)
        }
        let deviation = MeanAbsoluteDeviation()
        expectExact(try deviation.minimize(problem(returns)), problem(returns), deviation)
    }

    @Test func `a target return out of reach is infeasible`() throws {
        let returns = randomReturns(17)
        let problem = ScenarioProblem(
            returns: returns,
            largestWeights: [Double](repeating: 1, count: 12),
            target: (expectedReturns: [Double](repeating: 0.01, count: 12), least: 0.010001)
        )
        #expect(try ConditionalValueAtRisk().minimize(problem).status == .primalInfeasible)
        #expect(try SemiDeviation().minimize(problem, shouldStop: { false }).status == .primalInfeasible)
    }

    @Test func `scenarios that cannot be used are refused with the reason`() throws {
        var bad = problem(randomReturns(18, scenarios: 4), probabilities: [0.5, 0.5, 0.5, 0.5])
        #expect(throws: ScenarioError.probabilitiesSumTo(2)) { try ConditionalValueAtRisk().minimize(bad) }
        bad.probabilities = [0.1, 0.2, 0.3, 0.4]
        #expect(throws: ScenarioError.unequalProbabilities) { try MaximumDrawdown().minimize(bad) }
        bad.probabilities = [-0.1, 0.4, 0.3, 0.4]
        #expect(throws: ScenarioError.negativeProbability(scenario: 0)) { try MeanAbsoluteDeviation().minimize(bad) }
        bad.probabilities = nil
        #expect(throws: ScenarioError.confidenceOutOfRange(1)) {
            try ConditionalValueAtRisk(confidence: 1).minimize(bad)
        }
        bad.returns[0, 0] = .nan
        #expect(throws: SolverError.notFinite(what: "returns", index: 0)) { try WorstRealization().minimize(bad) }
        #expect(throws: ScenarioError.noScenarios) {
            try ConditionalValueAtRisk().minimize(problem(DenseMatrix(rows: 0, columns: 3)))
        }
    }
}
