import PortfolioModel
import PortfolioOptimization
import TestSupport
import Testing

private func plan(_ book: TradingBook) throws -> RebalancePlan {
    try planRebalance(book.request, snapshot: book.snapshot, moments: book.moments)
}

private func refusal(of book: TradingBook) -> OptimizationFailure? {
    do {
        _ = try planRebalance(book.request, snapshot: book.snapshot, moments: book.moments)
        return nil
    } catch { return error }
}

@Suite("Rebalance plans worked by hand")
struct RebalancePlanTests {
    @Test func `without costs whole lots reach a target that whole lots can reach`() throws {
        let plan = try plan(.pair(first: 80, second: 20, target: ["A": 0.5, "B": 0.5]))

        #expect(plan.trades.map(\.trade.instrumentID) == ["A", "B"])
        #expect(plan.trades.map(\.trade.quantity) == [30, 30])
        #expect(plan.trades.map(\.trade.action) == [.sell, .buy])
        #expect(plan.trades.map(\.cashAfter) == [3000, 0])
        #expect(plan.targetAllocation == ["A": 0.5, "B": 0.5])
        #expect(plan.metrics.turnover.isClose(to: 0.3))
        #expect(plan.report.status == .optimal)
    }

    @Test func `costs beyond the risk they remove keep a plan from trading`() throws {
        var book = TradingBook.pair(first: 51, second: 49, target: ["A": 0.5, "B": 0.5])
        book.snapshot.portfolio.preferences.transactionCostModel = 0.2
        #expect(try plan(book).trades.isEmpty)
        book.snapshot.portfolio.preferences.costHorizonYears = 100
        book.request.constraints.maxCash = 1
        #expect(try !plan(book).trades.isEmpty)
    }

    @Test func `trades are no smaller than asked unless they sell all of a smaller holding`() throws {
        var book = TradingBook.pair(first: 97, second: 3, target: ["A": 1])
        book.request.minTradeSize = 1000
        book.request.constraints.maxCash = 1
        let plan = try plan(book)
        let sale = try #require(plan.trades.first)

        #expect(sale.trade.instrumentID == "B")
        #expect(sale.trade.estimatedValue == 300)
        #expect(sale.closesPosition)
        #expect(plan.trades.count == 1)
    }

    @Test func `what is held outside the universe is sold, odd lots included`() throws {
        var book = TradingBook.pair(first: 90, second: 10.5, target: ["A": 1])
        book.snapshot.portfolio.universe = ["A"]
        let plan = try plan(book)

        #expect(plan.trades.contains { $0.trade.instrumentID == "B" && $0.trade.quantity == 10.5 && $0.closesPosition })
        #expect(plan.targetAllocation["B"] == nil)
    }

    @Test func `costs are paid from cash and never overdraw it`() throws {
        var book = TradingBook.pair(first: 80, second: 20, target: ["A": 0.5, "B": 0.5])
        book.snapshot.portfolio.preferences.transactionCostModel = 0.003
        book.snapshot.portfolio.preferences.costHorizonYears = 50
        let plan = try plan(book)

        #expect(plan.trades.allSatisfy { $0.cashAfter >= 0 })
        let sold = plan.trades.filter { $0.trade.action == .sell }.reduce(0) { $0 + $1.trade.estimatedValue }
        let bought = plan.trades.filter { $0.trade.action == .buy }.reduce(0) { $0 + $1.trade.estimatedValue }
        #expect(bought + plan.metrics.transactionCosts <= sold)
        #expect(plan.metrics.transactionCosts.isClose(to: 0.003 * (sold + bought)))
    }

    @Test func `fractions of lots reach the target to rounding`() throws {
        var book = TradingBook.pair(first: 80, second: 20, target: ["A": 1.0 / 3, "B": 2.0 / 3])
        book.request.wholeLots = false
        let plan = try plan(book)

        #expect(plan.metrics.activeRisk < 1e-6)
        #expect(plan.trades.contains { $0.trade.quantity != $0.trade.quantity.rounded() })
    }

    @Test func `nothing is traded while everything is in its band`() throws {
        var book = TradingBook.pair(first: 53, second: 47, target: ["A": 0.5, "B": 0.5])
        book.request.driftBand = 0.05
        let resting = try plan(book)
        #expect(resting.trades.isEmpty)
        #expect(resting.warnings.contains { $0.code == "within_bands" })

        book.request.driftBand = 0.02
        #expect(try plan(book).trades.count == 2)
    }

    @Test func `each target type aims at what its name says`() throws {
        var book = TradingBook.pair(first: 80, second: 20, target: [:])
        book.request.targetAllocation = nil
        book.snapshot.portfolio.benchmark = ["A": 0.6, "B": 0.4]
        func desired(_ target: RebalanceTarget) throws -> [String: Double] {
            book.request.target = target
            return try plan(book).desiredAllocation
        }
        #expect(try desired(.benchmark) == ["A": 0.6, "B": 0.4])
        #expect(try desired(.equalWeight) == ["A": 0.5, "B": 0.5])
        // Without correlation: equal contributions at weights of 1/σ, least risk at weights of 1/σ².
        #expect(try desired(.riskParity)["A"]?.isClose(to: 1.0 / 3) == true)
        #expect(try desired(.minRisk)["A"]?.isClose(to: 0.2) == true)
        // The largest Sharpe ratio is at weights of μ/σ²: 2 to 3.
        #expect(try desired(.optimal)["A"]?.isClose(to: 0.4) == true)
        book.request.optimizationID = "opt-1"
        book.request.referencedAllocation = ["A": 0.1, "B": 0.9]
        #expect(try desired(.optimal) == ["A": 0.1, "B": 0.9])
    }

