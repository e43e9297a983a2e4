import Matrices
import PortfolioModel
import PortfolioOptimization
import TestSupport
import Testing

@Suite("Reasons of trades")
struct TradeExplanationTests {
    /// Three instruments, all of the money in the first.
    private func allocation(weights: [Double], cash: Double = 0) throws -> (EvaluatedAllocation, TradePlan) {
        let ids = ["A", "B", "C"]
        let covariance = try #require(
            DenseMatrix(rows: [[0.04, 0.006, 0], [0.006, 0.09, 0.01], [0, 0.01, 0.16]])
        )
        let moments = Moments(
            instruments: ids,
            expectedReturns: [0.05, 0.08, 0.11],
            covariance: .dense(covariance),
            periodsPerYear: 252
        )
        let instruments = ids.map {
            Instrument(
                id: $0,
                price: 10,
                lotSize: nil,
                cost: TransactionCost(proportional: 0.002, fixed: 0, impact: 0, averageDailyValue: nil)
            )
        }
        let lots = [
            TaxLot(quantity: 1000, costBasis: 8, acquiredAt: CalendarDate(daysSinceEpoch: 0))
        ]
        let portfolio = Portfolio(
            baseCurrency: "USD",
            asOf: Timestamp(microseconds: 1_750_000_000_000_000),
            riskModelID: "m",
            cash: 0,
            positions: [Position(instrumentID: "A", quantity: 1000, taxLots: lots)]
        )
        let snapshot = MandateSnapshot(
            portfolio: portfolio,
            riskModel: RiskModel(asOf: portfolio.asOf, instruments: ids, periodsPerYear: 252),
            instruments: instruments,
            versions: SnapshotVersions(portfolio: 1, riskModelID: "m", riskModel: 1, instruments: 1)
        )
        var preferences = Preferences()
        preferences.riskFreeRate = 0.02
        preferences.includeTransactionCosts = true
        preferences.considerTaxImplications = true
        preferences.longTermTaxRate = 0.2
        preferences.costHorizonYears = 2
        let allocation = EvaluatedAllocation(
            weights: weights,
            cash: cash,
            moments: moments,
            holdings: try Holdings(snapshot),
            benchmark: ["A": 0.5, "B": 0.5],
            preferences: preferences
        )
        let plan = try planTrades(toward: allocation.allocation, snapshot: snapshot, preferences: preferences)
        return (allocation, plan)
    }

    private func explained(_ objective: Objective, _ weights: [Double]) throws -> [Trade] {
        let (allocation, plan) = try allocation(weights: weights)
        let explanation = try TradeExplanation(
            allocation,
            metrics: allocation.metrics(of: plan),
            objective: objective,
            measure: .volatility
        )
        return explanation.explained(plan.trades)
    }

    @Test func `a case worked by hand`() throws {
        let trades = try explained(.maximizeUtility, [0.6, 0.4, 0])
        let sale = try #require(trades.first { $0.instrumentID == "A" }?.reasons)
        // 0.4 of A sold: it would have earned 0.05 instead of the 0.02 of cash.
        #expect(sale.expectedReturn.isClose(to: -0.4 * 0.03))
        // λ/2 · ((1, 0.4)Σ(1, 0.4) − (0.6, 0.4)Σ(0.6, 0.4)) with λ = 2.5.
        let with = 0.36 * 0.04 + 2 * 0.24 * 0.006 + 0.16 * 0.09
        let without = 0.04 + 2 * 0.4 * 0.006 + 0.16 * 0.09
        #expect(sale.risk.isClose(to: 1.25 * (without - with)))
        #expect(sale.cost.isClose(to: -0.002 * 0.4 / 2))
        #expect(sale.tax.isClose(to: -0.2 * 0.2 * 0.4 / 2))
        let gain = sale.expectedReturn + sale.risk + sale.cost + sale.tax
        #expect(gain > 0 && sale.constraints == 0)
        #expect(sale.total == gain)
    }

    @Test(arguments: [
        Objective.maximizeUtility, .minimizeRisk, .maximizeSharpe, .maximizeReturn, .minimizeTrackingError,
    ])
    func `what no gain explains is there for the limits, and the parts sum to the total`(objective: Objective) throws {
        for weights in [[0.6, 0.4, 0], [0.2, 0.3, 0.5], [0, 0, 1], [0.9, 0, 0.1]] {
            for trade in try explained(objective, weights) {
                let reasons = try #require(trade.reasons)
                let gain = reasons.expectedReturn + reasons.risk + reasons.cost + reasons.tax
                #expect(reasons.constraints == max(0, -gain))
                #expect(reasons.total == gain + reasons.constraints && reasons.total >= 0)
                #expect((reasons.expectedReturn == 0) == (!objective.needsExpectedReturns))
            }
        }
    }

    @Test func `with a ratio, a trade gains exactly when the ratio would be lower without it`() throws {
        let weights = [0.3, 0.3, 0.4]
        let (target, plan) = try allocation(weights: weights)
        let net = target.metrics(of: plan)
        let price = (net.expectedReturnNet - 0.02) / net.risk
        for trade in try explained(.maximizeSharpe, weights) {
            let index = try #require(["A", "B", "C"].firstIndex(of: trade.instrumentID))
            let reasons = try #require(trade.reasons)
            var without = weights
            without[index] -= trade.weightChange
            let (other, nothing) = try allocation(weights: without, cash: 1 - without.reduce(0, +))
            var kept = nothing
            kept.trades = plan.trades.filter { $0.instrumentID != trade.instrumentID }
            kept.tax = trade.action == .sell ? 0 : plan.tax
            let figures = other.metrics(of: kept)
            // F(w) = excess − S* · risk is 0 at the target.
            let value = figures.expectedReturnNet - 0.02 - price * figures.risk
            let gain = reasons.expectedReturn + reasons.risk + reasons.cost + reasons.tax
            #expect(abs(gain + value) < 1e-12, "\(trade.instrumentID): \(gain), \(-value)")
        }
    }
}

