internal import PortfolioModel

/// What a change of one holding costs in money and tax, and what of it the plan's objective is charged.
final class TradeCharge: Sendable {
    /// Price of one unit.
    let price: Double
    /// Money for each trade.
    let fixed: Double
    /// Share of the traded value.
    let proportional: Double
    /// Money of impact for v^(3/2) traded.
    let impact: Double
    /// What one unit of money costs the objective: 1 / (V · horizon); 0 where it leaves costs out.
    let costWeight: Double
    /// The same for tax.
    let taxWeight: Double
    /// Units sold up to the end of each lot, in the order of the method.
    let lotEnds: [Double]
    /// Tax of selling up to there when every loss counts.
    private let lotTaxes: [Double]
    /// What an exact tax is computed from where purchases may spoil losses.
    private let washable: SaleTaxCurve?

    /// Makes the charge of an instrument.
    init(
        _ instrument: Instrument,
        lots: [TaxLot],
        method: TaxLotMethod,
        circumstances: SaleCircumstances,
        preferences: Preferences,
        weights: (cost: Double, tax: Double)
    ) {
        price = instrument.price
        fixed = instrument.cost?.fixed ?? 0
        proportional =
            instrument.cost?.proportional ?? (instrument.cost == nil ? preferences.transactionCostModel ?? 0 : 0)
        let daily = instrument.cost?.averageDailyValue ?? 0
        impact = daily > 0 ? (instrument.cost?.impact ?? 0) / daily.squareRoot() : 0
        costWeight = weights.cost
        taxWeight = weights.tax
        var ends: [Double] = []
        var taxes: [Double] = []
        var (units, tax) = (0.0, 0.0)
        for lot in saleOrder(of: lots, method: method, circumstances) {
            units += lot.quantity
            tax += circumstances.rate(circumstances.term(of: lot)) * (price - lot.costBasis) * lot.quantity
            ends.append(units)
            taxes.append(tax)
        }
        lotEnds = ends
        lotTaxes = taxes
        let hasRates = circumstances.shortTermRate != 0 || circumstances.longTermRate != 0
        let canWash = hasRates && mayWash(lots: lots, circumstances: circumstances)
        washable = canWash ? SaleTaxCurve(lots: lots, method: method, circumstances: circumstances) : nil
    }

    /// Money that a change costs.
    func cost(_ change: Double) -> Double {
        guard change != 0 else { return 0 }
        let value = abs(change) * price
        return proportional * value + fixed + (impact == 0 ? 0 : impact * value * value.squareRoot())
    }

    /// The part of it that is market impact.
    func impactCost(_ change: Double) -> Double {
        guard impact != 0 else { return 0 }
        let value = abs(change) * price
        return impact * value * value.squareRoot()
    }

    /// Money of tax that a change causes, washed losses left out.
    func tax(_ change: Double) -> Double {
        guard change < 0, !lotEnds.isEmpty else { return 0 }
        return washable?.tax(selling: -change) ?? leastTax(change)
    }

    /// The tax of a change if every loss counted: never more than the true one.
    func leastTax(_ change: Double) -> Double {
        guard change < 0, let all = lotEnds.last else { return 0 }
        let units = min(-change, all)
        var (start, taxed) = (0.0, 0.0)
        for (end, tax) in zip(lotEnds, lotTaxes) {
            if units <= end { return end > start ? taxed + (tax - taxed) * ((units - start) / (end - start)) : tax }
            (start, taxed) = (end, tax)
        }
        return taxed
    }

    /// What the objective is charged for a change, a fraction of value a year.
    func charge(_ change: Double) -> Double {
        guard change != 0 else { return 0 }
        var total = costWeight == 0 ? 0 : costWeight * cost(change)
        if taxWeight != 0, change < 0 { total += taxWeight * tax(change) }
        return total
    }

    /// The same with `leastTax`: a lower bound.
    func leastCharge(_ change: Double) -> Double {
        guard change != 0 else { return 0 }
        var total = costWeight == 0 ? 0 : costWeight * cost(change)
        if taxWeight != 0, change < 0 { total += taxWeight * leastTax(change) }
        return total
    }

    /// The changes between which a change lies that the ends of lots part from each other, for a sale.
    func lotInterval(around change: Double) -> ClosedRange<Double>? {
        guard change < 0 else { return nil }
        var start = 0.0
        for end in lotEnds {
            if -change <= end { return -end...(-start) }
            start = end
        }
        return nil
    }

    /// Whether the charge of a sale bends between lots.
    var hasLotTaxes: Bool { taxWeight != 0 && !lotEnds.isEmpty }
}
