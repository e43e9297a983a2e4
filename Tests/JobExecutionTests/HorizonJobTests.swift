import JobExecution
import PortfolioModel
import Repository
import TestSupport
import Testing

@Suite("Jobs over several periods")
struct HorizonJobTests {
    private func outcome(_ job: OptimizationJob) -> ComputedOutcome {
        var solve = SolveOptimization(clock: monotonicNow, defaultTimeLimit: .seconds(60))
        return solve.outcome(of: job, tenant: "t", isRevoked: { false })
    }

    private func job(_ objective: Objective, _ horizon: Horizon) -> OptimizationJob {
        var job = TestJob(count: 8, objective: objective).job
        job.request.type = .multiPeriod
        job.request.parameters.horizon = horizon
        job.snapshot.portfolio.benchmark = ["N0": 0.5, "N3": 0.5]
        return job
    }

    @Test(arguments: Capabilities.objectives(of: .multiPeriod))
    func `one period is answered as the single-period request, number for number`(objective: Objective) throws {
        let several = job(objective, Horizon(periodCount: 1))
        var single = several
        single.request.type = .meanVariance
        single.request.parameters.horizon = nil
        let path = try outcome(several).result.get()
        var plain = try outcome(single).result.get()
        #expect(path.path?.periods.count == 1)
        #expect(path.targetAllocation == plain.targetAllocation)
        #expect(path.trades == plain.trades)
        #expect(path.metrics == plain.metrics)
        #expect(path.bindingConstraints == plain.bindingConstraints)
        plain.path = path.path
        #expect(path.path?.periods.first?.allocation == plain.targetAllocation)
    }

    @Test func `the trades lead to the first period, by its own forecasts`() throws {
        let up = (0..<8).map { 0.02 * Double($0) }
        let rows = [up, up.reversed()]
        var job = job(.maximizeReturn, Horizon(periodCount: 2, expectedReturns: rows))
        job.request.constraints.maxPositionSize = 0.4
        let result = try outcome(job).result.get()
        let path = try #require(result.path)
        #expect(result.targetAllocation == path.periods[0].allocation)
        #expect(abs((result.targetAllocation["N7"] ?? 0) - 0.4) < 1e-9)
        #expect(abs((path.periods[1].allocation["N0"] ?? 0) - 0.4) < 1e-9)
        #expect(abs(result.metrics.expectedReturn - path.periods[0].expectedReturn) < 1e-12)
        #expect(result.inputs.expectedReturnsEstimator == "horizon")
    }

    @Test func `forecasts stand in for returns that the risk model does not have`() throws {
        let rows = [(0..<8).map { 0.02 * Double($0) }, (0..<8).map { 0.01 * Double($0) }]
        var job = job(.maximizeUtility, Horizon(periodCount: 2, expectedReturns: rows))
        job.snapshot.riskModel.expectedReturns = nil
        #expect(try outcome(job).result.get().path?.periods.count == 2)
        job.request.parameters.horizon?.expectedReturns = nil
        guard case .failure(let failure) = outcome(job).result else { return #expect(Bool(false), "it completed") }
        #expect(failure.code == "missing_expected_returns")
    }

    @Test func `rows of another length than the risk model's instruments are refused with both numbers`() throws {
        let job = job(.maximizeUtility, Horizon(periodCount: 1, expectedReturns: [[0.1, 0.2]]))
        guard case .failure(let failure) = outcome(job).result else { return #expect(Bool(false), "it completed") }
        #expect(failure.code == "invalid_inputs")
        #expect(failure.message.contains("2 numbers") && failure.message.contains("8 instruments"))
    }
}

@Suite("Costs and taxes over several periods")
struct HorizonChargeTests {
    @Test func `impact and taxes stay out of a path's objective, and the result says so`() throws {
        var job = TestJob(count: 8, objective: .maximizeUtility).job
        job.request.type = .multiPeriod
        job.request.parameters.horizon = Horizon(periodCount: 2)
        job.request.preferences.includeTransactionCosts = true
        job.request.preferences.considerTaxImplications = true
        job.request.preferences.shortTermTaxRate = 0.3
        for index in job.snapshot.instruments.indices {
            job.snapshot.instruments[index].cost = TransactionCost(
                proportional: 0.001,
                impact: 0.1,
                averageDailyValue: 1e6
            )
        }
        var solve = SolveOptimization(clock: monotonicNow, defaultTimeLimit: .seconds(60))
        let outcome = solve.outcome(of: job, tenant: "t", isRevoked: { false })
        #expect(outcome.violations == [])
        let codes = try outcome.result.get().warnings.map(\.code)
        #expect(codes.contains("cost_terms_not_in_objective") && codes.contains("tax_not_in_objective"))
    }
}
