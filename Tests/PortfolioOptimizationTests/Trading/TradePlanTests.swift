import PortfolioModel
import PortfolioOptimization
import TestSupport
import Testing

@Suite("Trades that lead to a target")
struct TradePlanTests {
    private func snapshot(
        _ instruments: [Instrument],
        held: [String: Double],
        cash: Double = 0
    ) -> MandateSnapshot {
        MandateSnapshot(
            portfolio: Portfolio(
                baseCurrency: "USD",
                asOf: Timestamp(microseconds: 1_750_000_000_000_000),
                riskModelID: "m",
                cash: cash,
                positions: held.sorted { $0.key < $1.key }.map { Position(instrumentID: $0.key, quantity: $0.value) }
            ),
            riskModel: RiskModel(asOf: Timestamp(microseconds: 0), instruments: [], periodsPerYear: 252),
            instruments: instruments,
            versions: SnapshotVersions(portfolio: 1, riskModelID: "m", riskModel: 1, instruments: 1)
        )
    }

    @Test func `a switch sells first, since there is no cash to buy with`() throws {
        let book = snapshot([Instrument(id: "A", price: 10), Instrument(id: "B", price: 25)], held: ["A": 100])
        let plan = try planTrades(toward: ["A": 0.5, "B": 0.5], snapshot: book, preferences: Preferences())
        #expect(plan.trades.map(\.instrumentID) == ["A", "B"])
        #expect(plan.trades.map(\.action) == [.sell, .buy])
        #expect(plan.trades.map(\.quantity) == [50, 20])
        #expect(plan.trades.map(\.estimatedValue) == [500, 500])
        #expect(plan.trades.map(\.weightChange) == [-0.5, 0.5])
        #expect(plan.trades.map(\.priority) == [1, 2])
        #expect(plan.warnings.isEmpty)
    }

    @Test func `where cash allows, the larger change goes first`() throws {
        let book = snapshot(
            [Instrument(id: "A", price: 10), Instrument(id: "B", price: 10)],
            held: ["A": 40],
            cash: 600
        )
        let plan = try planTrades(toward: ["A": 0.3, "B": 0.7], snapshot: book, preferences: Preferences())
        #expect(plan.trades.map(\.instrumentID) == ["A", "B"])
        let rich = try planTrades(
            toward: ["A": 0.3, "B": 0.6, "cash": 0.1],
            snapshot: book,
            preferences: Preferences()
        )
        #expect(rich.trades.map(\.instrumentID) == ["B", "A"])
    }

    @Test func `a target of nothing sells odd lots too, and a sale never exceeds the holding`() throws {
        let lots = [Instrument(id: "A", price: 1, lotSize: 100), Instrument(id: "B", price: 1, lotSize: nil)]
        let book = snapshot(lots, held: ["A": 150.5])
        let all = try planTrades(toward: ["B": 1], snapshot: book, preferences: Preferences())
        #expect(all.trades.map(\.quantity) == [150.5, 150.5])
        let nearly = try planTrades(
            toward: ["A": 20 / 150.5, "B": 130.5 / 150.5],
            snapshot: book,
            preferences: Preferences()
        )
        #expect(nearly.trades[0].quantity == 150.5, "100 would not pay for B, 200 are not held")
    }

    @Test func `buys are rounded down where cash would turn negative`() throws {
        let instruments = ["A", "B", "C"].map { Instrument(id: $0, price: 30) }
        let book = snapshot(instruments, held: [:], cash: 1000)
        let third = 1.0 / 3
        let plan = try planTrades(
            toward: ["A": third, "B": third, "C": third],
            snapshot: book,
            preferences: Preferences()
        )
        // 11.1 units each round to 11: 990 spent.
        #expect(plan.trades.map(\.quantity) == [11, 11, 11])
        let tight = try planTrades(
            toward: ["A": 0.3451, "B": 0.3452, "C": 0.3097],
            snapshot: book,
            preferences: Preferences()
        )
        // 11.5, 11.51 and 10.3 would round to 12 + 12 + 10 = 1020: the one nearer to the lower lot gives way.
        #expect(tight.trades.map(\.quantity).sorted() == [10, 11, 12])
    }

