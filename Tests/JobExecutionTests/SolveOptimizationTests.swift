import JobExecution
import Matrices
import PortfolioModel
import Repository
import TestSupport
import Testing

@Suite("A job computed from request to checked result")
struct SolveOptimizationTests {
    private func outcome(_ job: OptimizationJob, isRevoked: () -> Bool = { false }) -> ComputedOutcome {
        var solve = SolveOptimization(clock: monotonicNow, defaultTimeLimit: .seconds(60))
        return solve.outcome(of: job, tenant: "t", isRevoked: isRevoked)
    }

    private func failureCode(_ outcome: ComputedOutcome) -> String? {
        guard case .failure(let failure) = outcome.result else { return nil }
        return failure.code
    }

    @Test(arguments: Capabilities.objectives(of: .meanVariance))
    func `every objective passes the checker`(objective: Objective) throws {
        for seed in UInt64(1)...20 {
            var job = TestJob(count: 4 + Int(seed), seed: seed, objective: objective).job
            job.snapshot.portfolio.benchmark = ["N0": 0.6, "N3": 0.4]
            let outcome = outcome(job)
            #expect(outcome.violations == [], "seed \(seed)")
            let result = try outcome.result.get()
            #expect(result.solution.solveMilliseconds > 0)
            #expect(result.targetAllocation["cash"] ?? 0 >= 0.01 - 1e-9, "seed \(seed)")
            #expect(!result.trades.isEmpty)
        }
    }

    @Test func `the same job gives the same result, from the cache or not`() throws {
        var solve = SolveOptimization(clock: { .zero }, defaultTimeLimit: .seconds(60))
        let job = TestJob(count: 12).job
        let first = try solve.outcome(of: job, tenant: "t", isRevoked: { false }).result.get()
        let second = try solve.outcome(of: job, tenant: "t", isRevoked: { false }).result.get()
        #expect(first == second)
    }

    @Test func `jobs that ask the same on the same inputs share one computation`() throws {
        var clock = Duration.zero
        var solve = SolveOptimization(
            clock: {
                clock += .milliseconds(1)
                return clock
            },
            defaultTimeLimit: .seconds(60)
        )
        var job = TestJob(count: 12).job
        job.identity = identity(job, document: [1])
        let first = solve.outcome(of: job, tenant: "t", isRevoked: { false })
        #expect(first.isShared && first.solveTime > .zero)
        let before = clock
        let second = solve.outcome(of: job, tenant: "t", isRevoked: { false })
        #expect(clock == before, "nothing is computed again")
        #expect(try second.result.get() == first.result.get() && second.solveTime == .zero)

        job.request.objective = .minimizeRisk
        job.identity = identity(job, document: [2])
        #expect(try solve.outcome(of: job, tenant: "t", isRevoked: { false }).result.get() != first.result.get())
        job.snapshot.versions.portfolio = 2
        job.identity = identity(job, document: [1])
        #expect(try solve.outcome(of: job, tenant: "t", isRevoked: { false }).result.get() != first.result.get())
    }

    @Test func `what depended on the time there was is not shared`() {
        var solve = SolveOptimization(clock: monotonicNow, defaultTimeLimit: .seconds(60))
        var job = TestJob(count: 12).job
        job.identity = identity(job, document: [1])
        let stopped = solve.outcome(of: job, tenant: "t", isRevoked: { true })
        #expect(!stopped.isShared)
        let outcome = solve.outcome(of: job, tenant: "t", isRevoked: { false })
        #expect(failureCode(outcome) == nil)
    }

    private func identity(_ job: OptimizationJob, document: [UInt8]) -> JobIdentity {
        JobIdentity(
            snapshot: SnapshotIdentity(tenant: "t", portfolioID: "p", versions: job.snapshot.versions),
            document: document
        )
    }

    @Test func `returns that nobody knows are refused where the objective needs them`() throws {
        var job = TestJob().job
        job.snapshot.riskModel.expectedReturns = nil
        #expect(failureCode(outcome(job)) == "missing_expected_returns")
        job.request.objective = .minimizeRisk
        let result = try outcome(job).result.get()
        #expect(result.metrics.sharpeRatio == nil && result.metrics.notes["sharpe_ratio"] != nil)
        #expect(result.warnings.contains { $0.code == "missing_expected_returns" })
        job.request.constraints.minReturn = 0.05
        #expect(failureCode(outcome(job)) == "missing_expected_returns")
    }

    @Test func `where nothing beats the risk-free rate the least risk is offered`() throws {
        var job = TestJob(count: 5).job
        job.request.preferences.riskFreeRate = 0.5
        guard case .failure(let failure) = outcome(job).result else {
            Issue.record("there is an excess return")
            return
        }
        #expect(failure.code == "no_excess_return")
        job.request.objective = .minimizeRisk
        #expect(failure.minimumRiskAllocation == (try outcome(job).result.get().targetAllocation))
    }

    @Test func `limits that clash fail with their names`() {
        var job = TestJob().job
        job.request.constraints.maxPositionSize = 0.1
        #expect(failureCode(outcome(job)) == "infeasible")
    }

