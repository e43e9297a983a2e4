import JobExecution
import Matrices
import PortfolioModel
import Repository
import TestSupport
import Testing

@Suite("Black–Litterman jobs")
struct BlackLittermanJobTests {
    private func outcome(_ job: OptimizationJob) -> ComputedOutcome {
        var solve = SolveOptimization(clock: monotonicNow, defaultTimeLimit: .seconds(60))
        return solve.outcome(of: job, tenant: "t", isRevoked: { false })
    }

    private func failureCode(_ job: OptimizationJob) -> String? {
        guard case .failure(let failure) = outcome(job).result else { return nil }
        return failure.code
    }

    /// A job of seven instruments without expected returns, with a benchmark.
    private func job(_ objective: Objective = .maximizeSharpe, seed: UInt64 = 1) -> OptimizationJob {
        var job = TestJob(count: 7, seed: seed, objective: objective).job
        job.request.type = .blackLitterman
        job.request.constraints = Constraints()
        job.snapshot.riskModel.expectedReturns = nil
        job.snapshot.portfolio.benchmark = market
        return job
    }

    private let market = ["N0": 0.1, "N1": 0.05, "N2": 0.2, "N3": 0.15, "N4": 0.25, "N5": 0.05, "N6": 0.2]

    // MARK: Without views the market is the answer

