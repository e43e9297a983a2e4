internal import PortfolioModel

/// Replays the trades on the holdings: each is what it says, cash lasts, and they lead to the target.
func checkTrades(of result: OptimizationResult, _ mandate: Mandate, _ findings: inout Findings) {
    var held = mandate.held
    var traded: Set<String> = []
    var cost = 0.0
    var tax = 0.0
    for (index, trade) in result.trades.enumerated() {
        let claim = "trades/\(index)"
        guard let instrument = mandate.instruments[trade.instrumentID] else {
            findings.require(false, claim, expected: "an instrument of the snapshot", actual: trade.instrumentID)
            continue
        }
        let isNew = traded.insert(trade.instrumentID).inserted
        findings.require(isNew, claim, expected: "one trade an instrument", actual: "another in \(trade.instrumentID)")
        findings.require(
            trade.priority == index + 1,
            "\(claim)/priority",
            expected: "\(index + 1)",
            actual: "\(trade.priority)"
        )
        let holding = held[trade.instrumentID] ?? 0
        checkFigures(of: trade, claim, instrument, mandate, &findings)
        checkQuantity(of: trade, claim, instrument, holding: holding, mayBeShort: mandate.permitsShorts, &findings)
        held[trade.instrumentID] = holding + (trade.action == .buy ? trade.quantity : -trade.quantity)
        cost += trade.cost
        tax += checkTaxLots(of: trade, claim, mandate, &findings)
    }
    findings.equal(result.metrics.transactionCosts, cost, "metrics/transaction_costs")
    findings.equal(result.metrics.tax, tax, "metrics/tax", within: Tolerance.relative * taxScale(result))
    checkReach(of: result, held: held, mandate, &findings)
    checkCash(of: result, held: held, mandate, &findings)
}

/// The money that gains and losses of a plan turn over: what a tax that nearly cancels is rounded against.
private func taxScale(_ result: OptimizationResult) -> Double {
    result.trades.reduce(0) { $0 + $1.taxLots.reduce(0) { $0 + abs($1.gain) } }
}

func checkFigures(
    of trade: Trade,
    _ claim: String,
    _ instrument: Instrument,
    _ mandate: Mandate,
    _ findings: inout Findings
) {
    let value = trade.quantity * instrument.price
    findings.equal(trade.price, instrument.price, "\(claim)/price")
    findings.equal(trade.estimatedValue, value, "\(claim)/estimated_value")
    let change = (trade.action == .sell ? -1 : 1) * value / mandate.value
    findings.equal(trade.weightChange, change, "\(claim)/weight_change")
    findings.equal(trade.cost, orderCost(of: instrument, value: value, mandate), "\(claim)/cost")
}

/// proportional·v + fixed + impact·v·√(v / average daily value), or the request's rate.
func orderCost(of instrument: Instrument, value: Double, _ mandate: Mandate) -> Double {
    guard value > 0 else { return 0 }
    guard let schedule = instrument.cost else { return value * (mandate.preferences.transactionCostModel ?? 0) }
    var total = schedule.fixed + schedule.proportional * value
    if let daily = schedule.averageDailyValue, daily > 0 {
        total += schedule.impact * value * (value / daily).squareRoot()
    }
    return total
}

func checkQuantity(
    of trade: Trade,
    _ claim: String,
    _ instrument: Instrument,
    holding: Double,
    wholeLots: Bool = true,
    mayBeShort: Bool = false,
    _ findings: inout Findings
) {
    let quantity = trade.quantity
    findings.require(
        quantity > 0 && quantity.isFinite,
        "\(claim)/quantity",
        expected: "a positive quantity",
        actual: "\(quantity)"
    )
    if trade.action == .sell, !mayBeShort {
        findings.require(
            quantity <= holding,
            "\(claim)/quantity",
            expected: "at most the holding of \(holding)",
            actual: "\(quantity)"
        )
    }
    let closes = quantity == (trade.action == .sell ? holding : -holding)
    if wholeLots, let lotSize = instrument.lotSize, !closes {
        let lots = quantity / lotSize
        findings.require(
            abs(lots - lots.rounded()) <= Tolerance.relative * max(1, lots),
            "\(claim)/quantity",
            expected: "whole lots of \(lotSize)",
            actual: "\(quantity)"
        )
    }
}

/// After the trades each holding lies within one lot of its target, and what is wanted no more is gone.
private func checkReach(
    of result: OptimizationResult,
    held: [String: Double],
    _ mandate: Mandate,
    _ findings: inout Findings
) {
    for id in Set(held.keys).union(result.targetAllocation.keys).sorted() where id != "cash" {
        guard let instrument = mandate.instruments[id] else { continue }
        let wanted = (result.targetAllocation[id] ?? 0) * mandate.value / instrument.price
        let reached = held[id] ?? 0
        let rounding = Tolerance.fractionalTrade * mandate.value / instrument.price
        let allowed = wanted == 0 ? 0 : (instrument.lotSize ?? 0) + rounding
        findings.require(
            (reached >= 0 || mandate.permitsShorts) && abs(reached - wanted) <= allowed,
            "trades in \(id)",
            expected: "\(wanted) units, to \(allowed)",
            actual: "\(reached)"
        )
    }
}

/// Cash never turns negative along the priorities, costs included; where even the lowest rounding cannot pay the costs,
/// the result says so, and cash before costs never does.
private func checkCash(
    of result: OptimizationResult,
    held: [String: Double],
    _ mandate: Mandate,
    _ findings: inout Findings
) {
    let tolerance = -Tolerance.cash * mandate.value
    var (before, after) = (mandate.snapshot.portfolio.cash, mandate.snapshot.portfolio.cash)
    var (lowestBefore, lowestAfter) = (before, after)
    for trade in result.trades {
        let flow = (trade.action == .sell ? 1 : -1) * trade.quantity * trade.price
        before += flow
        after += flow - trade.cost
        lowestBefore = min(lowestBefore, before)
        lowestAfter = min(lowestAfter, after)
    }
    findings.require(
        lowestBefore >= tolerance,
        "cash along the trades",
        expected: "never negative",
        actual: "\(lowestBefore)"
    )
    let admitted = result.warnings.contains { $0.code == "costs_not_funded" }
    if lowestAfter >= tolerance {
        let isHonest = !admitted || after < 0
        findings.require(isHonest, "warnings", expected: "no costs_not_funded", actual: "costs_not_funded")
        return
    }
    findings.require(
        admitted,
        "cash along the trades after costs",
        expected: "never negative, or the warning costs_not_funded",
        actual: "\(lowestAfter)"
    )
    for (id, reached) in held.sorted(by: { $0.key < $1.key }) {
        guard let instrument = mandate.instruments[id], let lotSize = instrument.lotSize else { continue }
        let target = result.targetAllocation[id] ?? 0
        let excess = reached - target * mandate.value / instrument.price
        let lot = lotSize * instrument.price
        let couldPay =
            target != 0 && excess > Tolerance.relative * lotSize
            && lot > 2 * orderCost(of: instrument, value: lot, mandate)
        findings.require(
            !couldPay,
            "trades in \(id)",
            expected: "rounded down, since costs are not paid",
            actual: "\(excess) units above the target"
        )
    }
}
