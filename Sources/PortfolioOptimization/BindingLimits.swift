internal import PortfolioModel

/// What one more unit of each limit would gain, from the multipliers of a program.
///
/// A row aᵀx ≤ b of a minimised program with multiplier z has df/db = −z; `gainPerDual` turns −df into the caller's
/// objective (docs/mathematics.md, "Shadow prices").
struct ShadowPrices {
    private var lower: [Int: Double] = [:]
    private var upper: [Int: Double] = [:]
    private var volatility: [Int: Double] = [:]
    /// d(objective)/d(bound) of the limit on the tracking error, in the unit of its row.
    private(set) var ofTrackingError = 0.0
    private var risk = 0.0
    /// What the nearer of the two ways out of 0 costs, by instrument, where weights may have either sign.
    private var kinks: [Int: Double] = [:]

    init(program: AllocationProgram, dual: [Double], gainPerDual: Double) {
        for (row, origin) in program.origins.enumerated() {
            guard let expression = origin.expression, row < dual.count else { continue }
            let gain = dual[row] / origin.scale * gainPerDual
            switch origin.side {
            case .lower: lower[expression] = max(0, gain)
            case .upper: upper[expression] = max(0, gain)
            case .both:
                // Of two bounds that meet, the multiplier's sign says which one holds the objective back.
                upper[expression] = max(0, gain)
                lower[expression] = max(0, -gain)
            }
        }
        for (row, limit) in program.volatilityRows where row < dual.count {
            volatility[limit] = max(0, dual[row] * gainPerDual)
        }
        if let row = program.trackingRow, row < dual.count { ofTrackingError = max(0, dual[row] * gainPerDual) }
        if let row = program.riskLimitRow, row < dual.count { risk = max(0, dual[row] * gainPerDual) }
    }

    /// Prices from the multipliers of rows and bounds: positive ones push against upper bounds, negative ones against lower.
    init(multipliers: [(expression: Int, value: Double)], gainPerDual: Double) {
        for entry in multipliers {
            let gain = entry.value * gainPerDual
            // Several cuts may stand for one limit.
            if gain > 0 { upper[entry.expression, default: 0] += gain }
            if gain < 0 { lower[entry.expression, default: 0] -= gain }
        }
    }

    /// Sets what one more unit of every volatility limit's row would gain.
    mutating func setVolatility(_ limit: Int, gain: Double) { volatility[limit] = max(0, gain) }

    /// Sets what it costs to leave 0 for instruments whose weights may have either sign.
    mutating func setKinks(_ costs: [Double], gainPerDual: Double) {
        for (index, cost) in costs.enumerated() where cost != 0 { kinks[index] = cost * gainPerDual }
    }

    /// d(objective)/d(bound) of a lower bound: not positive.
    func ofLower(_ expression: Int) -> Double {
        let gain = lower[expression] ?? 0
        return gain == 0 ? 0 : -gain
    }

    /// d(objective)/d(bound) of an upper bound: not negative.
    func ofUpper(_ expression: Int) -> Double { upper[expression] ?? 0 }

    /// d(objective)/d(budget): what one more unit of Σw + cash = 1 would gain.
    func ofBudget(_ limits: AllocationLimits) -> Double {
        let expression = limits.layout.cash + 1
        return ofUpper(expression) + ofLower(expression)
    }

    /// What each of the first expressions, the instruments' weights, is worth at its bound: the reduced costs.
    ///
    /// A cap that is nobody's number, the whole of the portfolio, follows from the budget and the other instruments' floors:
    /// its price belongs to those.
    func reducedCosts(_ limits: AllocationLimits) -> [Double] {
        let instruments = 0..<limits.layout.instrumentCount
        var costs = instruments.map { ofUpper($0) + ofLower($0) }
        for index in instruments {
            // The nearer of the two ways out of 0, long and short.
            if let kink = kinks[index] {
                costs[index] -= kink
            } else if let short = limits.shortExpressions[index] {
                costs[index] -= min(lower[short] ?? 0, lower[short + 1] ?? 0)
            }
        }
        for index in instruments where limits.weightLimits(of: index).upper == nil && ofUpper(index) > 0 {
            for other in instruments where other != index { costs[other] -= ofUpper(index) }
        }
        return costs
    }

    /// d(objective)/d(bound) of a volatility limit, in the unit of its row.
    func ofVolatility(_ limit: Int, unit: Double) -> Double { (volatility[limit] ?? 0) / unit }

    /// d(objective)/d(bound) of the limit on the risk measure, in the unit of its column.
    func ofRisk(unit: Double) -> Double { risk / unit }
}

extension MeanVarianceMethod {
    /// Distance from a bound, in units of its row, within which it binds.
    private static let binding = 1e-9
    /// The same for a bound whose price is larger than the distance, where an optimum is as exact as its solve.
    private static let pricedBinding = 1e-7

