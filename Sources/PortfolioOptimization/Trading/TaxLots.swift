public import PortfolioModel

/// Which lots of a holding a sale consumes first.
public enum TaxLotMethod: Equatable, Sendable {
    /// The oldest first.
    case fifo
    /// The newest first.
    case lifo
    /// The dearest first: the least gain before rates.
    case hifo
    /// The lots whose sale is taxed least first.
    case minimumTax
    /// The lots of these days first, in this order; the rest the dearest first.
    case specific([CalendarDate])
}

/// What a sale's tax follows from: the price, the day, the rates, and purchases that spoil a loss.
public struct SaleCircumstances: Sendable {
    /// Price of one unit sold.
    public var price: Double
    /// The day of the sale.
    public var date: CalendarDate
    /// Tax rate on gains of lots held up to a year.
    public var shortTermRate: Double
    /// Tax rate on gains of lots held longer.
    public var longTermRate: Double
    /// Purchases of the instrument that the caller knows of, of any day.
    public var purchases: [RecentTrade]

    /// Makes the circumstances of one sale; rates and purchases may be unknown.
    public init(
        price: Double,
        date: CalendarDate,
        shortTermRate: Double = 0,
        longTermRate: Double = 0,
        purchases: [RecentTrade] = []
    ) {
        self.price = price
        self.date = date
        self.shortTermRate = shortTermRate
        self.longTermRate = longTermRate
        self.purchases = purchases
    }

    /// What a sale of an instrument meets on the day of a portfolio.
    ///
    /// - Parameters:
    ///   - instrument: what is sold.
    ///   - portfolio: whose day it is.
    ///   - preferences: the tax rates; 0 where they are not given.
    ///   - purchases: the recent trades in the instrument.
    init(of instrument: Instrument, on portfolio: Portfolio, _ preferences: Preferences, purchases: [RecentTrade]) {
        self.init(
            price: instrument.price,
            date: portfolio.asOf.date,
            shortTermRate: preferences.shortTermTaxRate ?? 0,
            longTermRate: preferences.longTermTaxRate ?? 0,
            purchases: purchases
        )
    }

    /// Long-term is a lot held for more than a year: sold after the anniversary of its purchase.
    func term(of lot: TaxLot) -> SoldLot.Term { date > lot.acquiredAt.anniversary ? .long : .short }

    func rate(_ term: SoldLot.Term) -> Double {
        switch term {
        case .short: shortTermRate
        case .long: longTermRate
        }
    }

    /// Tax on what was sold, in money: Σ rate · gain, a loss negative at its own rate, a disallowed loss left out.
    public func tax(on sold: [SoldLot]) -> Double {
        sold.reduce(0) { $0 + rate($1.term) * ($1.gain + $1.disallowedLoss) }
    }
}

/// Chooses the lots that a sale consumes, and what of their losses counts.
///
/// For `minimumTax` the choice is exact without wash sales: tax is linear in the units sold of each lot, so the lots
/// are taken in the order of their tax per unit. Where the wash-sale rule spoils losses, the order that ignores the
/// rule and the one that values losses at nothing are both tried, and the lesser tax wins.
///
/// - Parameters:
///   - lots: the lots of the holding; empty means unknown and answers nothing.
///   - quantity: units to sell; when it is all the lots hold, each is consumed whole.
///   - method: which lots go first.
///   - circumstances: price, day, rates, recent purchases.
/// - Returns: the lots or parts of lots in the order consumed; their quantities sum to `quantity`.
/// - Complexity: O(k log k) for k lots.
public func soldLots(
    of lots: [TaxLot],
    selling quantity: Double,
    method: TaxLotMethod,
    circumstances: SaleCircumstances
) -> [SoldLot] {
    guard !lots.isEmpty, quantity > 0 else { return [] }
    func sale(in order: [TaxLot]) -> [SoldLot] {
        withWashSales(consume(order, quantity, circumstances), lots: lots, circumstances: circumstances)
    }
    let orders = saleOrders(of: lots, method: method, circumstances)
    let usual = sale(in: orders[0])
    guard orders.count > 1, usual.contains(where: { $0.disallowedLoss > 0 }) else { return usual }
    let sparing = sale(in: orders[1])
    return circumstances.tax(on: sparing) < circumstances.tax(on: usual) ? sparing : usual
}

