import PortfolioModel
import PortfolioOptimization
import TestSupport
import Testing

/// Money of tax of selling units of an instrument of a book, by its method.
private func taxOfSale(_ book: TradingBook) -> (Instrument, Double) -> Double {
    let portfolio = book.snapshot.portfolio
    let preferences = portfolio.preferences
    let usual: TaxLotMethod = preferences.considerTaxImplications == true ? .minimumTax : .hifo
    let method: TaxLotMethod =
        switch book.request.taxLotMethod {
        case .fifo: .fifo
        case .lifo: .lifo
        case .hifo: .hifo
        case .minTax: .minimumTax
        case .specific, nil: usual
        }
    return { instrument, units in
        let sold = soldLots(
            of: portfolio.positions.filter { $0.instrumentID == instrument.id }.flatMap(\.taxLots),
            selling: units,
            method: method,
            circumstances: SaleCircumstances(
                price: instrument.price,
                date: portfolio.asOf.date,
                shortTermRate: preferences.shortTermTaxRate ?? 0,
                longTermRate: preferences.longTermTaxRate ?? 0,
                purchases: portfolio.recentTrades.filter { $0.instrumentID == instrument.id }
            )
        )
        return sold.reduce(0) { total, lot in
            let rate = (lot.term == .long ? preferences.longTermTaxRate : preferences.shortTermTaxRate) ?? 0
            return total + rate * (lot.gain + lot.disallowedLoss)
        }
    }
}

@Suite("The search of rebalance plans")
struct RebalanceSearchTests {
    /// Books so small that every plan can be looked at.
    static let small: [(count: Int, seed: UInt64)] =
        (0..<40).map { (4, UInt64($0)) } + (0..<12).map { (6, UInt64($0)) } + (0..<12).map { (8, UInt64($0)) }

    @Test(arguments: small)
    func `a small book's plan is as good as the best of all plans`(count: Int, seed: UInt64) throws {
        var shape = TradingBook.Shape(count: count)
        shape.lotsPerHolding = count == 4 ? 3 : 1
        let book = TradingBook(seed: seed, shape: shape)
        guard let best = ExhaustivePlan(book, most: 60_000, tax: taxOfSale(book)) else { return }
        guard best.objective < .infinity else {
            #expect(throws: OptimizationFailure.self) {
                try planRebalance(book.request, snapshot: book.snapshot, moments: book.moments)
            }
            return
        }
        let plan = try planRebalance(book.request, snapshot: book.snapshot, moments: book.moments)
        let found = plan.metrics.objective
        let scale = max(abs(best.objective), 1e-8)
        #expect(found <= best.objective + 2e-6 * scale)
        #expect(found - plan.report.relativeGap * max(abs(found), 1e-8) <= best.objective + 1e-9)
    }

    @Test(arguments: UInt64(0)..<30)
    func `taxes in mind never make a plan's tax larger`(seed: UInt64) throws {
        var shape = TradingBook.Shape(count: 5)
        shape.lotsPerHolding = 6
        var book = TradingBook(seed: seed, shape: shape)
        book.request.taxLotMethod = nil
        book.snapshot.portfolio.preferences.considerTaxImplications = false
        guard let without = try? planRebalance(book.request, snapshot: book.snapshot, moments: book.moments) else {
            return
        }
        book.snapshot.portfolio.preferences.considerTaxImplications = true
        let with = try planRebalance(book.request, snapshot: book.snapshot, moments: book.moments)
        // Both are exact to the gap, and the one knows nothing of the other.
        let slack = 1e-5 * max(1, abs(without.metrics.tax))
        #expect(with.metrics.tax <= without.metrics.tax + slack)
    }

    @Test(arguments: UInt64(0)..<20)
    func `dearer trading never makes a plan trade more`(seed: UInt64) throws {
        var shape = TradingBook.Shape(count: 5)
        shape.lotsPerHolding = 6
        shape.withTaxes = false
        shape.withLimits = false
        var book = TradingBook(seed: seed, shape: shape)
        // Cash for the costs of any plan, so that they forbid none.
        book.snapshot.portfolio.cash += 1e6
        book.request.constraints.maxTurnover = nil
        var least = Double.infinity
        for factor in [0.0, 1, 3, 10, 30] {
            let book = book.costing(factor)
            let plan = try planRebalance(book.request, snapshot: book.snapshot, moments: book.moments)
            let traded = plan.trades.reduce(0) { $0 + $1.trade.estimatedValue }
            #expect(traded <= least + 1e-3, "at a rate of \(0.001 * factor)")
            least = min(least, traded)
        }
    }

    @Test func `the same request gives the same plan`() throws {
        let book = TradingBook(seed: 11, shape: TradingBook.Shape(count: 30))
        let plans = try (0..<2).map { _ in
            try planRebalance(book.request, snapshot: book.snapshot, moments: book.moments)
        }
        #expect(plans[0].trades == plans[1].trades)
        #expect(plans[0].metrics == plans[1].metrics)
    }

    @Test func `ten trades of many are chosen well enough to remove risk`() throws {
        var shape = TradingBook.Shape(count: 120)
        shape.withLimits = false
        var book = TradingBook(seed: 5, shape: shape)
        book.request.maxTrades = 10
        book.request.constraints.maxTurnover = nil
        let plan = try planRebalance(book.request, snapshot: book.snapshot, moments: book.moments)
        #expect(plan.trades.count <= 10)
        #expect(plan.metrics.objective < plan.metrics.activeRiskBefore)
        #expect(plan.report.relativeGap.isFinite)
    }

    @Test(arguments: [0, 1, 2] as [UInt64])
    func `a few trades out of many are worth making, and one more is never worse`(seed: UInt64) throws {
        var book = TradingBook(seed: seed, shape: TradingBook.Shape(count: 120))
        book.request.maxTrades = 6
        book.request.constraints = Constraints()
        book.request.constraints.maxCash = 1
        book.request.minTradeSize = nil
        let plan = try planRebalance(book.request, snapshot: book.snapshot, moments: book.moments)

        #expect(plan.trades.count <= 6)
        #expect(plan.metrics.objective < plan.metrics.activeRiskBefore * 0.99)
        var fewer = book.request
        fewer.maxTrades = 5
        let smaller = try planRebalance(fewer, snapshot: book.snapshot, moments: book.moments)
        #expect(plan.metrics.objective <= smaller.metrics.objective * (1 + 1e-9) + 1e-12)
    }

    @Test(arguments: [0, 1, 2, 3] as [UInt64])
    func `over fractions with convex charges a plan of many names is proved`(seed: UInt64) throws {
        var shape = TradingBook.Shape(count: 150)
        shape.wholeLots = false
        shape.withFixedCosts = false
        shape.withTrading = false
        shape.withTaxes = false
        let book = TradingBook(seed: seed, shape: shape)
        let plan = try planRebalance(book.request, snapshot: book.snapshot, moments: book.moments)

        #expect(plan.report.relativeGap <= 1e-3)
    }
}
