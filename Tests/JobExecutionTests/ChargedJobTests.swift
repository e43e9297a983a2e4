import JobExecution
import Matrices
import PortfolioModel
import Repository
import TestSupport
import Testing

@Suite("Jobs charged with costs and taxes")
struct ChargedJobTests {
    /// Like the demo portfolio: holdings of two lots each, most of them with one at a loss.
    private func job(count: Int, seed: UInt64, objective: Objective) -> OptimizationJob {
        var job = TestJob(count: count, seed: seed, objective: objective).job
        var random = SeededGenerator(seed: seed &+ 5)
        let today = job.snapshot.portfolio.asOf.date.daysSinceEpoch
        for index in job.snapshot.portfolio.positions.indices {
            let price = job.snapshot.instruments[index].price
            job.snapshot.portfolio.positions[index].taxLots = [
                TaxLot(
                    quantity: 30,
                    costBasis: price * random.uniform(0.3...0.9),
                    acquiredAt: CalendarDate(daysSinceEpoch: today - 900)
                ),
                TaxLot(
                    quantity: 20,
                    costBasis: price * random.uniform(0.8...1.6),
                    acquiredAt: CalendarDate(daysSinceEpoch: today - 200)
                ),
            ]
            job.snapshot.instruments[index].sector = "S\(index % 5)"
            job.snapshot.instruments[index].cost = TransactionCost(
                proportional: 0.0005,
                impact: index % 2 == 0 ? 0.1 : 0,
                averageDailyValue: 1e7
            )
        }
        job.request.constraints.maxPositionSize = max(0.1, 2.5 / Double(count))
        job.request.preferences.includeTransactionCosts = true
        job.request.preferences.considerTaxImplications = true
        job.snapshot.portfolio.preferences.shortTermTaxRate = 0.3
        job.snapshot.portfolio.preferences.longTermTaxRate = 0.15
        return job
    }

    private func outcome(_ job: OptimizationJob, seconds: Int = 60) -> ComputedOutcome {
        var solve = SolveOptimization(clock: monotonicNow, defaultTimeLimit: .seconds(seconds))
        return solve.outcome(of: job, tenant: "t", isRevoked: { false })
    }

    @Test(arguments: [Objective.maximizeSharpe, .maximizeUtility, .maximizeReturn])
    func `lots, impact, turnover and thresholds together pass the checker, and taxes are weighed`(
        objective: Objective
    ) throws {
        for seed in UInt64(1)...3 {
            var job = job(count: 8, seed: seed, objective: objective)
            job.request.constraints.maxTurnover = 0.4
            if seed > 1 { job.request.constraints.minPositionSize = 0.02 }
            let charged = outcome(job)
            #expect(charged.violations == [], "seed \(seed)")
            let result = try charged.result.get()
            #expect(result.trades.allSatisfy { $0.reasons != nil })
            job.request.preferences.considerTaxImplications = false
            let plain = try outcome(job).result.get()
            // Who weighs taxes pays no more of them, net of what the sales of losses bring.
            #expect(result.metrics.tax <= plain.metrics.tax + 1e-6 * abs(plain.metrics.tax) + 30, "seed \(seed)")
        }
    }

    @Test func `a portfolio of the demo's size with losses in most holdings has an answer`() throws {
        var job = job(count: 23, seed: 4, objective: .maximizeSharpe)
        job.request.constraints.minPositionSize = 0.01
        job.request.constraints.maxSectorExposure = 0.35
        job.request.constraints.maxTurnover = 0.2
        job.request.constraints.targetVolatility = 0.2
        let outcome = outcome(job, seconds: 30)
        #expect(outcome.violations == [])
        let result = try outcome.result.get()
        print(
            "demo size:",
            result.solution.solver,
            result.solution.iterations,
            result.solution.relativeGap,
            outcome.solveTime
        )
        #expect(result.solution.relativeGap < 0.05)
    }
}