    @Test func `costs are paid from the rounding where one lot can pay them, and admitted where none can`() throws {
        var preferences = Preferences()
        preferences.transactionCostModel = 0.001
        let whole = snapshot([Instrument(id: "A", price: 10), Instrument(id: "B", price: 10)], held: ["A": 100])
        let paid = try planTrades(toward: ["A": 0.5, "B": 0.5], snapshot: whole, preferences: preferences)
        #expect(paid.warnings.map(\.code) == ["costs_not_funded"], "exact lots leave nothing within one lot")
        let rounded = try planTrades(toward: ["A": 0.497, "B": 0.503], snapshot: whole, preferences: preferences)
        #expect(rounded.trades.map(\.quantity) == [50, 50] || rounded.trades.map(\.quantity) == [51, 50])
        #expect(rounded.warnings.isEmpty == (rounded.trades[0].quantity == 51))
        let reserve = try planTrades(
            toward: ["A": 0.5, "B": 0.49, "cash": 0.01],
            snapshot: whole,
            preferences: preferences
        )
        #expect(reserve.warnings.isEmpty)
        #expect(abs(reserve.transactionCosts - 0.99) < 1e-12)
    }

    @Test func `no trade is listed for a target that is already there`() throws {
        let book = snapshot(
            [Instrument(id: "A", price: 3), Instrument(id: "B", price: 7, lotSize: nil)],
            held: ["A": 7, "B": 1.234]
        )
        let value = 21 + 7 * 1.234
        let plan = try planTrades(
            toward: ["A": 21 / value, "B": 7 * 1.234 / value],
            snapshot: book,
            preferences: Preferences()
        )
        #expect(plan.trades.isEmpty)
    }

    @Test func `an instrument without a price, and a portfolio worth nothing, are refused`() {
        #expect(throws: OptimizationFailure.self) {
            try planTrades(
                toward: ["B": 1],
                snapshot: snapshot([Instrument(id: "A", price: 1)], held: ["A": 1]),
                preferences: Preferences()
            )
        }
        #expect(throws: OptimizationFailure.self) {
            try planTrades(toward: [:], snapshot: snapshot([], held: [:]), preferences: Preferences())
        }
    }

    @Test func `replayed, any plan keeps cash and ends within one lot of its target`() throws {
        for seed in UInt64(1)...500 {
            var random = SeededGenerator(seed: seed)
            let count = Int.random(in: 1...12, using: &random)
            let sizes: [Double?] = [1, 1, 1, 10, 100, nil, 0.5]
            let instruments = (0..<count).map { index in
                Instrument(
                    id: "I\(index)",
                    price: random.uniform(1...400),
                    lotSize: sizes[Int.random(in: 0..<sizes.count, using: &random)],
                    cost: Bool.random(using: &random) ? nil : TransactionCost(proportional: 0.002, fixed: 1)
                )
            }
            var held: [String: Double] = [:]
            for instrument in instruments where Bool.random(using: &random) {
                held[instrument.id] = Double(Int.random(in: 1...5000, using: &random)) * (instrument.lotSize ?? 0.37)
            }
            let book = snapshot(instruments, held: held, cash: Bool.random(using: &random) ? 5000 : 50)
            var preferences = Preferences()
            preferences.transactionCostModel = Bool.random(using: &random) ? 0.001 : nil
            let raw = instruments.map { _ in Bool.random(using: &random) ? random.uniform(0...1) : 0 }
            let reserve = Bool.random(using: &random) ? 0.0 : 0.1
            let total = raw.reduce(reserve, +)
            var target: [String: Double] = [:]
            for (instrument, part) in zip(instruments, raw) where part > 0 { target[instrument.id] = part / total }
            target["cash"] = total > 0 ? reserve / total : 1

            let plan = try planTrades(toward: target, snapshot: book, preferences: preferences)
            try replay(plan, target, book, note: "seed \(seed)")
        }
    }

    private func replay(
        _ plan: TradePlan,
        _ target: [String: Double],
        _ book: MandateSnapshot,
        note: Comment
    ) throws {
        let holdings = try Holdings(book)
        let paysCosts = plan.warnings.isEmpty
        var cash = holdings.cash
        var held = holdings.quantities
        for trade in plan.trades {
            let sign = trade.action == .sell ? 1.0 : -1.0
            cash += sign * trade.estimatedValue - (paysCosts ? trade.cost : 0)
            held[trade.instrumentID, default: 0] -= sign * trade.quantity
            #expect(cash >= -1e-9 * holdings.value, note)
            #expect(held[trade.instrumentID, default: 0] >= 0, note)
        }
        for instrument in book.instruments {
            let wanted = (target[instrument.id] ?? 0) * holdings.value / instrument.price
            let allowed = (instrument.lotSize ?? 0) + 2e-9 * holdings.value / instrument.price
            #expect(abs((held[instrument.id] ?? 0) - wanted) <= allowed, note)
            if !paysCosts, instrument.lotSize != nil, instrument.cost == nil {
                #expect((held[instrument.id] ?? 0) - wanted <= 1e-6, "what could pay is sold: \(note)")
            }
        }
    }
}
