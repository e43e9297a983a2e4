import JobExecution
import Matrices
import PortfolioModel
import Repository
import TestSupport
import Testing

@Suite("Jobs that may hold short")
struct ShortJobTests {
    /// Equal holdings of which one is short, with a history.
    private func job(count: Int, seed: UInt64, objective: Objective) -> OptimizationJob {
        var job = TestJob(count: count, seed: seed, objective: objective).job
        var random = SeededGenerator(seed: seed &+ 77)
        var returns = DenseMatrix(rows: 60, columns: count)
        for index in returns.elements.indices { returns.elements[index] = 0.02 * random.normal() + 0.0005 }
        job.snapshot.riskModel.returns = returns
        job.snapshot.portfolio.positions[1].quantity = -30
        job.snapshot.portfolio.cash = 20_000
        job.snapshot.portfolio.benchmark = ["N0": 0.6, "N3": 0.4]
        job.snapshot.instruments[2].lotSize = 10
        job.snapshot.instruments[3].lotSize = nil
        job.request.constraints.allowShort = true
        job.request.constraints.maxGrossExposure = 1.6
        return job
    }

    private func outcome(_ job: OptimizationJob) -> ComputedOutcome {
        var solve = SolveOptimization(clock: monotonicNow, defaultTimeLimit: .seconds(60))
        return solve.outcome(of: job, tenant: "t", isRevoked: { false })
    }

    private static let objectives = Capabilities.objectives(of: .meanVariance).filter {
        !Capabilities.refusedConstraints(of: .meanVariance, $0, .volatility).contains("allow_short")
    }

    @Test(arguments: objectives, ["plain", "turnover", "threshold", "few", "sector"])
    func `every objective that takes shorts passes the checker`(objective: Objective, limits: String) throws {
        var shorts = 0
        for seed in UInt64(1)...6 {
            var job = job(count: 5 + Int(seed), seed: seed, objective: objective)
            job.request.preferences.includeTransactionCosts = seed % 2 == 0
            switch limits {
            case "turnover": job.request.constraints.maxTurnover = 0.9
            case "threshold": job.request.constraints.minPositionSize = 0.07
            case "few": job.request.constraints.maxPositions = 4
            case "sector":
                for index in job.snapshot.instruments.indices {
                    job.snapshot.instruments[index].sector = "S\(index % 2)"
                }
                job.request.constraints.maxSectorExposure = 0.8
                job.request.constraints.targetVolatility = 0.3
            default: break
            }
            let outcome = outcome(job)
            #expect(outcome.violations == [], "seed \(seed)")
            let result = try outcome.result.get()
            shorts += result.targetAllocation.count { $0.value < 0 }
            let sold = result.trades.filter { $0.action == .sell }
            #expect(sold.allSatisfy { $0.quantity > 0 })
        }
        // Nobody needs a short to stay near the benchmark or the holdings, and few positions have no room for one.
        let isIdle = objective == .minimizeTrackingError || objective == .minimizeTransactionCosts
        #expect(shorts > 0 || isIdle || limits == "few")
    }

    @Test(arguments: RiskMeasure.allCases)
    func `every measure of risk passes the checker`(measure: RiskMeasure) throws {
        for objective in [Objective.minimizeRisk, .maximizeSharpe, .maximizeUtility] {
            var job = job(count: 5, seed: 3, objective: objective)
            job.request.riskMeasure = measure
            if measure == .valueAtRisk { job.request.preferences.timeLimitSeconds = 2 }
            let outcome = outcome(job)
            #expect(outcome.violations == [], "\(objective)")
            _ = try outcome.result.get()
        }
    }

    @Test func `a frontier with shorts passes the checker, and is the same by another algorithm`() throws {
        var risks: [[Double]] = []
        for limits in ["gross", "sector"] {
            var job = job(count: 9, seed: 4, objective: .maximizeUtility)
            job.request.frontierPointCount = 12
            if limits == "sector" {
                for index in job.snapshot.instruments.indices {
                    job.snapshot.instruments[index].sector = "S\(index % 2)"
                }
                // So loose that it never binds: the curve is the same, the algorithm is not.
                job.request.constraints.maxSectorExposure = 1.6
            }
            let outcome = outcome(job)
            #expect(outcome.violations == [])
            let points = try #require(try outcome.result.get().efficientFrontier)
            #expect(points.count == 12)
            #expect(points.contains { $0.weights.values.contains { $0 < -1e-6 } })
            for (first, second) in zip(points, points.dropFirst()) { #expect(first.risk <= second.risk) }
            risks.append(points.map(\.risk))
        }
        for (first, second) in zip(risks[0], risks[1]) { #expect(abs(first - second) <= 1e-7 * second) }
    }

    @Test func `without a gross exposure the job says what is missing`() {
        var job = job(count: 5, seed: 1, objective: .minimizeRisk)
        job.request.constraints.maxGrossExposure = nil
        guard case .failure(let failure) = outcome(job).result else {
            Issue.record("it was answered")
            return
        }
        #expect(failure.code == "missing_gross_exposure")
        job.request.constraints.allowShort = nil
        guard case .failure(let other) = outcome(job).result else {
            Issue.record("a short holding was taken without allow_short")
            return
        }
        #expect(other.code == "invalid_inputs")
    }
}