    @Test func `turnover bounds the plan and not what it aims at`() throws {
        var book = TradingBook.pair(first: 80, second: 20, target: [:])
        book.request = RebalanceRequest(portfolioID: "pair", target: .minRisk)
        book.request.constraints.maxTurnover = 0.1
        let plan = try plan(book)

        #expect(plan.desiredAllocation["A"]?.isClose(to: 0.2) == true)
        #expect(plan.targetAllocation["A"]?.isClose(to: 0.7) == true)
        #expect(plan.metrics.turnover <= 0.1 + 1e-7)
    }

    @Test func `specific lots go in the order of the days named`() throws {
        var book = TradingBook.pair(first: 80, second: 20, target: ["A": 0.5, "B": 0.5])
        let days = [CalendarDate("2023-01-05"), CalendarDate("2024-02-01"), CalendarDate("2022-03-01")].compactMap {
            $0
        }
        book.snapshot.portfolio.positions[0].taxLots = zip(days, [20.0, 40.0, 20.0]).map {
            TaxLot(quantity: $1, costBasis: 90, acquiredAt: $0)
        }
        book.request.taxLotMethod = .specific
        book.request.lotOrder = ["A": [days[2], days[0]]]
        let sale = try plan(book).trades.first { $0.trade.action == .sell }
        #expect(sale?.trade.taxLots.map(\.acquiredAt) == [days[2], days[0]])
        #expect(sale?.trade.taxLots.map(\.quantity) == [20, 10])
    }

    @Test func `the reasons of each trade sum to their total`() throws {
        var book = TradingBook.pair(first: 80, second: 20, target: ["A": 0.5, "B": 0.5])
        book.snapshot.portfolio.preferences.transactionCostModel = 0.001
        for trade in try plan(book).trades {
            let reasons = trade.reasons
            let sum = reasons.expectedReturn + reasons.risk + reasons.cost + reasons.tax + reasons.constraints
            #expect(reasons.total == sum)
            #expect(reasons.total >= 0)
        }
    }

    @Test func `a purchase of what was sold within 30 days is warned of`() throws {
        var book = TradingBook.pair(first: 80, second: 20, target: ["A": 0.5, "B": 0.5])
        let asOf = book.snapshot.portfolio.asOf.date
        func sold(daysAgo: Int) -> RecentTrade {
            let day = CalendarDate(daysSinceEpoch: asOf.daysSinceEpoch - daysAgo)
            return RecentTrade(instrumentID: "B", quantity: -1, price: 90, date: day)
        }
        book.snapshot.portfolio.recentTrades = [sold(daysAgo: 30)]
        #expect(try plan(book).warnings.contains { $0.code == "wash_sale_purchase" })
        book.snapshot.portfolio.recentTrades = [sold(daysAgo: 31)]
        #expect(try !plan(book).warnings.contains { $0.code == "wash_sale_purchase" })
    }
}

@Suite("Rebalances without a plan")
struct InfeasibleRebalanceTests {
    @Test func `limits on weights that clash are named`() throws {
        var book = TradingBook.pair(first: 80, second: 20, target: ["A": 0.5, "B": 0.5])
        book.request.constraints.maxPositionSize = 0.4
        let failure = try #require(refusal(of: book))
        #expect(failure.code == "infeasible")
        #expect(failure.conflicts.contains { $0.constraint == "/max_position_size" })
    }

    @Test func `too few trades are named with how many would do`() throws {
        var book = TradingBook.pair(first: 80, second: 20, target: ["A": 0.5, "B": 0.5])
        book.request.constraints.maxPositionSize = 0.7
        book.request.maxTrades = 1
        let failure = try #require(refusal(of: book))
        #expect(failure.code == "infeasible")
        let conflict = try #require(failure.conflicts.first)
        #expect(conflict.constraint == "/max_trades")
        #expect(conflict.nearestFeasible == 2)
    }

    @Test func `a benchmark that is not there and weights that do not sum to 1 are refused`() {
        var book = TradingBook.pair(first: 80, second: 20, target: ["A": 0.5, "B": 0.4])
        #expect(refusal(of: book)?.code == "invalid_inputs")
        book.request = RebalanceRequest(portfolioID: "pair", target: .benchmark)
        #expect(refusal(of: book)?.code == "missing_benchmark")
    }

    @Test func `a search that is stopped at once says so or gives a plan that keeps the limits`() {
        let book = TradingBook(seed: 3, shape: TradingBook.Shape(count: 20))
        do {
            let plan = try planRebalance(book.request, snapshot: book.snapshot, moments: book.moments) { true }
            #expect(plan.trades.allSatisfy { $0.cashAfter >= 0 })
        } catch {
            #expect(error.code == "time_limit")
        }
    }
}

extension Double {
    fileprivate func isClose(to other: Double) -> Bool { abs(self - other) < 1e-7 }
}