@Suite("What is not held")
struct ExcludedInstrumentTests {
    /// Eight instruments, of which the optimum holds some.
    private func mandate(seed: UInt64) -> TestMandate {
        var random = SeededGenerator(seed: seed)
        let count = 8
        let loadings = (0..<count).map { _ in random.uniform(0.08...0.2) }
        let specific = (0..<count).map { _ in random.uniform(0.05...0.15) }
        var covariance: [[Double]] = []
        for i in 0..<count {
            var row = loadings.map { $0 * loadings[i] }
            row[i] += specific[i] * specific[i]
            covariance.append(row)
        }
        let returns = (0..<count).map { _ in random.uniform(0.02...0.12) }
        let held: [Double] = (0..<count).map { $0 % 2 == 0 ? 1 : 0 }
        var mandate = TestMandate(expectedReturns: returns, covariance: covariance, quantities: held)
        mandate.preferences.riskFreeRate = 0.01
        return mandate
    }

    private func value(_ mandate: TestMandate, _ objective: Objective) throws -> Double {
        let problem = try mandate.problem(objective)
        let solution = try optimizeAllocation(problem) { false }
        return Figures(problem, solution.weights, solution.cash).value(objective)
    }

    @Test(arguments: Objective.onReturnAndRisk, ["plain", "capped", "turnover"])
    func `a reduced cost is what a little of the instrument costs`(objective: Objective, limits: String) throws {
        var compared = 0
        for seed in UInt64(1)...6 {
            var mandate = mandate(seed: seed)
            if limits != "plain" { mandate.constraints.maxPositionSize = 0.35 }
            if limits == "turnover" { mandate.constraints.maxTurnover = 0.4 }
            let problem = try mandate.problem(objective)
            let solution = try optimizeAllocation(problem) { false }
            let excluded = problem.excluded(from: solution)
            #expect(excluded.count == solution.weights.count { $0 == 0 })
            for entry in excluded {
                let cost = try #require(entry.reducedCost)
                #expect(cost <= 1e-9, "seed \(seed): \(entry)")
                var forced = mandate
                let step = 1e-5
                forced.constraints.minWeights = [entry.instrumentID: step]
                let slope = try (value(forced, objective) - value(mandate, objective)) / step
                #expect(abs(cost - slope) <= 1e-3 * max(1e-2, abs(slope)), "seed \(seed): \(entry), not \(slope)")
                compared += 1
            }
        }
        #expect(compared > 5)
    }

    @Test func `what is kept out by its own limit would gain, and who is searched for has no slope`() throws {
        var mandate = mandate(seed: 1)
        mandate.constraints.maxPositionSize = 0.5
        let best = try #require(
            mandate.identifiers.indices.max { mandate.expectedReturns[$0] < mandate.expectedReturns[$1] }
        )
        mandate.constraints.maxWeights = [mandate.identifiers[best]: 0]
        let problem = try mandate.problem(.maximizeReturn)
        let excluded = problem.excluded(from: try optimizeAllocation(problem) { false })
        let entry = try #require(excluded.first)
        #expect(entry.instrumentID == mandate.identifiers[best])
        #expect(try #require(entry.reducedCost) > 0)
        mandate.constraints.maxPositions = 3
        let searched = try mandate.problem(.maximizeReturn)
        let unpriced = searched.excluded(from: try optimizeAllocation(searched) { false })
        #expect(unpriced.count >= 5 && unpriced.allSatisfy { $0.reducedCost == nil })
    }
}

extension Double {
    fileprivate func isClose(to other: Double) -> Bool { abs(self - other) < 1e-14 }
}