    /// The caller's limits that an allocation meets with equality.
    ///
    /// - Parameters:
    ///   - point: the cleaned decision variables.
    ///   - volatility: theirs, annual.
    ///   - prices: nil where a derivative has no meaning, such as with integers.
    ///   - byPrice: whether what a price says to bind does so from further away, by roundings of a large solve.
    /// - Returns: one entry for each number of the caller's and subject it binds for.
    func bindingLimits(
        at point: [Double],
        volatility: Double,
        prices: ShadowPrices?,
        byPrice: Bool = false
    ) -> [BindingConstraint] {
        var found: [BindingConstraint] = []
        for index in limits.expressions.indices {
            found += bindingSides(of: index, at: point, prices: prices, byPrice: byPrice)
        }
        for index in limits.volatilityLimits.indices {
            let limit = limits.volatilityLimits[index]
            let distance = limit.bound - volatility
            let unit = scaling.volatilityUnit
            let price = prices?.ofVolatility(index, unit: unit)
            guard Self.binds(distance, price, unit: unit, byPrice: byPrice), !isExceeded(limit, distance) else {
                continue
            }
            found += entry(limit, volatility, price)
        }
        if let limit = limits.trackingLimit {
            let error = limit.error(at: point[..<limits.layout.cash])
            let distance = limit.side.bound - error
            let price = prices.map { $0.ofTrackingError / limit.unit }
            if Self.binds(distance, price, unit: limit.unit, byPrice: byPrice), !isExceeded(limit.side, distance) {
                found += entry(limit.side, error, price)
            }
        }
        if let limit = limits.positionLimit {
            let held = point[..<limits.layout.cash].reduce(0.0) { $0 + ($1 != 0 ? 1 : 0) }
            if held >= limit.side.bound { found += entry(limit.side, held, nil) }
        }
        return found + bindingThresholds(at: point)
    }

    /// Whether a bound is met, by its distance in units of its row, or by what its price says.
    private static func binds(_ distance: Double, _ price: Double?, unit: Double, byPrice: Bool) -> Bool {
        if distance <= binding * unit { return true }
        return byPrice && distance <= pricedBinding * unit && abs(price ?? 0) > distance
    }

    /// Whether a soft limit is exceeded: then its price is its penalty, and it is told with the soft limits.
    private func isExceeded(_ side: LimitSide, _ distance: Double) -> Bool {
        side.excess != nil && distance < -Self.exceeded
    }

    /// Beyond this a soft limit is exceeded, not met with rounding.
    private static let exceeded = 1e-7

    /// The sides of an expression that are met with equality.
    ///
    /// Where both bounds meet, only the one that the optimum pushes against is listed.
    private func bindingSides(
        of index: Int,
        at point: [Double],
        prices: ShadowPrices?,
        byPrice: Bool
    ) -> [BindingConstraint] {
        let expression = limits.expressions[index]
        let value = expression.value(at: point)
        let least = expression.lower?.bound ?? -.infinity
        let most = expression.upper?.bound ?? .infinity
        let lowerPrice = prices?.ofLower(index)
        let upperPrice = prices?.ofUpper(index)
        func binds(_ distance: Double, _ price: Double?) -> Bool {
            Self.binds(distance, price, unit: expression.scale, byPrice: byPrice)
        }
        var found: [BindingConstraint] = []
        if let lower = expression.lower, binds(value - least, lowerPrice), !isExceeded(lower, value - least),
            least != most || lowerPrice != 0
        {
            found += entry(lower, lower.inOwnTerms(value), lowerPrice.map { lower.slope * $0 })
        }
        if let upper = expression.upper, binds(most - value, upperPrice), !isExceeded(upper, most - value),
            least != most || upperPrice != 0
        {
            // A number that holds an expression from both sides, to one value, is listed once.
            let isListed =
                upper.parameter != nil && upper.parameter == found.first.flatMap { _ in expression.lower?.parameter }
            if !isListed { found += entry(upper, upper.inOwnTerms(value), upperPrice.map { upper.slope * $0 }) }
        }
        return found
    }

    /// The instruments that are held at just the buy-in threshold.
    private func bindingThresholds(at point: [Double]) -> [BindingConstraint] {
        guard let threshold = limits.threshold else { return [] }
        return limits.thresholdInstruments.filter { abs(abs(point[$0]) - threshold.bound) <= Self.binding }.flatMap {
            index in
            let subject = problem.instruments[index].id
            let side = LimitSide(bound: threshold.bound, parameter: threshold.parameter, subject: subject)
            return entry(side, abs(point[index]), nil)
        }
    }

    /// A binding limit as the caller knows it; none for what is not a number of the caller's.
    func entry(_ side: LimitSide, _ value: Double, _ price: Double?) -> [BindingConstraint] {
        guard let source = side.parameter else { return [] }
        let own = limits.parameters[source].bound
        var binding = BindingConstraint(
            constraint: limits.parameters[source].pointer,
            subject: side.subject,
            bound: side.isGrandfathered ? side.slope * side.bound : own,
            value: value,
            shadowPrice: price
        )
        if side.isGrandfathered { binding.grandfatheredFrom = own }
        return [binding]
    }
}
