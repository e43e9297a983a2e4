internal import PortfolioModel

/// What one more unit of each limit would gain, from the multipliers of a program.
///
/// A row aᵀx ≤ b of a minimised program with multiplier z has df/db = −z; `gainPerDual` turns −df into the caller's
/// objective (docs/mathematics.md, "Shadow prices").
struct ShadowPrices {
    private var lower: [Int: Double] = [:]
    private var upper: [Int: Double] = [:]
    private var volatility: [Int: Double] = [:]

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
    }

    /// d(objective)/d(bound) of a lower bound: not positive.
    func ofLower(_ expression: Int) -> Double {
        let gain = lower[expression] ?? 0
        return gain == 0 ? 0 : -gain
    }

    /// d(objective)/d(bound) of an upper bound: not negative.
    func ofUpper(_ expression: Int) -> Double { upper[expression] ?? 0 }

    /// d(objective)/d(bound) of a volatility limit, in the unit of its row.
    func ofVolatility(_ limit: Int, unit: Double) -> Double { (volatility[limit] ?? 0) / unit }
}

extension MeanVarianceMethod {
    /// Distance from a bound, in units of its row, within which it binds.
    private static let binding = 1e-9

    /// The caller's limits that an allocation meets with equality.
    ///
    /// - Parameters:
    ///   - point: the cleaned decision variables.
    ///   - volatility: theirs, annual.
    ///   - prices: nil where a derivative has no meaning, such as with integers.
    func bindingLimits(at point: [Double], volatility: Double, prices: ShadowPrices?) -> [BindingConstraint] {
        var found: [BindingConstraint] = []
        func append(_ side: LimitSide, _ value: Double, _ price: Double?) {
            guard let parameter = side.parameter.map({ limits.parameters[$0] }) else { return }
            found.append(
                BindingConstraint(
                    constraint: parameter.pointer,
                    subject: side.subject,
                    bound: parameter.bound,
                    value: value,
                    shadowPrice: price
                )
            )
        }
        for (index, expression) in limits.expressions.enumerated() {
            let value = expression.value(at: point)
            let allowance = Self.binding * expression.scale
            // Where both bounds meet, only the one that the optimum pushes against is listed.
            let isPair = expression.lower != nil && expression.lower?.bound == expression.upper?.bound
            if let lower = expression.lower, value - lower.bound <= allowance {
                let price = prices?.ofLower(index)
                if !isPair || price != 0 { append(lower, value, price) }
            }
            if let upper = expression.upper, upper.bound - value <= allowance {
                let price = prices?.ofUpper(index)
                if !isPair || price != 0 { append(upper, value, price) }
            }
        }
        for (index, limit) in limits.volatilityLimits.enumerated()
        where limit.bound - volatility <= Self.binding * scaling.volatilityUnit {
            append(limit, volatility, prices?.ofVolatility(index, unit: scaling.volatilityUnit))
        }
        if let threshold = limits.threshold {
            for index in limits.thresholdInstruments where abs(point[index] - threshold.bound) <= Self.binding {
                var side = threshold
                side.subject = problem.instruments[index].id
                append(side, point[index], nil)
            }
        }
        return found
    }
}
