import JobExecution
import Matrices
import PortfolioModel
import Repository
import TestSupport
import Testing

/// Jobs whose limits are not all as plain as a number that holds.
@Suite("Jobs with amended limits")
struct AmendedLimitsJobTests {
    private func outcome(_ job: OptimizationJob) -> ComputedOutcome {
        var solve = SolveOptimization(clock: monotonicNow, defaultTimeLimit: .seconds(60))
        return solve.outcome(of: job, tenant: "t", isRevoked: { false })
    }

    /// Eight instruments with a history, of which the first is held far above its cap.
    private func job(_ type: OptimizationType, _ objective: Objective, _ measure: RiskMeasure) -> OptimizationJob {
        var job = TestJob(count: 8, seed: 5, objective: objective).job
        var random = SeededGenerator(seed: 99)
        var returns = DenseMatrix(rows: 80, columns: 8)
        for index in returns.elements.indices { returns.elements[index] = 0.02 * random.normal() + 0.0005 }
        job.snapshot.riskModel.returns = returns
        job.snapshot.portfolio.positions[0].quantity = 400
        job.snapshot.portfolio.benchmark = ["N0": 0.6, "N3": 0.4]
        for index in job.snapshot.instruments.indices { job.snapshot.instruments[index].sector = "S\(index % 2)" }
        job.request.type = type
        job.request.riskMeasure = measure
        if type == .multiPeriod { job.request.parameters.horizon = Horizon(periodCount: 3) }
        if type == .robust { job.request.parameters.uncertainty = Uncertainty(kind: .box, size: 1) }
        if type == .scenarioBased {
            job.request.parameters.scenarios = (0..<4).map { index in
                ReturnScenario(
                    name: "s\(index)",
                    probability: 0.25,
                    returns: Dictionary(
                        uniqueKeysWithValues: job.snapshot.instruments.map { ($0.id, random.uniform(-0.2...0.3)) }
                    )
                )
            }
        }
        return job
    }

    static let kinds: [(OptimizationType, Objective, RiskMeasure)] = [
        (.meanVariance, .maximizeSharpe, .volatility), (.meanVariance, .minimizeTrackingError, .volatility),
        (.meanVariance, .minimizeRisk, .conditionalValueAtRisk), (.meanVariance, .maximizeSharpe, .semiDeviation),
        (.riskParity, .riskBudgeting, .volatility), (.hierarchicalRiskParity, .riskBudgeting, .volatility),
        (.robust, .maximizeUtility, .volatility), (.multiPeriod, .maximizeUtility, .volatility),
        (.scenarioBased, .maximizeUtility, .volatility), (.custom, .custom, .volatility),
    ]

    @Test(arguments: kinds)
    func `whatever the method, a breach is let be and passes the checker`(
        type: OptimizationType,
        objective: Objective,
        measure: RiskMeasure
    ) throws {
        var job = job(type, objective, measure)
        job.request.constraints.maxPositionSize = 0.2
        job.request.constraints.maxSectorExposure = 0.5
        job.request.constraints.maxTurnover = 0.1
        job.request.constraints.maxCash = 0.2
        job.request.constraints.grandfatherBreaches = true
        let outcome = outcome(job)
        #expect(outcome.violations == [])
        let result = try outcome.result.get()
        let listed = result.grandfatheredLimits.map { "\($0.constraint) \($0.subject ?? "")" }
        #expect(listed == ["/max_position_size N0", "/max_sector_exposure S0"])
        #expect((result.targetAllocation["N0"] ?? 0) <= result.grandfatheredLimits[0].bound + 1e-9)
        job.request.constraints.grandfatherBreaches = false
        guard case .failure(let failure) = self.outcome(job).result else {
            Issue.record("so little trading repairs the breach")
            return
        }
        #expect(failure.code == "infeasible")
    }

    @Test(arguments: [RiskMeasure.volatility, .conditionalValueAtRisk])
    func `a risk above its limit is let be, beside an allocation and along its frontier`(measure: RiskMeasure) throws {
        var job = job(.meanVariance, .maximizeUtility, measure)
        job.request.constraints.maxPositionSize = nil
        job.request.constraints.minCash = nil
        job.request.constraints.maxCash = 0.5
        job.request.constraints.maxTurnover = 0.05
        job.request.constraints.maxRisk = measure == .volatility ? 0.01 : 0.001
        job.request.constraints.grandfatherBreaches = true
        job.request.frontierPointCount = 5
        let outcome = outcome(job)
        #expect(outcome.violations == [])
        let result = try outcome.result.get()
        #expect(result.grandfatheredLimits.map(\.constraint) == ["/max_risk"])
        #expect(result.metrics.risk <= result.grandfatheredLimits[0].bound + 1e-9)
        let frontier = try #require(result.efficientFrontier)
        #expect(frontier.allSatisfy { $0.risk <= result.grandfatheredLimits[0].bound * (1 + 1e-8) })
    }
}
