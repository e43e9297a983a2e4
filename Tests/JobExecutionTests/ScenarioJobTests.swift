import JobExecution
import Matrices
import MomentEstimation
import PortfolioModel
import Repository
import ResultChecker
import TestSupport
import Testing

/// A job of five instruments and twelve scenarios of a caller's, the first of which is a crash.
private func scenarioJob(_ objective: Objective = .minimizeRisk, seed: UInt64 = 1) -> OptimizationJob {
    var random = SeededGenerator(seed: seed)
    var job = TestJob(count: 5, seed: seed, objective: objective).job
    job.request.type = .scenarioBased
    job.request.riskMeasure = .conditionalValueAtRisk
    job.request.preferences.confidenceLevel = 0.8
    job.request.constraints = Constraints()
    job.request.parameters.scenarios = (0..<12).map { index in
        ReturnScenario(
            name: index == 0 ? "2008" : "calm \(index)",
            probability: index == 0 ? 0.01 : 0.09,
            returns: Dictionary(
                uniqueKeysWithValues: (0..<5).map { place in
                    let shock = index == 0 ? -0.1 * Double(place + 1) : 0.001 * Double(place)
                    return ("N\(place)", shock + 0.01 * random.normal())
                }
            )
        )
    }
    return job
}

private func outcome(_ job: OptimizationJob) -> ComputedOutcome {
    var solve = SolveOptimization(clock: monotonicNow, defaultTimeLimit: .seconds(60))
    return solve.outcome(of: job, tenant: "t", isRevoked: { false })
}

@Suite("Scenario-based jobs")
struct ScenarioJobTests {
    private func failure(_ job: OptimizationJob) -> OptimizationFailure? {
        guard case .failure(let failure) = outcome(job).result else { return nil }
        return failure
    }

    @Test(arguments: UInt64(1)...5)
    func `outcomes, expected and worst, are those of the chosen allocation`(seed: UInt64) throws {
        let job = scenarioJob(seed: seed)
        let solved = outcome(job)
        #expect(solved.violations == [])
        let result = try solved.result.get()
        let report = try #require(result.scenarioOutcomes)
        let scenarios = try #require(job.request.parameters.scenarios)
        #expect(report.outcomes.map(\.name) == scenarios.map(\.name))
        for (outcome, scenario) in zip(report.outcomes, scenarios) {
            let earned = result.targetAllocation.reduce(0) { $0 + $1.value * (scenario.returns[$1.key] ?? 0) }
            #expect(abs(outcome.expectedReturn - earned) < 1e-15)
        }
        #expect(report.worst == "2008")
        #expect(abs(report.expected * 252 - result.metrics.expectedReturn) < 1e-12)
        #expect(result.inputs.expectedReturnsEstimator == "scenarios")
        #expect(result.inputs.covarianceEstimator == "scenarios")
    }

    @Test func `a stress loss is kept to its limit, with what the limit costs`() throws {
        var job = scenarioJob(.maximizeReturn)
        let free = try #require(try outcome(job).result.get().scenarioOutcomes)
        let loss = -(free.outcomes.first?.expectedReturn ?? 0)
        job.request.constraints.maxScenarioLosses = ["2008": loss / 2]
        let solved = outcome(job)
        #expect(solved.violations == [])
        let result = try solved.result.get()
        #expect(abs((result.scenarioOutcomes?.outcomes.first?.expectedReturn ?? 0) + loss / 2) < 1e-9)
        let binding = try #require(result.bindingConstraints.first { $0.constraint == "/max_scenario_losses/2008" })
        #expect((binding.shadowPrice ?? 0) > 0)
        job.request.constraints.maxScenarioLosses = ["2008": -0.5]
        let clash = try #require(failure(job))
        #expect(clash.code == "infeasible")
        #expect(clash.conflicts.map(\.constraint) == ["/max_scenario_losses/2008"])
    }

    @Test func `a scenario of probability 0 is a stress case and no part of the distribution`() throws {
        var job = scenarioJob()
        for index in 1..<12 { job.request.parameters.scenarios?[index].probability = 1.0 / 11 }
        job.request.parameters.scenarios?[0].probability = 0
        job.request.riskMeasure = .worstRealization
        let result = try outcome(job).result.get()
        let report = try #require(result.scenarioOutcomes)
        #expect(report.worst == "2008")
        let others = report.outcomes.dropFirst().map(\.expectedReturn).min() ?? 0
        #expect(abs(result.metrics.risk + others) < 1e-12)
    }

    @Test func `an estimation that is asked for goes before the scenarios' own moments`() throws {
        var job = scenarioJob(.maximizeSharpe)
        job.request.riskMeasure = .volatility
        job.request.estimation = Estimation(expectedReturns: .provided, covariance: .provided)
        let solved = outcome(job)
        #expect(solved.violations == [])
        let result = try solved.result.get()
        #expect(result.inputs.expectedReturnsEstimator == "provided")
        let model = job.snapshot.riskModel
        let expected = zip(model.instruments, model.expectedReturns ?? []).reduce(0) {
            $0 + $1.1 * (result.targetAllocation[$1.0] ?? 0)
        }
        #expect(abs(result.metrics.expectedReturn - expected) < 1e-12)
    }

    @Test func `the drawdown is that of the risk model's history, not of the scenarios`() throws {
        var job = scenarioJob()
        #expect(try outcome(job).result.get().metrics.maxDrawdown == nil)
        var history = DenseMatrix(rows: 2, columns: 5)
        for column in 0..<5 { (history[0, column], history[1, column]) = (-0.25, 0.1) }
        job.snapshot.riskModel.returns = history
        let solved = outcome(job)
        #expect(solved.violations == [])
        #expect(abs((try solved.result.get().metrics.maxDrawdown ?? 0) - 0.25) < 1e-12)
    }