    @Test func `a covariance that is none is refused`() {
        var job = TestJob(count: 2).job
        job.snapshot.riskModel.covariance = DenseMatrix(rows: 2, columns: 2, columnMajor: [1, 2, 2, 1])
        #expect(failureCode(outcome(job)) == "indefinite_covariance")
    }

    @Test func `a search that is revoked or out of time ends without a result`() {
        #expect(outcome(TestJob(count: 12).job, isRevoked: { true }).violations.isEmpty)
        #expect(failureCode(outcome(TestJob(count: 12).job, isRevoked: { true })) == "time_limit")
        var job = TestJob(count: 12).job
        job.request.preferences.timeLimitSeconds = 0
        #expect(failureCode(outcome(job)) == "time_limit")
        job.request.preferences.timeLimitSeconds = 1e300
        #expect(failureCode(outcome(job)) == nil)
    }

    @Test func `history, benchmark, lots, lots of ten and costs pass the checker together`() throws {
        for seed in UInt64(1)...10 {
            var job = TestJob(count: 6, seed: seed, objective: .maximizeUtility).job
            var history = DenseMatrix(rows: 40, columns: 6)
            for index in history.elements.indices { history.elements[index] = Double((index * 37) % 19 - 9) / 500 }
            job.snapshot.riskModel.returns = history
            job.snapshot.riskModel.covariance = nil
            job.snapshot.portfolio.benchmark = ["N0": 0.5, "N1": 0.5]
            job.snapshot.instruments[2].lotSize = 10
            job.snapshot.instruments[3].lotSize = nil
            job.request.preferences.includeTransactionCosts = true
            job.request.preferences.considerTaxImplications = true
            job.request.preferences.longTermTaxRate = 0.2
            job.request.constraints.maxTurnover = 0.3
            for index in job.snapshot.portfolio.positions.indices {
                let price = job.snapshot.instruments[index].price
                job.snapshot.portfolio.positions[index].taxLots = [
                    TaxLot(quantity: 20, costBasis: price * 0.8, acquiredAt: CalendarDate(daysSinceEpoch: 19_000)),
                    TaxLot(quantity: 30, costBasis: price * 1.2, acquiredAt: CalendarDate(daysSinceEpoch: 20_240)),
                ]
            }
            let outcome = outcome(job)
            #expect(outcome.violations == [], "seed \(seed)")
            let result = try outcome.result.get()
            #expect(result.inputs.covarianceEstimator == "ledoit_wolf")
            #expect(result.metrics.maxDrawdown != nil && result.metrics.trackingError != nil)
            #expect(result.metrics.turnover <= 0.3 + 1e-7)
        }
    }

    /// Limits of every kind, drawn at random: whatever the methods answer, the checker agrees or the request fails.
    @Test func `any limits end in a result that passes or in a failure that says why`() throws {
        var completed = 0
        for seed in UInt64(1)...150 {
            var random = SeededGenerator(seed: seed)
            let objectives = Capabilities.objectives(of: .meanVariance)
            let objective = objectives[Int(seed) % objectives.count]
            let count = Int.random(in: 2...15, using: &random)
            var job = TestJob(count: count, seed: seed, objective: objective).job
            for index in job.snapshot.instruments.indices {
                job.snapshot.instruments[index].sector = ["tech", "health", nil][index % 3]
                job.snapshot.instruments[index].assetClass = ["equity", "bond"][index % 2]
            }
            func maybe(_ range: ClosedRange<Double>) -> Double? {
                Int.random(in: 0...2, using: &random) == 0 ? random.uniform(range) : nil
            }
            var limits = Constraints()
            limits.maxPositionSize = maybe(0.15...0.9)
            limits.minPositionSize = maybe(0.01...0.1)
            limits.maxSectorExposure = maybe(0.3...0.9)
            limits.maxAssetClassExposure = maybe(0.4...0.9)
            limits.maxTurnover = maybe(0.05...0.9)
            limits.targetVolatility = maybe(0.05...0.4)
            limits.minReturn = maybe(0.02...0.08)
            limits.maxRisk = maybe(0.05...0.4)
            limits.minWeights = maybe(0...0.1).map { ["N0": $0] }
            limits.maxWeights = maybe(0...0.5).map { ["N1": $0] }
            limits.minCash = maybe(0...0.1)
            limits.maxCash = maybe(0.1...0.3)
            limits.groups = maybe(0.2...0.8).map {
                [GroupLimit(name: "g", members: .sector("tech"), min: $0 / 4, max: $0)]
            }
            job.request.constraints = limits
            job.snapshot.portfolio.benchmark = ["N0": 0.7, "N\(count - 1)": 0.3]
            if count > 2, maybe(0...1) != nil {
                job.snapshot.portfolio.universe = (1..<count).map { "N\($0)" }
                job.request.constraints.minWeights = nil
            }
            let outcome = outcome(job)
            #expect(outcome.violations == [], "seed \(seed), \(objective)")
            switch outcome.result {
            case .success: completed += 1
            case .failure(let failure):
                let reasons = ["infeasible", "no_excess_return", "no_active_return"]
                #expect(reasons.contains(failure.code), "seed \(seed): \(failure)")
            }
        }
        #expect(completed > 60, "\(completed) of 150")
    }
}
