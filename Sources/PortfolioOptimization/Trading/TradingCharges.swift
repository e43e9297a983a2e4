internal import ConvexSolver
internal import PortfolioModel

/// A part of a holding that is taxed alike when it is sold.
struct TaxedLot: Equatable, Sendable {
    /// Weight of it.
    var width: Double
    /// Tax for each unit of weight sold; negative for a loss.
    var rate: Double
}

/// What trading costs the objective beyond proportional rates: impact, which grows with |w − c|^{3/2}, and tax by lot.
///
/// Impact has a column t ≥ |w − c|^{3/2} (a power cone), each lot a column of what is sold of it. Lots are sold the least
/// taxed first, so that the tax of a sale is convex. A loss makes selling better than holding while buying earns nothing:
/// that is a choice between selling and not (docs/mathematics.md, "Costs and taxes in the objective").
struct TradingCharges: Equatable, Sendable {
    /// The impact of trading an instrument.
    struct Impact: Equatable, Sendable {
        var instrument: Int
        var column: Int
        /// What |w − c|^{3/2} = 1 costs the objective.
        var price: Double
    }

    /// The lots of an instrument.
    struct Sale: Equatable, Sendable {
        var instrument: Int
        var columns: [Int]
        /// Weight of each lot, the last without an end.
        var widths: [Double]
        /// What one unit of weight of each costs the objective.
        var prices: [Double]
        /// Whether some lot is sold at a loss.
        var hasLoss: Bool { prices.contains { $0 < 0 } }
    }

    var impacts: [Impact] = []
    var sales: [Sale] = []
    var fixed: [FixedCharge] = []

    /// Whether there is nothing to charge.
    var isEmpty: Bool { impacts.isEmpty && sales.isEmpty && fixed.isEmpty }

    /// Sets the columns of a point from its weights.
    func settle(_ point: inout [Double], currentWeights: [Double]) {
        for impact in impacts {
            let moved = abs(point[impact.instrument] - currentWeights[impact.instrument])
            point[impact.column] = moved * moved.squareRoot()
        }
        for charge in fixed {
            point[charge.column] = point[charge.instrument] == currentWeights[charge.instrument] ? 0 : 1
        }
        for sale in sales {
            var left = max(0, currentWeights[sale.instrument] - point[sale.instrument])
            for (index, column) in sale.columns.enumerated() {
                let sold = index + 1 == sale.columns.count ? left : min(left, sale.widths[index])
                point[column] = sold
                left -= sold
            }
        }
    }

    /// Subtracts from the objective's gains what the columns cost.
    func charge(_ gains: inout [Double]) {
        for impact in impacts { gains[impact.column] -= impact.price }
        for charge in fixed { gains[charge.column] -= charge.price }
        for sale in sales {
            for (column, price) in zip(sale.columns, sale.prices) { gains[column] -= price }
        }
    }
}

extension ProgramBuilder {
    /// (t, κ, w − κc) in the power cone of exponent ⅔ for each instrument with impact; κ is 1 where nothing is homogenised.
    ///
    /// - Returns: the cones of the rows added.
    func addImpactCones(_ rows: inout [SparseProgram.Row], _ bounds: inout [Double]) -> [Cone] {
        for impact in limits.charges.impacts {
            let current = limits.currentWeights[impact.instrument]
            rows.append(SparseProgram.Row(columns: [impact.column], coefficients: [-1]))
            bounds.append(0)
            var moved = SparseProgram.Row(columns: [impact.instrument], coefficients: [-1])
            if let scaleColumn {
                rows.append(SparseProgram.Row(columns: [scaleColumn], coefficients: [-1]))
                bounds.append(0)
                if current != 0 {
                    moved.columns.append(scaleColumn)
                    moved.coefficients.append(current)
                }
                bounds.append(0)
            } else {
                rows.append(SparseProgram.Row(columns: [], coefficients: []))
                bounds += [1, -current]
            }
            rows.append(moved)
        }
        return limits.charges.impacts.map { _ in .power(2.0 / 3) }
    }

    /// For each instrument with a loss: nothing is sold, or what the lots say is sold is the sale.
    func saleChoices() -> [Disjunction] {
        limits.charges.sales.filter(\.hasLoss).map { sale in
            let ones = [Double](repeating: 1, count: sale.columns.count)
            let unsold = LinearRow(columns: sale.columns, coefficients: ones, upperBound: 0)
            var sold = LinearRow(
                columns: sale.columns + [sale.instrument],
                coefficients: ones + [1],
                upperBound: limits.currentWeights[sale.instrument]
            )
            homogenise(&sold)
            return Disjunction(off: [unsold], on: [sold])
        }
    }

    /// With b = Σs − (c − w) what is bought: Σs/c + b/(u − c) ≤ 1, for either is 0.
    func impliedSaleChoices() -> [LinearRow] {
        limits.charges.sales.filter(\.hasLoss).compactMap { sale in
            let current = limits.currentWeights[sale.instrument]
            let room = (limits.weightLimits(of: sale.instrument).upper?.bound ?? 1) - current
            guard room > AllocationLimits.tolerance, current > AllocationLimits.tolerance else { return nil }
            var row = LinearRow(
                columns: sale.columns + [sale.instrument],
                coefficients: [Double](repeating: 1 / current + 1 / room, count: sale.columns.count) + [1 / room],
                upperBound: 1 + current / room
            )
            homogenise(&row)
            return row
        }
    }

    func homogenise(_ row: inout LinearRow) {
        guard let scaleColumn else { return }
        row.columns.append(scaleColumn)
        row.coefficients.append(-row.upperBound)
        row.upperBound = 0
    }
}

/// The lots of each instrument by what selling them is taxed, the least taxed first.
///
/// Losses that purchases within 30 days may disallow count for nothing.
func taxedLots(of portfolio: Portfolio, _ instruments: [Instrument], _ preferences: Preferences, value: Double)
    -> [[TaxedLot]]
{
    let rates = (preferences.shortTermTaxRate ?? 0, preferences.longTermTaxRate ?? 0)
    guard preferences.considerTaxImplications == true, rates != (0, 0) else {
        return instruments.map { _ in [] }
    }
    let lots = portfolio.lotsByInstrument
    let purchases = portfolio.recentTradesByInstrument
    return instruments.map { instrument in
        let circumstances = SaleCircumstances(
            of: instrument,
            on: portfolio,
            preferences,
            purchases: purchases[instrument.id] ?? []
        )
        let own = lots[instrument.id] ?? []
        let isWashed = mayWash(lots: own, circumstances: circumstances)
        let taxed = own.map { lot in
            let share = 1 - lot.costBasis / instrument.price
            let rate = circumstances.rate(circumstances.term(of: lot)) * share
            return TaxedLot(width: lot.quantity * instrument.price / value, rate: isWashed ? max(0, rate) : rate)
        }
        return taxed.sorted { $0.rate < $1.rate }
    }
}