    @Test func `instruments that do not fit the snapshot are named`() throws {
        var job = scenarioJob()
        for index in 0..<12 { job.request.parameters.scenarios?[index].returns["N3"] = nil }
        #expect(failure(job)?.code == "invalid_inputs" && failure(job)?.message.hasPrefix("N3 ") == true)
        for index in 0..<12 { job.request.parameters.scenarios?[index].returns["N3"] = 0.01 }
        for index in 0..<12 { job.request.parameters.scenarios?[index].returns["X"] = 0.01 }
        #expect(failure(job)?.code == "invalid_inputs" && failure(job)?.message.hasPrefix("X ") == true)
    }

    @Test func `measures of the path are refused where probabilities differ`() throws {
        var job = scenarioJob()
        job.request.riskMeasure = .maximumDrawdown
        #expect(failure(job)?.code == "unequal_probabilities")
        for index in 0..<12 { job.request.parameters.scenarios?[index].probability = nil }
        #expect(failure(job) == nil)
    }

    @Test func `the frontier beside the allocation keeps the stress losses`() throws {
        var job = scenarioJob()
        job.request.constraints.maxScenarioLosses = ["2008": 0.25]
        job.request.frontierPointCount = 4
        let solved = outcome(job)
        #expect(solved.violations == [])
        let points = try #require(try solved.result.get().efficientFrontier)
        let crash = try #require(job.request.parameters.scenarios?.first)
        for point in points {
            let earned = point.weights.reduce(0) { $0 + $1.value * (crash.returns[$1.key] ?? 0) }
            #expect(-earned <= 0.25 + 1e-9)
        }
    }

    @Test func `a portfolio's own stress losses need a request with its scenarios`() throws {
        var job = scenarioJob()
        job.snapshot.portfolio.constraints.maxScenarioLosses = ["2008": 0.2]
        let result = try outcome(job).result.get()
        #expect((result.scenarioOutcomes?.outcomes.first?.expectedReturn ?? -1) >= -0.2 - 1e-9)
        job.request.type = .meanVariance
        job.request.parameters.scenarios = nil
        #expect(failure(job)?.code == "unsupported_constraint")
    }
}

/// A change that makes a right scenario-based result, or the moments it was computed on, wrong.
struct ScenarioMutation: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var apply: @Sendable (inout OptimizationResult, inout Moments) -> Void

    init(_ name: String, _ apply: @escaping @Sendable (inout OptimizationResult, inout Moments) -> Void) {
        testDescription = name
        self.apply = apply
    }

    static let all: [ScenarioMutation] = [
        ScenarioMutation("no outcomes") { result, _ in result.scenarioOutcomes = nil },
        ScenarioMutation("an outcome left out") { result, _ in result.scenarioOutcomes?.outcomes.removeLast() },
        ScenarioMutation("an outcome") { result, _ in
            result.scenarioOutcomes?.outcomes[3].expectedReturn += 1e-8
        },
        ScenarioMutation("a probability") { result, _ in result.scenarioOutcomes?.outcomes[3].probability = 0.1 },
        ScenarioMutation("a name") { result, _ in result.scenarioOutcomes?.outcomes[3].name = "calm" },
        ScenarioMutation("the expected outcome") { result, _ in result.scenarioOutcomes?.expected += 1e-8 },
        ScenarioMutation("the worst") { result, _ in result.scenarioOutcomes?.worst = "calm 3" },
        ScenarioMutation("expected returns that are not the scenarios'") { _, moments in
            moments.expectedReturns[0] += 1e-8
        },
        ScenarioMutation("a return that is not the scenario's") { _, moments in moments.returns?[2, 1] += 1e-8 },
        ScenarioMutation("the history in place of the scenarios") { _, moments in
            moments.hasGivenScenarios = false
        },
    ]
}

@Suite("The checker and wrong scenario outcomes")
struct ScenarioMutationTests {
    @Test(arguments: ScenarioMutation.all)
    func `an outcome that is wrong is caught`(mutation: ScenarioMutation) throws {
        let job = scenarioJob()
        var result = try outcome(job).result.get()
        var moments = try scenarioMoments(
            job.request.parameters.scenarios ?? [],
            over: estimateMoments(of: job.snapshot.riskModel),
            snapshot: job.snapshot,
            estimation: job.request.estimation
        )
        func violations() -> [Violation] {
            AllocationCheck(snapshot: job.snapshot, moments: moments, request: job.request).violations(in: result)
        }
        try #require(violations() == [])
        mutation.apply(&result, &moments)
        #expect(!violations().isEmpty)
    }

    @Test func `a stress loss above its limit is caught`() throws {
        var job = scenarioJob()
        var result = try outcome(job).result.get()
        let loss = -(result.scenarioOutcomes?.outcomes.first?.expectedReturn ?? 0)
        job.request.constraints.maxScenarioLosses = ["2008": loss - 1e-6]
        result.constraints.maxScenarioLosses = ["2008": loss - 1e-6]
        let moments = try scenarioMoments(
            job.request.parameters.scenarios ?? [],
            over: estimateMoments(of: job.snapshot.riskModel),
            snapshot: job.snapshot,
            estimation: job.request.estimation
        )
        let check = AllocationCheck(snapshot: job.snapshot, moments: moments, request: job.request)
        #expect(check.violations(in: result).map(\.claim) == ["constraints/max_scenario_losses/2008"])
    }
}
