import Matrices
import PortfolioModel
import PortfolioOptimization
import TestSupport
import Testing

@Suite("Limits on the losses in single scenarios")
struct ScenarioLimitTests {
    @Test func `every mandate reaches the objective that other solvers found`() throws {
        let mandates = try RiskMandate.all("scenario_mandates")
        #expect(mandates.count >= 150)
        #expect(Set(mandates.map(\.measure)).count == 6)
        var (answered, refused) = (0, 0)
        for item in mandates {
            let problem = try item.problem()
            let solution: AllocationSolution
            do throws(OptimizationFailure) {
                solution = try optimizeAllocation(problem) { false }
            } catch {
                #expect(error.code == "infeasible" && item.expected == nil, "\(item.name): \(error)")
                refused += 1
                continue
            }
            answered += 1
            let value = item.value(solution, problem)
            let expected = item.expected ?? .nan
            let size = max(expected.magnitude, item.objective == .minimizeRisk ? 1e-3 : 1e-2)
            #expect(value >= expected - 1e-6 * size, "\(item.name): \(value), \(solution.report)")
            #expect(value <= expected + 2e-6 * size, "\(item.name): \(value), \(solution.report)")
            for (name, limit) in problem.constraints.maxScenarioLosses ?? [:] {
                let scenario = try #require(item.mandate.parameters.scenarios?.first { $0.name == name })
                let earned = zip(problem.instruments, solution.weights).reduce(0) {
                    $0 + $1.1 * (scenario.returns[$1.0.id] ?? .nan)
                }
                #expect(-earned <= limit + 1e-9, "\(item.name): \(name)")
            }
        }
        #expect(answered >= 100 && refused >= 20)
    }

    /// A, of more return, loses a third in the crash, and B nothing.
    private func crash(_ limit: Double?) -> TestMandate {
        var mandate = TestMandate(expectedReturns: [0.08, 0.02], covariance: [[0.04, 0], [0, 0.0004]])
        mandate.type = .scenarioBased
        mandate.parameters.scenarios = [
            ReturnScenario(name: "calm/early", probability: 0.9, returns: ["A": 0.02, "B": 0.002]),
            ReturnScenario(name: "2008", probability: 0.1, returns: ["A": -1.0 / 3, "B": 0]),
        ]
        mandate.constraints.maxScenarioLosses = limit.map { ["2008": $0] }
        return mandate
    }

    @Test func `a stress loss limits what is held, and its price is what the return would gain`() throws {
        let solution = try crash(0.1).solve(.maximizeReturn)
        #expect(abs(solution.weights[0] - 0.3) < 1e-9)
        let binding = try #require(solution.bindingConstraints.first)
        #expect(binding.constraint == "/max_scenario_losses/2008" && abs(binding.value - 0.1) < 1e-9)
        // One more of loss is three more of A, each of which earns 0.06 more than B.
        #expect(abs((binding.shadowPrice ?? 0) - 0.18) < 1e-7)
        #expect(try crash(nil).solve(.maximizeReturn).weights == [1, 0])
    }

    @Test func `a loss that cannot be avoided names its scenario and the nearest loss in reach`() throws {
        var mandate = crash(0.1)
        mandate.constraints.minReturn = 0.05
        let failure = try #require(try mandate.failure(.minimizeRisk))
        #expect(failure.code == "infeasible")
        // The return takes half of A, which loses a sixth.
        #expect(abs(failure.nearest("/max_scenario_losses/2008") - 1.0 / 6) < 1e-8)
        #expect(abs(failure.nearest("/min_return") - 0.038) < 1e-8)
    }

    @Test func `a negative limit is a gain that must be made, and a name is escaped in its pointer`() throws {
        var mandate = crash(nil)
        mandate.constraints.maxScenarioLosses = ["calm/early": -0.011]
        let solution = try mandate.solve(.minimizeRisk)
        #expect(abs(solution.weights[0] - 0.5) < 1e-8)
        #expect(solution.bindingConstraints.map(\.constraint) == ["/max_scenario_losses/calm~1early"])
    }

    @Test func `a limit on a scenario that is not there is refused`() throws {
        var mandate = crash(nil)
        mandate.constraints.maxScenarioLosses = ["2009": 0.1]
        #expect(throws: OptimizationFailure.self) { try mandate.problem(.maximizeReturn) }
        mandate.type = .meanVariance
        mandate.parameters.scenarios = nil
        do throws(any Error) {
            _ = try mandate.problem(.maximizeReturn)
            Issue.record("mean_variance has no scenarios")
        } catch let error as OptimizationFailure {
            #expect(error.code == "unsupported_constraint")
        }
    }
}
