internal import PortfolioModel

/// Checks the lots a trade consumes: they were held, their gains, terms and washed losses are right, and they are those
/// the mandate's method picks.
///
/// - Returns: the tax of the trade in money, recomputed.
func checkTaxLots(
    of trade: Trade,
    _ claim: String,
    _ mandate: Mandate,
    order: LotOrderRule? = nil,
    _ findings: inout Findings
) -> Double {
    let lots = mandate.snapshot.portfolio.positions.filter { $0.instrumentID == trade.instrumentID }.flatMap(\.taxLots)
    guard trade.action == .sell, !lots.isEmpty else {
        findings.require(
            trade.taxLots.isEmpty,
            "\(claim)/tax_lots",
            expected: "none",
            actual: "\(trade.taxLots.count) lots"
        )
        return 0
    }
    let sale = LotSale(trade: trade, lots: lots, mandate: mandate)
    var total = 0.0
    var tax = 0.0
    for (index, sold) in trade.taxLots.enumerated() {
        let path = "\(claim)/tax_lots/\(index)"
        let term = sale.term(acquiredAt: sold.acquiredAt)
        let gain = sold.quantity * trade.price - sold.quantity * sold.costBasis
        let rounding = Tolerance.relative * sold.quantity * max(trade.price, sold.costBasis)
        findings.require(sold.quantity > 0, "\(path)/quantity", expected: "positive", actual: "\(sold.quantity)")
        findings.require(sold.term == term, "\(path)/term", expected: term.rawValue, actual: sold.term.rawValue)
        findings.equal(sold.gain, gain, "\(path)/gain", within: rounding)
        total += sold.quantity
        tax += sale.rate(term) * (gain + sold.disallowedLoss)
    }
    let available = lots.reduce(0) { $0 + $1.quantity }
    findings.equal(total, min(trade.quantity, available), "\(claim)/tax_lots")
    sale.checkHeld(claim, &findings)
    sale.checkWashedLosses(claim, &findings)
    switch order ?? (mandate.preferences.considerTaxImplications == true ? .leastTax : .dearest) {
    case .leastTax: sale.checkLeastTax(claim, tax: tax, &findings)
    case let order: sale.checkOrder(order, claim, &findings)
    }
    return tax
}

/// Long-term from the day after the anniversary of the purchase on.
func lotTerm(acquiredAt day: CalendarDate, soldOn today: CalendarDate) -> SoldLot.Term {
    let inCommonYear = CalendarDate(year: day.year + 1, month: day.month, day: min(day.day, 28))
    let anniversary = CalendarDate(year: day.year + 1, month: day.month, day: day.day) ?? inCommonYear
    guard let anniversary else { return .short }
    return today.daysSinceEpoch > anniversary.daysSinceEpoch ? .long : .short
}

/// Which lots a mandate sells first.
enum LotOrderRule {
    case oldest, newest, dearest, leastTax
    /// The lots of these days in this order, then the dearest.
    case days([CalendarDate])
}

/// A sale and the lots of its instrument.
private struct LotSale {
    let trade: Trade
    let lots: [TaxLot]
    let mandate: Mandate

    private var today: CalendarDate { mandate.snapshot.portfolio.asOf.date }

    func term(acquiredAt day: CalendarDate) -> SoldLot.Term { lotTerm(acquiredAt: day, soldOn: today) }

    func rate(_ term: SoldLot.Term) -> Double {
        (term == .long ? mandate.preferences.longTermTaxRate : mandate.preferences.shortTermTaxRate) ?? 0
    }

    /// A lot is known by its day and its cost.
    private struct Key: Hashable {
        let day: CalendarDate
        let cost: Double
    }

    private var soldByLot: [Key: Double] {
        trade.taxLots.reduce(into: [:]) { $0[Key(day: $1.acquiredAt, cost: $1.costBasis), default: 0] += $1.quantity }
    }

    private var heldByLot: [Key: Double] {
        lots.reduce(into: [:]) { $0[Key(day: $1.acquiredAt, cost: $1.costBasis), default: 0] += $1.quantity }
    }