    @Test(arguments: UInt64(1)...10)
    func `without views the largest Sharpe ratio is the market's`(seed: UInt64) throws {
        var job = job(seed: seed)
        job.request.preferences.riskFreeRate = 0.01
        let result = try outcome(job).result.get()
        for (id, weight) in market { #expect(abs((result.targetAllocation[id] ?? 0) - weight) < 1e-7, "seed \(seed)") }
        job.request.parameters.views = []
        job.request.parameters.posteriorCovariance = false
        let other = try outcome(job).result.get()
        for (id, weight) in market { #expect(abs((other.targetAllocation[id] ?? 0) - weight) < 1e-7, "seed \(seed)") }
    }

    @Test(arguments: [0.5, 2.5, 7], UInt64(1)...4)
    func `without views the greatest utility of the market's own risk aversion is the market`(
        riskAversion: Double,
        seed: UInt64
    ) throws {
        var job = job(.maximizeUtility, seed: seed)
        job.request.preferences.riskAversion = riskAversion
        job.request.parameters.posteriorCovariance = false
        let result = try outcome(job).result.get()
        for (id, weight) in market { #expect(abs((result.targetAllocation[id] ?? 0) - weight) < 1e-7) }
        #expect(!result.warnings.contains { $0.code == "preference_ignored" }, "risk_aversion is δ here")
    }

    @Test func `market weights of the request go before the benchmark`() throws {
        var job = job()
        job.request.parameters.marketWeights = ["N1": 0.7, "N6": 0.3]
        let result = try outcome(job).result.get()
        #expect(abs((result.targetAllocation["N1"] ?? 0) - 0.7) < 1e-6)
        #expect(result.blackLitterman?.marketWeights == ["N1": 0.7, "N6": 0.3])
        job.snapshot.portfolio.benchmark = nil
        #expect(failureCode(job) == nil)
        job.request.parameters.marketWeights = nil
        #expect(failureCode(job) == "missing_market_weights")
    }

    // MARK: Views

    @Test func `a certain view holds exactly in the posterior, and one without confidence not at all`() throws {
        var job = job()
        job.request.preferences.riskFreeRate = 0.02
        let spread = ["N0": 1.0, "N1": -1.0]
        for certain in [ReturnView.Uncertainty.confidence(1), .variance(0)] {
            job.request.parameters.views = [
                ReturnView(instruments: spread, expectedReturn: 0.03, uncertainty: certain),
                ReturnView(instruments: ["N2": 1], expectedReturn: 0.07, isTotal: true, uncertainty: certain),
            ]
            let report = try #require(try outcome(job).result.get().blackLitterman)
            let (first, second) = (report.posterior["N0"] ?? 0, report.posterior["N1"] ?? 0)
            #expect(abs(first - second - 0.03) < 1e-12)
            #expect(abs((report.posterior["N2"] ?? 0) - 0.05) < 1e-12, "a total return less the rate")
            #expect(report.viewVariances == [0, 0])
        }
        job.request.parameters.views = [
            ReturnView(instruments: spread, expectedReturn: 0.03, uncertainty: .confidence(0))
        ]
        let result = try outcome(job).result.get()
        let report = try #require(result.blackLitterman)
        #expect(report.posterior == report.prior && report.viewVariances == [nil])
        for (id, weight) in market { #expect(abs((result.targetAllocation[id] ?? 0) - weight) < 1e-7) }
    }

    @Test func `the returns reported are those in excess of the rate, the expected return is total`() throws {
        var job = job()
        job.request.preferences.riskFreeRate = 0.03
        job.request.parameters.views = [ReturnView(instruments: ["N3": 1], expectedReturn: 0.09)]
        let result = try outcome(job).result.get()
        let posterior = try #require(result.blackLitterman?.posterior)
        let excess = result.targetAllocation.reduce(0) { $0 + (posterior[$1.key] ?? 0) * $1.value }
        #expect(abs(result.metrics.expectedReturn - excess - 0.03) < 1e-12)
        #expect(result.inputs.expectedReturnsEstimator == "black_litterman")
        #expect(result.inputs.covarianceEstimator == "provided")
        #expect(!result.warnings.contains { $0.code == "missing_expected_returns" })
    }

    @Test func `views that no posterior follows from are named`() throws {
        var job = job()
        let view = ReturnView(instruments: ["N0": 1], expectedReturn: 0.05, uncertainty: .confidence(1))
        job.request.parameters.views = [view, view]
        #expect(failureCode(job) == "invalid_views")
        job.request.parameters.views = [ReturnView(instruments: ["XXX": 1], expectedReturn: 0.05)]
        #expect(failureCode(job) == "invalid_inputs")
        job.request.parameters.views = nil
        job.snapshot.portfolio.benchmark = ["XXX": 1]
        #expect(failureCode(job) == "invalid_inputs")
    }

    @Test(arguments: Capabilities.objectives(of: .blackLitterman), UInt64(1)...6)
    func `any objective under any limits passes the checker`(objective: Objective, seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var job = job(objective, seed: seed)
        job.request.constraints.maxPositionSize = 0.35
        job.request.constraints.maxTurnover = 0.4
        job.request.constraints.minCash = 0.01
        job.request.preferences.includeTransactionCosts = seed % 2 == 0
        job.request.parameters.tau = random.uniform(0.01...0.2)
        job.request.parameters.posteriorCovariance = seed % 3 != 0
        job.request.parameters.views = (0..<4).map { index in
            let uncertainty: [ReturnView.Uncertainty] = [
                .asPrior, .confidence(random.uniform(0...1)), .variance(random.uniform(0...0.01)), .variance(0),
            ]
            return ReturnView(
                instruments: ["N\(index)": 1, "N\(index + 2)": random.uniform(-1...1)],
                expectedReturn: random.uniform(0...0.1),
                isTotal: index % 2 == 0,
                uncertainty: uncertainty[index]
            )
        }
        let outcome = outcome(job)
        #expect(outcome.violations == [])
        let result = try outcome.result.get()
        #expect(result.blackLitterman?.viewVariances.count == 4)
    }

    // MARK: Published

    /// He & Litterman, The Intuition Behind Black–Litterman Model Portfolios (1999), tables 1, 2 and 4.
    @Test func `the posterior of seven countries is the published one`() throws {
        let volatilities = [0.16, 0.203, 0.248, 0.271, 0.21, 0.2, 0.187]
        let correlations: [[Double]] = [
            [1.0, 0.488, 0.478, 0.515, 0.439, 0.512, 0.491], [0.488, 1.0, 0.664, 0.655, 0.31, 0.608, 0.779],
            [0.478, 0.664, 1.0, 0.861, 0.355, 0.783, 0.668], [0.515, 0.655, 0.861, 1.0, 0.354, 0.777, 0.653],
            [0.439, 0.31, 0.355, 0.354, 1.0, 0.405, 0.306], [0.512, 0.608, 0.783, 0.777, 0.405, 1.0, 0.652],
            [0.491, 0.779, 0.668, 0.653, 0.306, 0.652, 1.0],
        ]
        var job = job()
        job.snapshot.riskModel.covariance = nil
        job.snapshot.riskModel.volatilities = volatilities
        job.snapshot.riskModel.correlations = DenseMatrix(rows: correlations)
        let weights = [0.016, 0.022, 0.052, 0.055, 0.116, 0.124, 0.615]
        job.request.parameters.marketWeights = Dictionary(
            uniqueKeysWithValues: weights.enumerated().map { ("N\($0.offset)", $0.element) }
        )
        job.request.parameters.views = [
            ReturnView(instruments: ["N3": 1, "N2": -0.295, "N5": -0.705], expectedReturn: 0.05)
        ]
        let report = try #require(try outcome(job).result.get().blackLitterman)
        let published = [4.3, 7.6, 9.3, 11.0, 4.5, 7.0, 8.1]
        for (index, value) in published.enumerated() {
            #expect(abs(100 * (report.posterior["N\(index)"] ?? 0) - value) < 0.06)
        }
        #expect(abs((report.viewVariances[0] ?? 0) / 0.05 - 0.021) < 5.1e-4)
    }
}
