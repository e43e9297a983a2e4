internal import PortfolioModel

/// The tax of selling so many units of a holding, wash sales counted, without listing the lots each time.
///
/// It is that of ``soldLots(of:selling:method:circumstances:)`` for any quantity; what does not depend on the quantity is
/// worked out once, because a search asks for thousands of quantities.
struct SaleTaxCurve: Sendable {
    private struct Lot {
        var quantity: Double
        /// Gain of one unit.
        var gain: Double
        var rate: Double
        /// Which of the days of replacement purchases it was bought on; −1 for none.
        var day: Int
    }

    /// The order of the method; for the least tax the one that leaves losses for another day besides.
    private let orders: [[Lot]]
    /// Units bought on each day of replacement purchases.
    private let replacements: [Double]

    init(lots: [TaxLot], method: TaxLotMethod, circumstances: SaleCircumstances) {
        let purchases = replacementPurchases(lots: lots, circumstances: circumstances)
        replacements = purchases.map(\.units)
        let days = Dictionary(purchases.enumerated().map { ($1.date, $0) }, uniquingKeysWith: { $1 })
        orders = saleOrders(of: lots, method: method, circumstances).map { order in
            order.map { lot in
                Lot(
                    quantity: lot.quantity,
                    gain: circumstances.price - lot.costBasis,
                    rate: circumstances.rate(circumstances.term(of: lot)),
                    day: days[lot.acquiredAt] ?? -1
                )
            }
        }
    }

    /// The tax in money; a loss that counts makes it less.
    func tax(selling units: Double) -> Double {
        guard let first = orders.first, units > 0 else { return 0 }
        let usual = tax(first, units)
        guard usual.isWashed, let sparing = orders.dropFirst().first else { return usual.tax }
        return min(usual.tax, tax(sparing, units).tax)
    }

    private func tax(_ order: [Lot], _ units: Double) -> (tax: Double, isWashed: Bool) {
        var left = replacementsLeft(order, units)
        var remaining = units
        var tax = 0.0
        var isWashed = false
        for lot in order {
            guard remaining > 0 else { break }
            let taken = Self.taken(of: lot.quantity, &remaining, units)
            var counted = taken
            if lot.gain < 0, left > 0 {
                let replaced = min(taken, left)
                left -= replaced
                counted -= replaced
                isWashed = true
            }
            tax += lot.rate * lot.gain * counted
        }
        return (tax, isWashed)
    }

    /// Units bought within the window that are not sold themselves.
    private func replacementsLeft(_ order: [Lot], _ units: Double) -> Double {
        var left = 0.0
        for day in replacements.indices {
            var given = 0.0
            var remaining = units
            for lot in order {
                guard remaining > 0 else { break }
                let taken = Self.taken(of: lot.quantity, &remaining, units)
                if lot.day == day { given += taken }
            }
            left += max(0, replacements[day] - given)
        }
        return left
    }

    private static func taken(of quantity: Double, _ remaining: inout Double, _ units: Double) -> Double {
        let taken = min(quantity, remaining)
        remaining -= taken
        if remaining < saleRounding * units { remaining = 0 }
        return taken
    }
}
