import PortfolioModel
import PortfolioOptimization
import ResultChecker
import TestSupport
import Testing

/// A random book with its plan.
private struct PlannedBook {
    var book: TradingBook
    var result: RebalanceResult

    static func book(_ seed: UInt64) -> TradingBook {
        var shape = TradingBook.Shape(count: 1 + Int(seed % 12))
        shape.wholeLots = seed % 4 != 3
        shape.lotsPerHolding = seed % 2 == 0 ? 30 : 5
        var book = TradingBook(seed: seed, shape: shape)
        if seed % 5 == 0 { book.request.constraints.maxCash = nil }
        if seed % 7 == 0 { book.request.driftBand = 0.05 }
        let targets: [RebalanceTarget] = [.custom, .custom, .equalWeight, .riskParity, .minRisk, .optimal]
        book.request.target = targets[Int(seed) % targets.count]
        if book.request.target != .custom { book.request.targetAllocation = nil }
        return book
    }

    init(_ book: TradingBook) throws {
        self.book = book
        let plan = try planRebalance(book.request, snapshot: book.snapshot, moments: book.moments)
        result = try plan.result(of: book.request, snapshot: book.snapshot, moments: book.moments)
    }

    var violations: [Violation] {
        RebalanceCheck(snapshot: book.snapshot, moments: book.moments, request: book.request).violations(in: result)
    }
}

@Suite("The check of rebalance plans")
struct RebalanceCheckTests {
    /// A thousand books, fifty to a test.
    @Test(arguments: UInt64(0)..<20)
    func `random books' plans stand up to being replayed`(batch: UInt64) {
        var planned = 0
        for seed in batch * 50..<(batch + 1) * 50 {
            guard let plan = try? PlannedBook(PlannedBook.book(seed)) else { continue }
            planned += 1
            let violations = plan.violations
            #expect(violations.isEmpty, "seed \(seed): \(violations.map(\.description))")
        }
        #expect(planned >= 35, "too many books without a plan to learn from")
    }

    /// A book with taxes, several trades and lots sold.
    private func sound() throws -> PlannedBook {
        var shape = TradingBook.Shape(count: 6)
        shape.withTrading = false
        shape.withLimits = false
        var book = TradingBook(seed: 42, shape: shape)
        book.snapshot.portfolio.preferences.considerTaxImplications = true
        // What is checked is whether a plan is what it says, not how good it is.
        book.request.preferences.relativeGap = 0.3
        let plan = try PlannedBook(book)
        try #require(plan.violations.isEmpty)
        try #require(plan.result.trades.contains { !$0.trade.taxLots.isEmpty })
        return plan
    }

    private func expectRejected(_ change: (inout RebalanceResult) -> Void, _ comment: Comment) throws {
        var plan = try sound()
        change(&plan.result)
        #expect(!plan.violations.isEmpty, comment)
    }

    @Test func `a plan that says something else than it does is rejected`() throws {
        try expectRejected({ $0.trades[0].trade.quantity += 1 }, "another quantity")
        try expectRejected({ $0.trades[0].trade.cost += 1 }, "another cost")
        try expectRejected({ $0.trades[0].cashAfter += 0.01 }, "another cash")
        try expectRejected({ $0.trades[0].closesPosition.toggle() }, "another end of a position")
        try expectRejected({ $0.trades[0].reasons.risk += 1e-4 }, "another reason")
        try expectRejected({ $0.trades.swapAt(0, 1) }, "another order")
        try expectRejected({ $0.trades.removeLast() }, "a trade missing")
        try expectRejected({ $0.metrics.transactionCosts += 0.01 }, "a cent of costs")
        try expectRejected({ $0.metrics.tax += 0.5 }, "half a unit of tax")
        try expectRejected({ $0.metrics.activeRisk += 1e-4 }, "another active risk")
        try expectRejected({ $0.metrics.objective -= 1e-4 }, "a better objective")
        try expectRejected({ $0.metrics.turnover += 1e-6 }, "another turnover")
        try expectRejected({ $0.metrics.riskImprovement -= 1e-4 }, "another improvement")
        try expectRejected({ $0.targetAllocation["cash", default: 0] += 1e-6 }, "another target")
        try expectRejected({ $0.desiredAllocation["N0", default: 0] += 1e-5 }, "another aim")
        try expectRejected(
            {
                $0.solution.status = .optimal; $0.solution.relativeGap = 0.1
            },
            "a gap called optimal"
        )
        try expectRejected({ $0.taxLotMethod = .fifo }, "another method")
    }

    @Test func `a plan is judged by the limits of its request`() throws {
        var plan = try sound()
        plan.book.request.maxTrades = plan.result.trades.count - 1
        plan.result.maxTrades = plan.book.request.maxTrades
        #expect(plan.violations.map(\.claim).contains("constraints/max_trades"))

        plan = try sound()
        plan.book.request.minTradeSize = 1e9
        plan.result.minTradeSize = 1e9
        #expect(plan.violations.contains { $0.claim.hasSuffix("estimated_value") })

        plan = try sound()
        plan.book.request.constraints.maxTurnover = 1e-4
        plan.result.constraints.maxTurnover = 1e-4
        #expect(plan.violations.map(\.claim).contains("constraints/max_turnover"))
    }

    @Test func `lots that another method would sell are rejected`() throws {
        var plan = try sound()
        let sale = try #require(plan.result.trades.firstIndex { $0.trade.taxLots.count > 1 })
        plan.result.trades[sale].trade.taxLots.swapAt(0, 1)
        // The order within a sale matters to nobody, a lot that was not held does.
        plan.result.trades[sale].trade.taxLots[0].costBasis += 1
        #expect(!plan.violations.isEmpty)
    }
}