    func checkHeld(_ claim: String, _ findings: inout Findings) {
        let held = heldByLot
        for (lot, quantity) in soldByLot {
            let available = held[lot] ?? 0
            findings.require(
                quantity <= available * (1 + Tolerance.relative),
                "\(claim)/tax_lots of \(lot.day)",
                expected: "at most \(available) units held at \(lot.cost)",
                actual: "\(quantity)"
            )
        }
    }

    /// Units bought within 30 days of the sale and kept: each disallows the loss of one unit sold.
    private var replacements: Double { replacements(keeping: trade.taxLots) }

    private func replacements(keeping sale: [SoldLot]) -> Double {
        let first = today.daysSinceEpoch - 30
        var total = 0.0
        for day in first...(first + 60) {
            let date = CalendarDate(daysSinceEpoch: day)
            var (inLots, inTrades, leaving) = (0.0, 0.0, 0.0)
            for lot in lots where lot.acquiredAt == date { inLots += lot.quantity }
            for past in mandate.snapshot.portfolio.recentTrades
            where past.instrumentID == trade.instrumentID && past.date == date && past.quantity > 0 {
                inTrades += past.quantity
            }
            for sold in sale where sold.acquiredAt == date { leaving += sold.quantity }
            total += max(0, max(inLots, inTrades) - leaving)
        }
        return total
    }

    func checkWashedLosses(_ claim: String, _ findings: inout Findings) {
        var left = trade.taxLots.contains { $0.costBasis > trade.price } ? replacements : 0
        for (index, sold) in trade.taxLots.enumerated() {
            var disallowed = 0.0
            if sold.costBasis > trade.price, left > 0 {
                let units = min(left, sold.quantity)
                disallowed = units * (sold.costBasis - trade.price)
                left -= units
            }
            let rounding = Tolerance.relative * sold.quantity * sold.costBasis
            let path = "\(claim)/tax_lots/\(index)/disallowed_loss"
            findings.equal(sold.disallowedLoss, disallowed, path, within: rounding)
        }
    }

    /// No lot is touched while one that goes before it is not used up.
    func checkOrder(_ order: LotOrderRule, _ claim: String, _ findings: inout Findings) {
        let sold = soldByLot
        let kept = heldByLot.filter { $0.value - (sold[$0.key] ?? 0) > Tolerance.relative * $0.value }
        for lot in sold.keys {
            if let first = kept.keys.first(where: { $0 != lot && goesBefore($0, lot, order) }) {
                findings.require(
                    false,
                    "\(claim)/tax_lots",
                    expected: "the lot of \(first.day) at \(first.cost) used up first",
                    actual: "the lot of \(lot.day) at \(lot.cost)"
                )
                return
            }
        }
    }

    private func goesBefore(_ left: Key, _ right: Key, _ order: LotOrderRule) -> Bool {
        switch order {
        case .oldest: return left.day < right.day
        case .newest: return left.day > right.day
        case .dearest, .leastTax: return left.cost > right.cost
        case .days(let days):
            func rank(_ lot: Key) -> Int { days.firstIndex(of: lot.day) ?? days.count }
            return rank(left) == rank(right) ? left.cost > right.cost : rank(left) < rank(right)
        }
    }

    /// With taxes in mind no other choice of lots is taxed less.
    func checkLeastTax(_ claim: String, tax: Double, _ findings: inout Findings) {
        // Where purchases may spoil losses, the lots taxed least may not be those of the least tax by lot.
        let mayWash = lots.contains { $0.costBasis > trade.price } && replacements(keeping: []) > 0
        guard !mayWash else { return }
        let scale = trade.quantity * max(trade.price, lots.map(\.costBasis).max() ?? 0)
        findings.require(
            tax <= leastTax + Tolerance.relative * scale,
            "\(claim)/tax_lots",
            expected: "the lots taxed least, for \(leastTax)",
            actual: "\(tax)"
        )
    }

    /// The least tax of selling the quantity when every loss counts.
    private var leastTax: Double {
        let offers = lots.map { lot in
            (perUnit: rate(term(acquiredAt: lot.acquiredAt)) * (trade.price - lot.costBasis), units: lot.quantity)
        }
        var (remaining, tax) = (trade.quantity, 0.0)
        for offer in offers.sorted(by: { $0.perUnit < $1.perUnit }) {
            let units = min(remaining, offer.units)
            tax += units * offer.perUnit
            remaining -= units
        }
        return tax
    }
}
