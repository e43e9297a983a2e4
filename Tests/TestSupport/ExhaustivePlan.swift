internal import Matrices
package import PortfolioModel

/// The best rebalance plan of a small book, found by looking at every one.
///
/// It shares nothing with the search but the choice of tax lots, which the caller passes in: objective and limits are
/// written down a second time.
package struct ExhaustivePlan {
    /// The least objective.
    package private(set) var objective = Double.infinity
    /// The changes that have it, in units, in the order of the instruments.
    package private(set) var changes: [Double] = []
    /// Plans looked at.
    package private(set) var looked = 0

    private let book: TradingBook
    private let desired: [Double]
    private let value: Double
    private let held: [Double]
    private let options: [[Double]]
    private let costs: [[Double]]
    private let taxes: [[Double]]

    /// Looks at every plan; nil when there are more than `most`.
    ///
    /// - Parameters:
    ///   - book: a book with a custom target, whole lots, and no limits but those of ``TradingBook``.
    ///   - most: how many plans to look at at most.
    ///   - tax: money of tax of selling units of an instrument.
    package init?(_ book: TradingBook, most: Int, tax: (Instrument, Double) -> Double) {
        self.book = book
        let instruments = book.snapshot.instruments
        let portfolio = book.snapshot.portfolio
        let units = Dictionary(portfolio.positions.map { ($0.instrumentID, $0.quantity) }, uniquingKeysWith: +)
        held = instruments.map { units[$0.id] ?? 0 }
        value = zip(held, instruments).reduce(portfolio.cash) { $0 + $1.0 * $1.1.price }
        desired = instruments.map { book.request.targetAllocation?[$0.id] ?? 0 }
        var options: [[Double]] = []
        var plans = 1.0
        for (index, instrument) in instruments.enumerated() {
            let lot = instrument.lotSize ?? 1
            let cap = (book.request.constraints.maxPositionSize ?? 1) * value / instrument.price
            var list: [Double] = held[index] <= cap + 1e-6 ? [0] : []
            if held[index] > 0 { list.append(-held[index]) }
            let least = book.request.minTradeSize ?? 0
            var lots = 1.0
            while lots * lot < held[index] {
                let isLarge = lots * lot * instrument.price >= least - 1e-6
                if isLarge, held[index] - lots * lot <= cap + 1e-6 { list.append(-lots * lot) }
                lots += 1
            }
            lots = 1
            while held[index] + lots * lot <= cap + 1e-6 {
                if lots * lot * instrument.price >= least - 1e-6 { list.append(lots * lot) }
                lots += 1
            }
            options.append(list)
            plans *= Double(list.count)
        }
        guard plans <= Double(most) else { return nil }
        self.options = options
        let preferences = portfolio.preferences.overridden(by: book.request.preferences)
        costs = zip(instruments, options).map { instrument, list in
            list.map { instrument.tradingCost(abs($0) * instrument.price, preferences) }
        }
        taxes = zip(instruments, options).map { instrument, list in list.map { $0 < 0 ? tax(instrument, -$0) : 0 } }
        var chosen = [Int](repeating: 0, count: instruments.count)
        visit(0, &chosen)
    }

    private mutating func visit(_ index: Int, _ chosen: inout [Int]) {
        guard index < options.count else {
            judge(chosen)
            return
        }
        for option in options[index].indices {
            chosen[index] = option
            visit(index + 1, &chosen)
        }
    }

    private mutating func judge(_ chosen: [Int]) {
        looked += 1
        let instruments = book.snapshot.instruments
        let portfolio = book.snapshot.portfolio
        let limits = book.request.constraints
        let preferences = portfolio.preferences.overridden(by: book.request.preferences)
        var cash = portfolio.cash
        var (moved, cost, tax, trades) = (0.0, 0.0, 0.0, 0)
        var weights = [Double](repeating: 0, count: instruments.count)
        var sectors: [String: Double] = [:]
        for index in chosen.indices {
            let change = options[index][chosen[index]]
            let money = change * instruments[index].price
            cash -= money + costs[index][chosen[index]]
            cost += costs[index][chosen[index]]
            tax += taxes[index][chosen[index]]
            moved += abs(money)
            if change != 0 { trades += 1 }
            weights[index] = (held[index] + change) * instruments[index].price / value
            if let sector = instruments[index].sector { sectors[sector, default: 0] += weights[index] }
        }
        guard cash / value >= (limits.minCash ?? 0), cash / value <= (limits.maxCash ?? 0) + 1e-9 else { return }
        let turnover = (moved + abs(cash - portfolio.cash)) / 2 / value
        guard turnover <= (limits.maxTurnover ?? 1), trades <= book.request.maxTrades ?? .max else { return }
        guard sectors.values.allSatisfy({ $0 <= (limits.maxSectorExposure ?? 2) }) else { return }
        guard volatility(weights) <= limits.targetVolatility ?? .infinity else { return }
        var active = weights
        for index in active.indices { active[index] -= desired[index] }
        var found = volatility(active)
        let years = preferences.costHorizonYears ?? 1
        found += cost / value / years
        if preferences.considerTaxImplications == true { found += tax / value / years }
        if found < objective {
            objective = found
            changes = chosen.indices.map { options[$0][chosen[$0]] }
        }
    }

    private func volatility(_ weights: [Double]) -> Double {
        var variance = 0.0
        for i in weights.indices {
            for j in weights.indices { variance += weights[i] * weights[j] * book.moments.covariance[i, j] }
        }
        return max(0, variance).squareRoot()
    }
}

extension Instrument {
    fileprivate func tradingCost(_ money: Double, _ preferences: Preferences) -> Double {
        guard money > 0 else { return 0 }
        return cost?.cost(ofTrading: money) ?? (preferences.transactionCostModel ?? 0) * money
    }
}
