internal import PortfolioModel

/// Days before and after a sale in which a purchase of the same instrument disallows its loss (section 1091 of the tax code).
private let washSaleDays = 30

/// Marks the part of each loss that replacement purchases within 30 days disallow.
///
/// Every unit bought in the window, on a known trade or as a lot still held, and not itself sold here, disallows the
/// loss of one unit sold, in the order the lots were consumed. A lot and a trade of the same day are one purchase.
func withWashSales(_ sold: [SoldLot], lots: [TaxLot], circumstances: SaleCircumstances) -> [SoldLot] {
    guard sold.contains(where: { $0.gain < 0 }) else { return sold }
    var replacements = replacementUnits(sold: sold, lots: lots, circumstances: circumstances)
    guard replacements > 0 else { return sold }
    return sold.map { lot in
        guard lot.gain < 0, replacements > 0 else { return lot }
        var marked = lot
        let replaced = min(lot.quantity, replacements)
        replacements -= replaced
        marked.disallowedLoss = replaced == lot.quantity ? -lot.gain : -lot.gain * (replaced / lot.quantity)
        return marked
    }
}

private func replacementUnits(sold: [SoldLot], lots: [TaxLot], circumstances: SaleCircumstances) -> Double {
    replacementPurchases(lots: lots, circumstances: circumstances).reduce(0) { total, purchase in
        let given = sold.reduce(0) { $1.acquiredAt == purchase.date ? $0 + $1.quantity : $0 }
        return total + max(0, purchase.units - given)
    }
}

/// Units bought within the window around a sale, by day, the earliest first.
///
/// Sorted, because a sum of doubles depends on its order and a dictionary's order changes from run to run.
func replacementPurchases(lots: [TaxLot], circumstances: SaleCircumstances) -> [(date: CalendarDate, units: Double)] {
    let today = circumstances.date.daysSinceEpoch
    func isNear(_ date: CalendarDate) -> Bool { abs(date.daysSinceEpoch - today) <= washSaleDays }
    var held: [CalendarDate: Double] = [:]
    for lot in lots where isNear(lot.acquiredAt) { held[lot.acquiredAt, default: 0] += lot.quantity }
    var bought: [CalendarDate: Double] = [:]
    for trade in circumstances.purchases where trade.quantity > 0 && isNear(trade.date) {
        bought[trade.date, default: 0] += trade.quantity
    }
    return Set(held.keys).union(bought.keys).sorted().map { ($0, max(held[$0] ?? 0, bought[$0] ?? 0)) }
}

/// Whether a sale of these lots may find a loss disallowed.
func mayWash(lots: [TaxLot], circumstances: SaleCircumstances) -> Bool {
    guard lots.contains(where: { $0.costBasis > circumstances.price }) else { return false }
    return replacementUnits(sold: [], lots: lots, circumstances: circumstances) > 0
}
