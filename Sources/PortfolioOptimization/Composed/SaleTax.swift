internal import PortfolioModel

/// The tax of selling a part of a holding, the lots taxed least first, where every loss counts.
///
/// Convex in what is sold: each further unit is taxed at least as much as the one before.
struct SaleTax: Equatable, Sendable {
    /// Weight in lots of one rate, and the tax of a unit of weight; rates ascend.
    let parts: [(weight: Double, rate: Double)]

    static func == (left: SaleTax, right: SaleTax) -> Bool { left.parts.elementsEqual(right.parts, by: ==) }

    /// Takes the lots of a holding; nil when no sale of it is taxed.
    ///
    /// - Parameters:
    ///   - lots: the lots, none when they are unknown.
    ///   - weight: what the holding weighs.
    ///   - circumstances: price, day and rates.
    init?(lots: [TaxLot], weight: Double, _ circumstances: SaleCircumstances) {
        let units = lots.reduce(0) { $0 + $1.quantity }
        guard units > 0, weight > 0 else { return nil }
        var parts: [(weight: Double, rate: Double)] = []
        for lot in saleOrder(of: lots, method: .minimumTax, circumstances) {
            let rate = circumstances.rate(circumstances.term(of: lot)) * (1 - lot.costBasis / circumstances.price)
            let share = lot.quantity / units * weight
            if let last = parts.last, last.rate == rate {
                parts[parts.count - 1].weight += share
            } else {
                parts.append((share, rate))
            }
        }
        guard parts.contains(where: { $0.rate != 0 }) else { return nil }
        self.parts = parts
    }

    /// Whether the first units sold lower the tax.
    var beginsWithLosses: Bool { parts.first.map { $0.rate < 0 } ?? false }

    /// The tax of selling a weight, as a fraction of value.
    func tax(ofSelling sold: Double) -> Double {
        var (left, total) = (sold, 0.0)
        for part in parts where left > 0 {
            let taken = min(left, part.weight)
            total += part.rate * taken
            left -= taken
        }
        // What rounding sells beyond the last lot is of that lot.
        if left > 0, let last = parts.last { total += last.rate * left }
        return total
    }

    /// The least slope m of a line −m (top − w) that the tax at a weight w lies above; 0 without losses.
    ///
    /// `top` is the largest weight. The line is the part of the tax's lower hull beyond the losses.
    func hullSlope(held: Double, top: Double) -> Double {
        var (sold, tax, slope) = (0.0, 0.0, 0.0)
        for part in parts {
            sold += part.weight
            tax += part.rate * part.weight
            let room = top - max(0, held - sold)
            if tax < 0, room > 0 { slope = max(slope, -tax / room) }
        }
        return slope
    }
}
