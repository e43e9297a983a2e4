import Foundation
import Matrices
import PortfolioModel
import PortfolioOptimization
import ResultChecker
import Testing

/// A plan of `largest_plans.json`: a book, what it aims at, limits on its largest positions, and the best objective.
private struct LargestPlan: Decodable {
    struct Limits: Decodable {
        struct Largest: Decodable {
            var count: Int
            var max: Double
        }
        var largest_positions: [Largest]
        var max_cash: Double
        var max_turnover, max_weight_change: Double?
    }
    var covariance: [[Double]]
    var quantities, target, proportional, impact: [Double]
    var cash, daily, expected: Double
    var constraints: Limits

    static func all() throws -> [LargestPlan] {
        guard let url = Bundle.module.url(forResource: "Fixtures/largest_plans", withExtension: "json") else {
            return []
        }
        return try JSONDecoder().decode([LargestPlan].self, from: Data(contentsOf: url))
    }

    var mandate: TestMandate {
        let count = quantities.count
        var mandate = TestMandate(
            expectedReturns: [Double](repeating: 0.05, count: count),
            covariance: covariance,
            quantities: quantities,
            prices: [Double](repeating: 50, count: count)
        )
        mandate.cash = cash
        mandate.costs = proportional.indices.map {
            TransactionCost(proportional: proportional[$0], impact: impact[$0], averageDailyValue: daily)
        }
        mandate.constraints.maxCash = constraints.max_cash
        mandate.constraints.maxTurnover = constraints.max_turnover
        mandate.constraints.maxWeightChange = constraints.max_weight_change
        mandate.constraints.largestPositions = constraints.largest_positions.map {
            LargestPositionsLimit(count: $0.count, max: $0.max)
        }
        return mandate
    }
}

@Suite("Plans over fractions under limits on the largest positions")
struct LargestPlanTests {
    private func plan(
        _ mandate: TestMandate,
        target: [Double],
        change: (inout RebalanceRequest) -> Void = { _ in }
    ) throws -> RebalanceResult {
        let asked = mandate.asked(.minimizeRisk)
        var request = RebalanceRequest(
            portfolioID: "portfolio",
            target: .custom,
            targetAllocation: Dictionary(uniqueKeysWithValues: zip(mandate.identifiers, target).filter { $1 > 0 }),
            constraints: mandate.constraints,
            wholeLots: false
        )
        change(&request)
        let plan = try planRebalance(request, snapshot: asked.snapshot, moments: asked.moments)
        let result = try plan.result(of: request, snapshot: asked.snapshot, moments: asked.moments)
        let check = RebalanceCheck(snapshot: asked.snapshot, moments: asked.moments, request: request)
        #expect(check.violations(in: result) == [])
        for limit in mandate.constraints.largestPositions ?? [] {
            let weights = mandate.identifiers.map { result.targetAllocation[$0] ?? 0 }.sorted(by: >)
            #expect(weights.prefix(limit.count).reduce(0, +) <= limit.max + 1e-7)
        }
        return result
    }

    @Test func `plans are the best that cvxpy and Clarabel find, and prove it`() throws {
        let plans = try LargestPlan.all()
        #expect(plans.count >= 45)
        for (index, item) in plans.enumerated() {
            do {
                let result = try plan(item.mandate, target: item.target)
                let found = result.metrics.objective
                #expect(
                    abs(found - item.expected) <= 2e-6 * max(item.expected, 1e-3),
                    "\(index): \(found), \(item.expected)"
                )
                #expect(result.solution.relativeGap <= 1e-4, "\(index): \(result.solution)")
            } catch { Issue.record("\(index): \(error)") }
        }
    }

    @Test func `where several sums meet in one corner all of them hold`() throws {
        // Everything alike: each sum allows just its share.
        var mandate = TestMandate(
            expectedReturns: [0.05, 0.05, 0.05, 0.05],
            covariance: (0..<4).map { i in (0..<4).map { i == $0 ? 0.04 : 0.01 } },
            quantities: [10, 10, 10, 10]
        )
        mandate.constraints.largestPositions = (1...3).map {
            LargestPositionsLimit(count: $0, max: 0.25 * Double($0) + 0.01)
        }
        let result = try plan(mandate, target: [0.7, 0.2, 0.1, 0])
        let weights = ["A", "B", "C", "D"].map { result.targetAllocation[$0] ?? 0 }
        #expect(zip(weights, [0.26, 0.25, 0.25, 0.24]).allSatisfy { abs($0 - $1) <= 1e-6 }, "\(weights)")
    }

    @Test func `fixed costs and least trades are searched under the limits, and the gap is told`() throws {
        for item in try LargestPlan.all().prefix(5) {
            var mandate = item.mandate
            mandate.costs = mandate.costs.map {
                TransactionCost(proportional: $0?.proportional ?? 0, fixed: 1, impact: 0)
            }
            mandate.constraints.maxWeightChange = nil
            let result = try plan(mandate, target: item.target) { $0.minTradeSize = 20 }
            #expect(result.solution.relativeGap.isFinite)
        }
    }

    @Test func `limits that cannot be met are named`() throws {
        var mandate = TestMandate(
            expectedReturns: [0.05, 0.05, 0.05],
            covariance: (0..<3).map { i in (0..<3).map { i == $0 ? 0.04 : 0.01 } },
            quantities: [10, 10, 10]
        )
        mandate.constraints.largestPositions = [LargestPositionsLimit(count: 2, max: 0.5)]
        do {
            _ = try plan(mandate, target: [0.5, 0.3, 0.2])
            Issue.record("two of three hold two thirds at least")
        } catch let failure as OptimizationFailure {
            #expect(failure.code == "infeasible")
            #expect(failure.conflicts.map(\.constraint).contains("/largest_positions/0/max"))
        }
    }
}
