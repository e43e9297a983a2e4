import JobExecution
import PortfolioModel
import Repository
import ResultChecker
import TestSupport
import Testing

@Suite("Risk parity jobs with budgets of groups")
struct GroupBudgetJobTests {
    private func outcome(_ job: OptimizationJob) -> ComputedOutcome {
        var solve = SolveOptimization(clock: monotonicNow, defaultTimeLimit: .seconds(60))
        return solve.outcome(of: job, tenant: "t", isRevoked: { false })
    }

    private func job(count: Int = 9, seed: UInt64 = 1) -> OptimizationJob {
        var job = TestJob(count: count, seed: seed, objective: .riskBudgeting).job
        job.request.type = .riskParity
        job.request.constraints = Constraints()
        job.snapshot.riskModel.expectedReturns = nil
        for index in job.snapshot.instruments.indices {
            job.snapshot.instruments[index].sector = ["tech", "health", "real estate", "tech"][index % 4]
            job.snapshot.instruments[index].assetClass = ["equity", "bond"][index % 2]
        }
        job.request.parameters.riskBudgetsBy = .sector
        return job
    }

    private func claims(_ result: OptimizationResult, _ job: OptimizationJob) throws -> [String] {
        let model = job.snapshot.riskModel
        let moments = Moments(
            instruments: model.instruments,
            expectedReturns: [Double](repeating: 0, count: model.instruments.count),
            covariance: try #require(model.covariance),
            periodsPerYear: model.periodsPerYear,
            expectedReturnsEstimator: "none"
        )
        return AllocationCheck(snapshot: job.snapshot, moments: moments, request: job.request)
            .violations(in: result).map(\.claim)
    }

    @Test(arguments: UInt64(1)...30)
    func `any limits end in a result that passes or in the limits that clash`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var job = job(count: Int.random(in: 4...12, using: &random), seed: seed)
        func maybe(_ range: ClosedRange<Double>) -> Double? {
            Int.random(in: 0...2, using: &random) == 0 ? random.uniform(range) : nil
        }
        job.request.parameters.riskBudgetsBy = seed % 2 == 0 ? .sector : .assetClass
        if let share = maybe(0.1...0.9) {
            let names = seed % 2 == 0 ? ("tech", "real estate") : ("equity", "bond")
            job.request.parameters.riskBudgets = [names.0: share, names.1: 1 - share]
        }
        job.request.constraints.maxPositionSize = maybe(0.15...0.9)
        job.request.constraints.maxSectorExposure = maybe(0.3...0.9)
        job.request.constraints.maxTurnover = maybe(0.05...0.9)
        job.request.constraints.maxWeights = seed % 3 == 0 ? ["N1": 0] : maybe(0...0.5).map { ["N1": $0] }
        job.request.constraints.minWeights = maybe(0...0.1).map { ["N0": $0] }
        job.request.constraints.maxCash = maybe(0.1...0.3)
        let outcome = outcome(job)
        #expect(outcome.violations == [])
        switch outcome.result {
        case .success: break
        case .failure(let failure): #expect(failure.code == "infeasible", "\(failure)")
        }
    }

    @Test func `contributions of other budgets than those of the groups are caught`() throws {
        var job = job()
        let budgets = ["tech": 0.5, "health": 0.2, "real estate": 0.3]
        job.request.parameters.riskBudgets = budgets
        let exact = try outcome(job).result.get()
        try #require(try claims(exact, job) == [])
        var sums: [String: Double] = [:]
        for instrument in job.snapshot.instruments {
            sums[instrument.sector ?? "", default: 0] += exact.riskContributions[instrument.id] ?? 0
        }
        for (name, budget) in budgets { #expect(abs((sums[name] ?? 0) - budget) < 1e-8) }

        // Weights of equal budgets are consistent in themselves, but not what was asked for.
        var equal = job
        equal.request.parameters.riskBudgets = nil
        let other = try outcome(equal).result.get()
        #expect(try claims(other, equal) == [])
        #expect(try claims(other, job).contains("risk contributions against their budgets"))
        equal.request.parameters.riskBudgetsBy = nil
        #expect(try claims(other, equal).contains("risk contributions against their budgets"))
        // Contributions moved within a sector leave its sum as it is.
        var wrong = exact
        wrong.riskContributions["N0"]? += 1e-3
        wrong.riskContributions["N3"]? -= 1e-3
        #expect(try !claims(wrong, job).isEmpty)
        wrong = exact
        wrong.warnings.append(ResultWarning(code: "risk_budgets_not_met", message: "x"))
        #expect(try claims(wrong, job).contains("risk contributions against their budgets"))
    }

    @Test func `a result is caught whose budgets are of nobody or leave an instrument out`() throws {
        var job = job()
        let exact = try outcome(job).result.get()
        try #require(try claims(exact, job) == [])
        job.request.parameters.riskBudgets = ["tech": 0.5, "nobody": 0.5]
        #expect(try claims(exact, job).contains("risk_budgets/nobody"))
        job.request.parameters.riskBudgets = nil
        job.snapshot.instruments[2].sector = nil
        #expect(try claims(exact, job).contains("risk_budgets_by"))
        guard case .failure(let failure) = outcome(job).result else {
            Issue.record("an instrument without a sector has no budget")
            return
        }
        #expect(failure.code == "unclassified_instrument" && failure.message.contains("N2"))
    }
}
