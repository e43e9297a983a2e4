import PortfolioModel
import PortfolioOptimization
import TestSupport
import Testing

@Suite("Tax lots and wash sales")
struct TaxLotsTests {
    private let today = CalendarDate(daysSinceEpoch: 20_000)

    private func lot(_ quantity: Double, at cost: Double, daysAgo: Int) -> TaxLot {
        TaxLot(
            quantity: quantity,
            costBasis: cost,
            acquiredAt: CalendarDate(daysSinceEpoch: today.daysSinceEpoch - daysAgo)
        )
    }

    private func sale(
        _ lots: [TaxLot],
        _ quantity: Double,
        _ method: TaxLotMethod,
        price: Double,
        rates: (short: Double, long: Double) = (0, 0),
        purchases: [RecentTrade] = []
    ) -> (sold: [SoldLot], tax: Double) {
        let circumstances = SaleCircumstances(
            price: price,
            date: today,
            shortTermRate: rates.short,
            longTermRate: rates.long,
            purchases: purchases
        )
        let sold = soldLots(of: lots, selling: quantity, method: method, circumstances: circumstances)
        return (sold, circumstances.tax(on: sold))
    }

    /// Teaching figures of a broker's tax center: 100 at 5 and 100 at 7, of which 150 are sold at 10.
    @Test func `first in, first out and highest cost first give the published gains`() {
        let lots = [lot(100, at: 5, daysAgo: 426), lot(100, at: 7, daysAgo: 91)]
        let fifo = sale(lots, 150, .fifo, price: 10).sold
        #expect(fifo.map(\.quantity) == [100, 50])
        #expect(fifo.map(\.gain) == [500, 150])
        #expect(fifo.map(\.term) == [.long, .short])
        let hifo = sale(lots, 150, .hifo, price: 10).sold
        #expect(hifo.map(\.costBasis) == [7, 5])
        #expect(hifo.reduce(0) { $0 + $1.gain } == 550)
    }

    /// Teaching figures of a Series 7 course: 100 each at 30, 40 and 50, of which 100 are sold at 55.
    @Test func `first and last in, first out and highest cost give the published gains of the second book`() {
        let lots = [lot(100, at: 30, daysAgo: 300), lot(100, at: 40, daysAgo: 200), lot(100, at: 50, daysAgo: 100)]
        #expect(sale(lots, 100, .fifo, price: 55).sold.map(\.gain) == [2500])
        #expect(sale(lots, 100, .lifo, price: 55).sold.map(\.gain) == [500])
        #expect(sale(lots, 100, .hifo, price: 55).sold.map(\.gain) == [500])
    }

    @Test func `minimum tax prefers a long-term gain to a smaller short-term one`() {
        // Short: 2 a unit at 40 % is 0.80; long: 4 a unit at 15 % is 0.60.
        let lots = [lot(10, at: 8, daysAgo: 100), lot(10, at: 6, daysAgo: 800)]
        let cheapest = sale(lots, 10, .minimumTax, price: 10, rates: (0.4, 0.15))
        #expect(cheapest.sold.map(\.costBasis) == [6])
        #expect(abs(cheapest.tax - 6) < 1e-12)
        #expect(sale(lots, 10, .hifo, price: 10, rates: (0.4, 0.15)).tax > cheapest.tax)
    }