/// The orders in which a method may consume lots: one, and for the least tax a second, which leaves losses for another
/// day, to be taken where the wash-sale rule spoils a loss of the first.
func saleOrders(of lots: [TaxLot], method: TaxLotMethod, _ circumstances: SaleCircumstances) -> [[TaxLot]] {
    let usual = saleOrder(of: lots, method: method, circumstances)
    guard method == .minimumTax else { return [usual] }
    func taxPerUnit(_ lot: TaxLot) -> Double {
        circumstances.rate(circumstances.term(of: lot)) * (circumstances.price - lot.costBasis)
    }
    let sparing = sorted(lots) { left, right in
        let (leftTax, rightTax) = (max(0, taxPerUnit(left)), max(0, taxPerUnit(right)))
        // Among lots that cost no tax the least loss goes first: a loss kept can count another day.
        return leftTax == rightTax ? left.costBasis < right.costBasis : leftTax < rightTax
    }
    return [usual, sparing]
}

/// The order in which a method consumes lots when every loss counts.
func saleOrder(of lots: [TaxLot], method: TaxLotMethod, _ circumstances: SaleCircumstances) -> [TaxLot] {
    func taxPerUnit(_ lot: TaxLot) -> Double {
        circumstances.rate(circumstances.term(of: lot)) * (circumstances.price - lot.costBasis)
    }
    switch method {
    case .fifo: return sorted(lots) { $0.acquiredAt < $1.acquiredAt }
    case .lifo: return sorted(lots) { $0.acquiredAt > $1.acquiredAt }
    case .hifo: return sorted(lots, by: dearerFirst)
    case .specific(let days):
        let ranks = Dictionary(days.enumerated().map { ($1, $0) }, uniquingKeysWith: min)
        return sorted(lots) { left, right in
            let (leftRank, rightRank) = (ranks[left.acquiredAt] ?? days.count, ranks[right.acquiredAt] ?? days.count)
            return leftRank == rightRank ? dearerFirst(left, right) : leftRank < rightRank
        }
    case .minimumTax:
        return sorted(lots) { left, right in
            let (leftTax, rightTax) = (taxPerUnit(left), taxPerUnit(right))
            return leftTax == rightTax ? dearerFirst(left, right) : leftTax < rightTax
        }
    }
}

/// Highest cost first; of equal costs the older lot, which is the more likely to be long-term.
private func dearerFirst(_ left: TaxLot, _ right: TaxLot) -> Bool {
    left.costBasis == right.costBasis ? left.acquiredAt < right.acquiredAt : left.costBasis > right.costBasis
}

/// Sorts lots, equal ones in their given order, so that the same lots always give the same sale.
private func sorted(_ lots: [TaxLot], by goesFirst: (TaxLot, TaxLot) -> Bool) -> [TaxLot] {
    lots.enumerated().sorted { left, right in
        if goesFirst(left.element, right.element) { return true }
        return goesFirst(right.element, left.element) ? false : left.offset < right.offset
    }.map(\.element)
}

/// A share of a sale that is a rounding of nothing.
let saleRounding = 1e-12

private func consume(_ order: [TaxLot], _ quantity: Double, _ circumstances: SaleCircumstances) -> [SoldLot] {
    var remaining = quantity
    var sold: [SoldLot] = []
    for lot in order where remaining > 0 {
        let taken = min(lot.quantity, remaining)
        remaining -= taken
        // What subtraction leaves of a whole number of units is rounding, not a part of another lot.
        if remaining < saleRounding * quantity { remaining = 0 }
        sold.append(
            SoldLot(
                acquiredAt: lot.acquiredAt,
                quantity: taken,
                costBasis: lot.costBasis,
                gain: (circumstances.price - lot.costBasis) * taken,
                term: circumstances.term(of: lot)
            )
        )
    }
    return sold
}
