import JobExecution
import Matrices
import PortfolioModel
import Repository
import ResultChecker
import TestSupport
import Testing

@Suite("Risk parity jobs on conditional value-at-risk")
struct TailBudgetJobTests {
    private func outcome(_ job: OptimizationJob) -> ComputedOutcome {
        var solve = SolveOptimization(clock: monotonicNow, defaultTimeLimit: .seconds(60))
        return solve.outcome(of: job, tenant: "t", isRevoked: { false })
    }

    private func job(count: Int, seed: UInt64, periods: Int = 80) -> OptimizationJob {
        var random = SeededGenerator(seed: seed)
        var job = TestJob(count: count, seed: seed, objective: .riskBudgeting).job
        job.request.type = .riskParity
        job.request.riskMeasure = .conditionalValueAtRisk
        job.request.constraints = Constraints()
        var history = DenseMatrix(rows: periods, columns: count)
        for row in 0..<periods {
            let market = 0.008 * random.normal()
            for column in 0..<count { history[row, column] = 0.0003 + market + 0.01 * random.normal() }
        }
        job.snapshot.riskModel.returns = history
        job.snapshot.riskModel.expectedReturns = [Double](repeating: 0.05, count: count)
        return job
    }

    @Test(arguments: UInt64(1)...25)
    func `any limits end in a result that passes or in the limits that clash`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let count = Int.random(in: 2...8, using: &random)
        var job = job(count: count, seed: seed)
        func maybe(_ range: ClosedRange<Double>) -> Double? {
            Int.random(in: 0...2, using: &random) == 0 ? random.uniform(range) : nil
        }
        job.request.constraints.maxPositionSize = maybe(0.2...0.9)
        job.request.constraints.minPositionSize = maybe(0.01...0.1)
        job.request.constraints.maxTurnover = maybe(0.05...0.9)
        job.request.constraints.targetVolatility = maybe(0.1...0.4)
        job.request.constraints.maxRisk = maybe(0.01...0.04)
        job.request.constraints.minWeights = maybe(0...0.1).map { ["N0": $0] }
        job.request.constraints.maxWeights = maybe(0...0.5).map { ["N1": $0] }
        job.request.constraints.maxCash = maybe(0.1...0.3)
        if seed % 4 == 0 { job.snapshot.riskModel.returns = nil }
        let outcome = outcome(job)
        #expect(outcome.violations == [])
        switch outcome.result {
        case .success: break
        case .failure(let failure): #expect(failure.code == "infeasible", "\(failure)")
        }
    }

    @Test func `contributions that no tail has are caught`() throws {
        var job = job(count: 6, seed: 3)
        let exact = try outcome(job).result.get()
        let model = job.snapshot.riskModel
        let moments = Moments(
            instruments: model.instruments,
            expectedReturns: try #require(model.expectedReturns),
            covariance: try #require(model.covariance),
            returns: model.returns,
            periodsPerYear: model.periodsPerYear
        )
        func claims(_ result: OptimizationResult) -> [String] {
            AllocationCheck(snapshot: job.snapshot, moments: moments, request: job.request)
                .violations(in: result).map(\.claim)
        }
        #expect(exact.riskContributions.values.allSatisfy { abs($0 - 1.0 / 6) < 1e-8 })
        try #require(claims(exact) == [])
        // Budgets are claimed as contributions of weights that have others.
        let budgets = ["N0": 0.3, "N1": 0.1, "N2": 0.15, "N3": 0.15, "N4": 0.15, "N5": 0.15]
        job.request.parameters.riskBudgets = budgets
        var wrong = exact
        #expect(claims(wrong).contains("risk contributions against their budgets"))
        wrong.riskContributions = budgets
        #expect(claims(wrong).contains("risk_contributions"))
        job.request.parameters.riskBudgets = nil

        job.request.constraints.maxWeights = ["N0": 0.05]
        let capped = try outcome(job).result.get()
        try #require(claims(capped) == [])
        wrong = capped
        wrong.warnings.removeAll()
        #expect(claims(wrong).contains("risk contributions against their budgets"))
    }
}