    @Test func `long-term begins the day after the anniversary`() throws {
        let bought = try #require(CalendarDate("2024-02-29"))
        let lots = [TaxLot(quantity: 1, costBasis: 1, acquiredAt: bought)]
        func term(on day: String) throws -> SoldLot.Term? {
            let circumstances = SaleCircumstances(price: 2, date: try #require(CalendarDate(day)))
            return soldLots(of: lots, selling: 1, method: .fifo, circumstances: circumstances).first?.term
        }
        #expect(try term(on: "2025-02-28") == .short)
        #expect(try term(on: "2025-03-01") == .long)
    }

    @Test func `a loss counts at its own rate, unless replaced within thirty days`() {
        let lots = [lot(100, at: 12, daysAgo: 400)]
        let free = sale(lots, 100, .hifo, price: 10, rates: (0.3, 0.1))
        #expect(abs(free.tax + 20) < 1e-12)
        let day = CalendarDate(daysSinceEpoch: today.daysSinceEpoch - 30)
        let bought = RecentTrade(instrumentID: "A", quantity: 40, price: 10, date: day)
        let washed = sale(lots, 100, .hifo, price: 10, rates: (0.3, 0.1), purchases: [bought])
        #expect(abs(washed.sold[0].disallowedLoss - 80) < 1e-12)
        #expect(abs(washed.tax + 12) < 1e-12)
        let earlier = RecentTrade(
            instrumentID: "A",
            quantity: 40,
            price: 10,
            date: CalendarDate(daysSinceEpoch: today.daysSinceEpoch - 31)
        )
        #expect(sale(lots, 100, .hifo, price: 10, purchases: [earlier]).sold[0].disallowedLoss == 0)
        let sold = RecentTrade(instrumentID: "A", quantity: -40, price: 10, date: day)
        #expect(sale(lots, 100, .hifo, price: 10, purchases: [sold]).sold[0].disallowedLoss == 0)
    }

    @Test func `a lot and its own purchase are one, and a lot that is sold replaces nothing`() {
        let lots = [lot(100, at: 12, daysAgo: 400), lot(50, at: 11, daysAgo: 10)]
        let bought = RecentTrade(instrumentID: "A", quantity: 50, price: 11, date: lots[1].acquiredAt)
        let partly = sale(lots, 100, .hifo, price: 10, purchases: [bought]).sold
        #expect(partly.map(\.disallowedLoss) == [100])
        let all = sale(lots, 150, .hifo, price: 10, purchases: [bought]).sold
        #expect(all.map(\.disallowedLoss) == [0, 0])
    }

    @Test func `minimum tax turns to another lot when a loss would be disallowed`() {
        // The loss lot would be washed by a purchase that is kept; then the cheapest lot to sell is a tiny gain.
        let lots = [lot(10, at: 12, daysAgo: 400), lot(10, at: 10, daysAgo: 400), lot(10, at: 5, daysAgo: 400)]
        let bought = RecentTrade(instrumentID: "A", quantity: 5, price: 10, date: today)
        let chosen = sale(lots, 20, .minimumTax, price: 10, rates: (0.3, 0.1), purchases: [bought])
        #expect(chosen.tax <= -1 + 1e-12)
        #expect(chosen.sold.reduce(0) { $0 + $1.quantity } == 20)
    }

    @Test func `quantities are exact and no lot gives more than it holds`() {
        for seed in UInt64(1)...200 {
            var random = SeededGenerator(seed: seed)
            let lots = (0..<Int.random(in: 1...6, using: &random)).map { _ in
                lot(
                    Double(Int.random(in: 1...50, using: &random)),
                    at: random.uniform(5...15),
                    daysAgo: Int.random(in: 0...900, using: &random)
                )
            }
            let held = lots.reduce(0) { $0 + $1.quantity }
            let quantity = Double(Int.random(in: 1...Int(held), using: &random))
            var taxes: [Double] = []
            for method in [TaxLotMethod.fifo, .lifo, .hifo, .minimumTax] {
                let (sold, tax) = sale(lots, quantity, method, price: 10, rates: (0.35, 0.15))
                #expect(sold.reduce(0) { $0 + $1.quantity } == quantity, "seed \(seed)")
                #expect(sold.allSatisfy { $0.quantity > 0 && $0.disallowedLoss >= 0 }, "seed \(seed)")
                taxes.append(tax)
            }
            // Lots bought within 30 days may disallow losses; without them minimum tax is the least there is.
            if !lots.contains(where: { today.daysSinceEpoch - $0.acquiredAt.daysSinceEpoch <= 30 }) {
                #expect(taxes[3] <= (taxes.min() ?? 0) + 1e-9, "seed \(seed)")
            }
        }
    }

    @Test func `unknown lots give none`() { #expect(sale([], 10, .hifo, price: 1).sold.isEmpty) }
}
