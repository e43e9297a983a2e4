internal import PortfolioModel

/// An instrument on its way from what is held to what is wanted, in whole lots.
struct LotOrder {
    let instrument: Instrument
    /// Units held.
    let held: Double
    /// Units the exact target asks for.
    let wanted: Double
    /// Signed whole lots; unused without a lot size.
    private var lots: Double = 0
    /// Units to trade: positive buys, negative sells.
    private(set) var change: Double = 0

    /// Rounds to the lot nearest to the target.
    ///
    /// A target of 0 closes the position, an odd lot included; so does a rounding that would end beyond 0.
    /// Fractional instruments trade exactly, changes below `dust` units not at all.
    init(_ instrument: Instrument, held: Double, wanted: Double, dust: Double) {
        self.instrument = instrument
        self.held = held
        self.wanted = wanted
        if wanted == 0 {
            change = -held
        } else if let lotSize = instrument.lotSize, lotSize > 0 {
            lots = ((wanted - held) / lotSize).rounded()
            change = change(lots: lots, lotSize: lotSize)
        } else if abs(wanted - held) > dust {
            change = wanted - held
        }
    }

    /// Units held after the trade beyond those wanted; negative when they are fewer, or more of them short.
    var excess: Double { held + change - wanted }

    /// The order with one lot less bought, or one more sold, where that is still within one lot of the target.
    var lowered: LotOrder? {
        guard wanted != 0, excess > 0, let lotSize = instrument.lotSize, lotSize > 0 else { return nil }
        var lower = self
        lower.lots -= 1
        lower.change = lower.change(lots: lower.lots, lotSize: lotSize)
        return lower
    }

    /// What the order takes from cash, costs left out.
    var outlay: Double { change * instrument.price }

    /// What the order costs.
    func cost(_ preferences: Preferences) -> Double {
        instrument.tradingCost(ofTrading: abs(outlay), preferences: preferences)
    }

    /// A change by lots; what would end on the other side of 0 than is wanted ends at 0.
    private func change(lots: Double, lotSize: Double) -> Double {
        let change = lots * lotSize
        return (held + change) * (wanted > 0 ? 1 : -1) <= 0 ? -held : change
    }
}

/// Lowers orders by a lot, the least loss of exactness first, until cash is not negative.
///
/// Cash before costs can always be had: with every order at or below its target, no more is bought than the target
/// buys. Costs are not taken from the weights, so paying them too is attempted within one lot, and may fail.
///
/// - Returns: cash after all trades and their costs.
func lowerUntilFunded(
    _ orders: inout [LotOrder],
    cash: Double,
    preferences: Preferences,
    tolerance: Double
) -> Double {
    var beforeCosts = orders.reduce(cash) { $0 - $1.outlay }
    var afterCosts = orders.reduce(beforeCosts) { $0 - $1.cost(preferences) }
    guard min(beforeCosts, afterCosts) < -tolerance else { return afterCosts }
    var candidates: [(index: Int, lowered: LotOrder, loss: Double)] = []
    for (index, order) in orders.enumerated() {
        guard let lowered = order.lowered else { continue }
        let loss = (abs(lowered.excess) - abs(order.excess)) * order.instrument.price
        candidates.append((index, lowered, loss))
    }
    candidates.sort { ($0.loss, $0.index) < ($1.loss, $1.index) }
    for candidate in candidates {
        guard min(beforeCosts, afterCosts) < -tolerance else { break }
        let order = orders[candidate.index]
        let freed = order.outlay - candidate.lowered.outlay
        let freedNet = freed + order.cost(preferences) - candidate.lowered.cost(preferences)
        // An order whose fixed cost exceeds its lot brings nothing; it is lowered only where the target itself asks.
        guard beforeCosts < -tolerance || freedNet > 0 else { continue }
        orders[candidate.index] = candidate.lowered
        beforeCosts += freed
        afterCosts += freedNet
    }
    return afterCosts
}
