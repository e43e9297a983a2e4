public import PortfolioModel

/// The trades that lead from the holdings to a target, and what the caller should know about them.
public struct TradePlan: Equatable, Sendable {
    /// The trades in priority order.
    public var trades: [Trade]
    /// Money that the sales cause in tax; negative for losses.
    public var tax: Double
    /// `costs_not_funded` when no rounding within one lot leaves the cash to pay the costs.
    public var warnings: [ResultWarning]

    /// Money that the trades cost.
    public var transactionCosts: Double { trades.reduce(0) { $0 + $1.cost } }

    /// Makes a plan of its parts.
    public init(trades: [Trade], tax: Double, warnings: [ResultWarning]) {
        self.trades = trades
        self.tax = tax
        self.warnings = warnings
    }
}

/// Shares of the portfolio's value below which money is rounding and a fractional trade is not worth listing.
private let cashTolerance = 1e-10
private let dustWeight = 1e-9

/// Plans whole-lot trades from the current holdings to within one lot of target weights.
///
/// Each instrument is rounded to the lot nearest to its target; where cash would turn negative, sells are rounded up
/// and buys down, the least loss of exactness first. A sale never exceeds the holding; a target of 0 sells all of it,
/// odd lots included. Along the priorities cash never turns negative, costs included, unless even the lowest rounding
/// cannot pay the costs (the weights do not pay them): then the plan warns, and it is cash before costs that never
/// does.
///
/// - Parameters:
///   - targetWeights: fractions of the value before trading, by instrument; `cash` and zeros may be left out.
///   - snapshot: the holdings, prices, lots and recent trades.
///   - preferences: those in force: cost rate, tax rates, whether taxes decide which lots are sold.
/// - Returns: the trades, each with its cost and the tax lots it consumes.
/// - Throws: an ``OptimizationFailure`` with code `invalid_inputs` when an instrument is unknown or worthless.
public func planTrades(
    toward targetWeights: [String: Double],
    snapshot: MandateSnapshot,
    preferences: Preferences
) throws(OptimizationFailure) -> TradePlan {
    let holdings = try Holdings(snapshot)
    let wanted = Set(targetWeights.filter { $0.key != "cash" && $0.value != 0 }.keys)
    var orders: [LotOrder] = []
    // In the order of the ids, because a dictionary's order differs between runs and results must not.
    for id in wanted.union(holdings.quantities.keys).sorted() {
        guard let instrument = holdings.instruments[id], instrument.price > 0 else {
            throw Holdings.invalid("the target holds \(id), which has no price in the snapshot")
        }
        let units = (targetWeights[id] ?? 0) * holdings.value / instrument.price
        let dust = dustWeight * holdings.value / instrument.price
        orders.append(LotOrder(instrument, held: holdings.quantities[id] ?? 0, wanted: units, dust: dust))
    }
    let tolerance = cashTolerance * holdings.value
    let cashAfter = lowerUntilFunded(&orders, cash: holdings.cash, preferences: preferences, tolerance: tolerance)
    let isFunded = cashAfter >= -tolerance

    orders.removeAll { $0.change == 0 }
    let sequence = priorityOrder(
        orders.map { -$0.outlay - (isFunded ? $0.cost(preferences) : 0) },
        benefits: orders.map { abs($0.outlay) },
        cash: holdings.cash + tolerance
    )
    var plan = TradePlan(trades: [], tax: 0, warnings: [])
    for (rank, index) in sequence.enumerated() {
        let (trade, tax) = listed(orders[index], rank + 1, snapshot.portfolio, holdings.value, preferences)
        plan.trades.append(trade)
        plan.tax += tax
    }
    if !isFunded {
        plan.warnings.append(
            ResultWarning(
                code: "costs_not_funded",
                message: "no rounding of the trades within one lot leaves enough cash to pay their costs; "
                    + "hold some with min_cash"
            )
        )
    }
    return plan
}

/// Orders trades by benefit, a purchase only where the cash is there by then.
///
/// - Parameters:
///   - proceeds: what each trade adds to cash; negative for purchases.
///   - benefits: larger goes first; ties go to the smaller index.
///   - cash: cash at the start. With all proceeds added it is not negative, so a trade that can be paid always exists.
/// - Returns: indices in priority order.
func priorityOrder(_ proceeds: [Double], benefits: [Double], cash: Double) -> [Int] {
    var waiting = proceeds.indices.sorted { (-benefits[$0], $0) < (-benefits[$1], $1) }
    var sequence: [Int] = []
    var cash = cash
    while !waiting.isEmpty {
        // When rounding in the sums hides the payable trade, the one that adds most to cash does least harm.
        let next =
            waiting.firstIndex { cash + proceeds[$0] >= 0 }
            ?? waiting.indices.max { proceeds[waiting[$0]] < proceeds[waiting[$1]] } ?? 0
        let index = waiting.remove(at: next)
        cash += proceeds[index]
        sequence.append(index)
    }
    return sequence
}

private func listed(
    _ order: LotOrder,
    _ priority: Int,
    _ portfolio: Portfolio,
    _ portfolioValue: Double,
    _ preferences: Preferences
) -> (trade: Trade, tax: Double) {
    let instrument = order.instrument
    let quantity = abs(order.change)
    let value = quantity * instrument.price
    let isSale = order.change < 0
    let circumstances = SaleCircumstances(
        of: instrument,
        on: portfolio,
        preferences,
        purchases: portfolio.recentTrades.filter { $0.instrumentID == instrument.id }
    )
    var consumed: [SoldLot] = []
    if isSale {
        consumed = soldLots(
            of: portfolio.positions.filter { $0.instrumentID == instrument.id }.flatMap(\.taxLots),
            selling: quantity,
            method: preferences.considerTaxImplications == true ? .minimumTax : .hifo,
            circumstances: circumstances
        )
    }
    let trade = Trade(
        instrumentID: instrument.id,
        action: isSale ? .sell : .buy,
        quantity: quantity,
        price: instrument.price,
        estimatedValue: value,
        weightChange: (isSale ? -value : value) / portfolioValue,
        cost: order.cost(preferences),
        priority: priority,
        taxLots: consumed
    )
    return (trade, circumstances.tax(on: consumed))
}
