import JobExecution
import Matrices
import PortfolioModel
import Repository
import ResultChecker
import TestSupport
import Testing

@Suite("Risk parity and hierarchical jobs")
struct DividedRiskJobTests {
    private func outcome(_ job: OptimizationJob) -> ComputedOutcome {
        var solve = SolveOptimization(clock: monotonicNow, defaultTimeLimit: .seconds(60))
        return solve.outcome(of: job, tenant: "t", isRevoked: { false })
    }

    private func job(_ type: OptimizationType, count: Int = 8, seed: UInt64 = 1) -> OptimizationJob {
        var job = TestJob(count: count, seed: seed, objective: .riskBudgeting).job
        job.request.type = type
        job.request.constraints = Constraints()
        job.snapshot.riskModel.expectedReturns = nil
        return job
    }

    @Test(arguments: [OptimizationType.riskParity, .hierarchicalRiskParity], UInt64(1)...60)
    func `any limits end in a result that passes or in the limits that clash`(
        type: OptimizationType,
        seed: UInt64
    ) throws {
        var random = SeededGenerator(seed: seed)
        let count = Int.random(in: 2...12, using: &random)
        var job = job(type, count: count, seed: seed)
        for index in job.snapshot.instruments.indices {
            job.snapshot.instruments[index].sector = ["tech", "health", nil][index % 3]
            job.snapshot.instruments[index].assetClass = ["equity", "bond"][index % 2]
        }
        func maybe(_ range: ClosedRange<Double>) -> Double? {
            Int.random(in: 0...2, using: &random) == 0 ? random.uniform(range) : nil
        }
        job.request.constraints.maxPositionSize = maybe(0.15...0.9)
        job.request.constraints.minPositionSize = maybe(0.01...0.1)
        job.request.constraints.maxSectorExposure = maybe(0.3...0.9)
        job.request.constraints.maxAssetClassExposure = maybe(0.4...0.9)
        job.request.constraints.maxTurnover = maybe(0.05...0.9)
        job.request.constraints.targetVolatility = maybe(0.05...0.4)
        job.request.constraints.minWeights = maybe(0...0.1).map { ["N0": $0] }
        job.request.constraints.maxWeights = maybe(0...0.5).map { ["N1": $0] }
        job.request.constraints.minCash = maybe(0...0.1)
        job.request.constraints.maxCash = maybe(0.1...0.3)
        if type == .riskParity, let share = maybe(0.1...0.9) {
            job.request.parameters.riskBudgets = ["N0": share, "N1": 1 - share]
        }
        if type == .hierarchicalRiskParity {
            job.request.parameters.linkage = Linkage.allCases[Int(seed) % 4]
            job.request.parameters.distanceOfDistance = seed % 3 == 0
            job.request.parameters.clusterAllocation = ClusterAllocation.allCases[Int(seed / 4) % 3]
        }
        let outcome = outcome(job)
        #expect(outcome.violations == [])
        switch outcome.result {
        case .success(let result): #expect(result.metrics.sharpeRatio == nil, "no expected returns")
        case .failure(let failure): #expect(failure.code == "infeasible", "\(failure)")
        }
    }

    @Test func `budgets that are missed without a warning are caught, and a warning without a miss`() throws {
        var job = job(.riskParity)
        let exact = try outcome(job).result.get()
        let moments = try estimated(job)
        func claims(_ result: OptimizationResult) -> [String] {
            AllocationCheck(snapshot: job.snapshot, moments: moments, request: job.request)
                .violations(in: result).map(\.claim)
        }
        #expect(exact.riskContributions.values.allSatisfy { abs($0 - 1.0 / 8) < 1e-8 })
        try #require(claims(exact) == [])
        var wrong = exact
        wrong.warnings.append(ResultWarning(code: "risk_budgets_not_met", message: "x"))
        #expect(claims(wrong).contains("risk contributions against their budgets"))
        job.request.parameters.riskBudgets = ["N0": 0.5, "N1": 0.5]
        #expect(claims(exact).contains("risk contributions against their budgets"))
        #expect(claims(exact).contains { $0.contains("no risk budget") })
        job.request.parameters.riskBudgets = nil

        job.request.constraints.maxWeights = ["N0": 0.05]
        let capped = try outcome(job).result.get()
        try #require(claims(capped) == [])
        wrong = capped
        wrong.warnings.removeAll()
        #expect(claims(wrong).contains("risk contributions against their budgets"))
        wrong = capped
        wrong.bindingConstraints = []
        #expect(claims(wrong).contains { $0.contains("at no limit") })
    }

    private func estimated(_ job: OptimizationJob) throws -> Moments {
        let model = job.snapshot.riskModel
        return Moments(
            instruments: model.instruments,
            expectedReturns: [Double](repeating: 0, count: model.instruments.count),
            covariance: try #require(model.covariance),
            periodsPerYear: model.periodsPerYear,
            expectedReturnsEstimator: "none"
        )
    }
}
