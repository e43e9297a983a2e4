import JobExecution
import Matrices
import MomentEstimation
import PortfolioModel
import Repository
import ResultChecker
import TestSupport
import Testing

/// A job of nine instruments on two factors, whose loadings are uncertain.
private func loadingJob(
    _ objective: Objective,
    seed: UInt64,
    radii: [String: Double]? = nil
) throws -> OptimizationJob {
    var random = SeededGenerator(seed: seed)
    var job = TestJob(count: 9, seed: seed, objective: objective).job
    job.request.type = .robust
    job.request.parameters.uncertainty = Uncertainty(kind: .factorLoadings, size: 1.5, radii: radii)
    job.request.preferences.includeTransactionCosts = true
    var loadings = DenseMatrix(rows: 9, columns: 2)
    for index in loadings.elements.indices { loadings.elements[index] = random.uniform(-0.3...1.2) }
    job.snapshot.riskModel.covariance = nil
    job.snapshot.riskModel.factorModel = FactorModel(
        factors: ["MKT", "SIZE"],
        loadings: loadings,
        factorCovariance: DenseMatrix(rows: [[0.03, 0.004], [0.004, 0.01]]),
        specificVariance: (0..<9).map { 0.01 + 0.01 * Double($0 % 4) }
    )
    return job
}

private func outcome(_ job: OptimizationJob) -> ComputedOutcome {
    var solve = SolveOptimization(clock: monotonicNow, defaultTimeLimit: .seconds(60))
    return solve.outcome(of: job, tenant: "t", isRevoked: { false })
}

@Suite("Jobs with uncertain factor loadings")
struct LoadingJobTests {
    /// All of them, lest the answer hold only what is certain.
    private static let radii = Dictionary(
        uniqueKeysWithValues: (0..<9).map { ("N\($0)", 0.01 + 0.01 * Double($0 % 5)) }
    )

    @Test(
        arguments: [
            Objective.minimizeRisk, .maximizeReturn, .maximizeUtility, .maximizeSharpe, .minimizeTransactionCosts,
        ],
        UInt64(1)...3
    )
    func `the worst volatility is reported, recomputed and held to`(objective: Objective, seed: UInt64) throws {
        var job = try loadingJob(objective, seed: seed, radii: Self.radii)
        job.request.preferences.riskFreeRate = 0.01
        job.request.constraints.targetVolatility = 0.16
        let solved = outcome(job)
        #expect(solved.violations == [])
        guard case .success(let result) = solved.result else {
            // The least worst volatility may be above the limit.
            #expect(failureCode(job) == "infeasible")
            return
        }
        let report = try #require(result.robust)
        #expect(report.kind == .factorLoadings && report.worstCaseRisk == report.worstCaseVolatility)
        #expect(report.worstCaseVolatility > result.metrics.expectedVolatility)
        #expect(report.worstCaseVolatility <= 0.16 + 1e-9)
        #expect(report.worstCaseReturn == result.metrics.expectedReturn)
        #expect(result.trades.allSatisfy { $0.reasons != nil })
        let moments = try estimateMoments(of: job.snapshot.riskModel)
        let check = AllocationCheck(snapshot: job.snapshot, moments: moments, request: job.request)
        var claimed = result
        claimed.robust?.worstCaseVolatility *= 1.001
        #expect(check.violations(in: claimed).map(\.claim) == ["robust/worst_case_volatility"])
    }

    private func failureCode(_ job: OptimizationJob) -> String? {
        guard case .failure(let failure) = outcome(job).result else { return nil }
        return failure.code
    }

    @Test(arguments: UInt64(1)...3)
    func `short weights have the same worst case, which the checker recomputes`(seed: UInt64) throws {
        var job = try loadingJob(.maximizeUtility, seed: seed, radii: Self.radii)
        job.request.constraints.allowShort = true
        job.request.constraints.maxGrossExposure = 1.8
        let solved = outcome(job)
        #expect(solved.violations == [])
        let result = try solved.result.get()
        #expect(result.targetAllocation.contains { $0.value < 0 })
        let report = try #require(result.robust)
        #expect(report.worstCaseVolatility > result.metrics.expectedVolatility)
    }

    @Test func `radii come from the history, and without one they are missing`() throws {
        var job = try loadingJob(.minimizeRisk, seed: 1)
        #expect(failureCode(job) == "missing_history")
        job.request.parameters.uncertainty?.size = 0
        #expect(failureCode(job) == nil)
        var matrix = try loadingJob(.minimizeRisk, seed: 1, radii: Self.radii)
        matrix.snapshot.riskModel.covariance = .identity(9)
        #expect(failureCode(matrix) == "missing_factors")
    }
}
