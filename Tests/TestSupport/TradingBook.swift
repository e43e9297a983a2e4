internal import Matrices
package import PortfolioModel

/// A random mandate to rebalance: holdings with lots, costs, tax, limits and a target, all from a seed.
package struct TradingBook: Sendable {
    package var snapshot: MandateSnapshot
    package var moments: Moments
    package var request: RebalanceRequest

    /// What a book is made of.
    package struct Shape: Sendable {
        package var count: Int
        /// Lots that a typical holding has: few make the plan a puzzle.
        package var lotsPerHolding = 50.0
        package var wholeLots = true
        package var withTaxes = true
        package var withFixedCosts = true
        package var withImpact = true
        package var withLimits = true
        package var withTrading = true

        package init(count: Int) { self.count = count }
    }

    package init(seed: UInt64, shape: Shape) {
        var random = SeededGenerator(seed: seed)
        let count = shape.count
        let ids = (0..<count).map { "N\($0)" }
        let value = 1e6
        let covariance = Self.covariance(count, &random)
        var instruments: [Instrument] = []
        var positions: [Position] = []
        let asOf = Timestamp(microseconds: 1_750_377_600_000_000)
        var recentTrades: [RecentTrade] = []
        for id in ids {
            let price = random.uniform(5...500)
            let money = value / Double(count)
            let lotSize = max(1, (money / price / shape.lotsPerHolding).rounded())
            instruments.append(Self.instrument(id, price, shape.wholeLots ? lotSize : nil, value, shape, &random))
            guard random.uniform(0...1) < 0.75 else { continue }
            var quantity = (random.uniform(0.2...2) * money / price / lotSize).rounded() * lotSize
            // Odd lots are held, too.
            if random.uniform(0...1) < 0.2 { quantity += (lotSize / 3).rounded(.down) }
            guard quantity > 0 else { continue }
            let lots = shape.withTaxes ? Self.lots(quantity, price, asOf.date, &random) : []
            positions.append(Position(instrumentID: id, quantity: quantity, taxLots: lots))
            if shape.withTaxes, random.uniform(0...1) < 0.15 {
                let day = CalendarDate(daysSinceEpoch: asOf.date.daysSinceEpoch - Int(random.uniform(1...60)))
                let bought = random.uniform(0...1) < 0.5 ? 1.0 : -1.0
                recentTrades.append(
                    RecentTrade(instrumentID: id, quantity: bought * lotSize, price: price * 0.97, date: day)
                )
            }
        }
        let held = positions.reduce(0) { total, position in
            total + position.quantity * (instruments.first { $0.id == position.instrumentID }?.price ?? 0)
        }
        var preferences = Preferences()
        if shape.withTaxes {
            preferences.considerTaxImplications = random.uniform(0...1) < 0.7
            preferences.shortTermTaxRate = 0.35
            preferences.longTermTaxRate = 0.15
        }
        preferences.transactionCostModel = random.uniform(0...1) < 0.7 ? random.uniform(0...0.003) : nil
        preferences.costHorizonYears = random.uniform(0...1) < 0.3 ? random.uniform(0.5...4) : nil
        let portfolio = Portfolio(
            baseCurrency: "USD",
            asOf: asOf,
            riskModelID: "model",
            cash: random.uniform(0...1) < 0.6 ? random.uniform(0...0.1) * held : 0,
            preferences: preferences,
            positions: positions.isEmpty
                ? [Position(instrumentID: ids[0], quantity: (value / instruments[0].price).rounded())] : positions,
            recentTrades: recentTrades
        )
        let means = (0..<count).map { _ in random.uniform(0.01...0.12) }
        moments = Moments(instruments: ids, expectedReturns: means, covariance: covariance, periodsPerYear: 252)
        snapshot = MandateSnapshot(
            portfolio: portfolio,
            riskModel: RiskModel(
                asOf: asOf,
                instruments: ids,
                periodsPerYear: 252,
                expectedReturns: means,
                covariance: covariance
            ),
            instruments: instruments,
            versions: SnapshotVersions(portfolio: 1, riskModelID: "model", riskModel: 1, instruments: 1)
        )
        request = Self.request(ids, shape, &random)
    }

    private static func covariance(_ count: Int, _ random: inout SeededGenerator) -> DenseMatrix {
        let factors = 3
        let loadings = (0..<count).map { _ in
            (0..<factors).map { $0 == 0 ? random.uniform(0.08...0.25) : random.uniform(-0.08...0.08) }
        }
        let specific = (0..<count).map { _ in random.uniform(0.05...0.3) }
        var covariance = DenseMatrix(rows: count, columns: count)
        for i in 0..<count {
            for j in 0..<count {
                var entry = i == j ? specific[i] * specific[i] : 0
                for f in 0..<factors { entry += loadings[i][f] * loadings[j][f] }
                covariance[i, j] = entry
            }
        }
        return covariance
    }

    private static func instrument(
        _ id: String,
        _ price: Double,
        _ lotSize: Double?,
        _ value: Double,
        _ shape: Shape,
        _ random: inout SeededGenerator
    ) -> Instrument {
        var cost: TransactionCost?
        if random.uniform(0...1) < 0.5 {
            cost = TransactionCost(
                proportional: random.uniform(0...0.002),
                fixed: shape.withFixedCosts && random.uniform(0...1) < 0.5 ? random.uniform(0...30) : 0,
                impact: shape.withImpact ? random.uniform(0...0.1) : 0,
                averageDailyValue: value * random.uniform(1...20)
            )
        }
        return Instrument(
            id: id,
            sector: random.uniform(0...1) < 0.8 ? "S\(Int(random.uniform(0...2.99)))" : nil,
            price: price,
            lotSize: lotSize,
            cost: cost
        )
    }

    private static func lots(
        _ quantity: Double,
        _ price: Double,
        _ today: CalendarDate,
        _ random: inout SeededGenerator
    ) -> [TaxLot] {
        let count = 1 + Int(random.uniform(0...2.99))
        var left = quantity
        var lots: [TaxLot] = []
        for index in 0..<count {
            let units = index == count - 1 ? left : (left * random.uniform(0.2...0.6)).rounded(.down)
            guard units > 0 else { continue }
            left -= units
            let age = Int(random.uniform(0...1) < 0.15 ? random.uniform(1...29) : random.uniform(31...1500))
            lots.append(
                TaxLot(
                    quantity: units,
                    costBasis: price * random.uniform(0.5...1.4),
                    acquiredAt: CalendarDate(daysSinceEpoch: today.daysSinceEpoch - age)
                )
            )
        }
        return lots
    }

    private static func request(_ ids: [String], _ shape: Shape, _ random: inout SeededGenerator) -> RebalanceRequest {
        var weights = ids.map { _ in random.uniform(0...1) < 0.8 ? random.uniform(0.2...1) : 0 }
        if weights.allSatisfy({ $0 == 0 }) { weights[0] = 1 }
        let total = weights.reduce(0, +)
        var target: [String: Double] = [:]
        for (id, weight) in zip(ids, weights) where weight > 0 { target[id] = weight / total }
        var request = RebalanceRequest(portfolioID: "book", target: .custom, targetAllocation: target)
        request.wholeLots = shape.wholeLots
        if shape.withTaxes, random.uniform(0...1) < 0.3 {
            request.taxLotMethod = [.fifo, .lifo, .hifo, .minTax][Int(random.uniform(0...3.99))]
        }
        // Cash may stay: a plan that may do nothing always exists unless other limits forbid what is held.
        request.constraints.maxCash = 1
        if shape.withTrading {
            if random.uniform(0...1) < 0.4 { request.constraints.maxTurnover = random.uniform(0.02...0.4) }
            if random.uniform(0...1) < 0.4 { request.maxTrades = Int(random.uniform(1...Double(ids.count))) }
            if random.uniform(0...1) < 0.4 { request.minTradeSize = random.uniform(500...50_000) }
        }
        if shape.withLimits {
            if random.uniform(0...1) < 0.3 { request.constraints.minCash = random.uniform(0...0.02) }
            if random.uniform(0...1) < 0.3 { request.constraints.maxPositionSize = random.uniform(0.3...1) }
            if random.uniform(0...1) < 0.3 { request.constraints.maxSectorExposure = random.uniform(0.5...1) }
            if random.uniform(0...1) < 0.2 { request.constraints.targetVolatility = random.uniform(0.15...0.3) }
        }
        return request
    }
}
