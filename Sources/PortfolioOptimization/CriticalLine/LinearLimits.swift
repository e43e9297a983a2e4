internal import ConvexSolver

/// The limits of a mandate as bounds, rows and kinks over the weights, for methods that walk from one set of active
/// limits to the next.
///
/// Cash is what the weights leave of 1, unless it is traded under a limit on turnover and free to vary: then it is one
/// more variable, for what it moves counts as trading. Nothing is split in two (docs/mathematics.md, "The critical line").
struct LinearLimits {
    let limits: AllocationLimits
    /// Cash where it is fixed.
    let fixedCash: Double?
    /// Whether cash is a variable of its own, the last one.
    let hasCashVariable: Bool
    private(set) var lower: [Double] = []
    private(set) var upper: [Double] = []
    private(set) var rows: [ParametricProgram.Row] = []
    /// The expression each row comes from.
    private(set) var origins: [Int] = []
    /// The limit on Σ|x − current|; infinite without a limit on turnover.
    let kinkLimit: Double
    /// The expression of the limit on turnover.
    private var turnoverExpression: Int?
    /// The expression of the limit on Σ|x|, where that and not turnover is what the kinks are for.
    private var grossExpression: Int?

    private var instrumentCount: Int { limits.layout.instrumentCount }
    /// Weights, and cash where it is a variable of its own.
    var variableCount: Int { instrumentCount + (hasCashVariable ? 1 : 0) }

    /// Reads limits, or returns nil where they are not all bounds, rows and kinks, or contradict each other at sight.
    ///
    /// - Parameters:
    ///   - limits: the limits.
    ///   - cuts: what stands for limits on sums of the largest positions; nil where such limits are another kind.
    init?(_ limits: AllocationLimits, cuts: [LargestCut]? = nil) {
        guard !limits.hasChoices, limits.softSides.isEmpty, limits.trackingLimit == nil,
            limits.charges.isEmpty, !limits.hasPenaltyColumns,
            limits.largestSums.isEmpty || (cuts != nil && !limits.permitsShorts),
            let leastCash = limits.cashLimits.lower?.bound,
            let mostCash = limits.cashLimits.upper?.bound, leastCash <= mostCash
        else { return nil }
        self.limits = limits
        fixedCash = leastCash == mostCash ? leastCash : nil
        hasCashVariable = fixedCash == nil && limits.turnoverLimit != nil
        var kinkLimit = Double.infinity
        if limits.permitsShorts {
            // A variable has one kink: at 0 where sizes are limited, at its current weight where trades count.
            guard limits.turnoverLimit == nil, limits.layout.soldColumns.allSatisfy({ $0 == nil }),
                let gross = limits.grossExpression, let bound = limits.expressions[gross].upper?.bound
            else { return nil }
            grossExpression = gross
            kinkLimit = bound
        }
        if let turnover = limits.turnoverLimit {
            kinkLimit = 2 * turnover.bound
            if let fixedCash { kinkLimit -= abs(fixedCash - limits.currentWeights[limits.layout.cash]) }
        }
        guard kinkLimit >= 0 else { return nil }
        self.kinkLimit = kinkLimit
        guard readBounds(leastCash, mostCash), readRows(leastCash, mostCash) else { return nil }
        for cut in cuts ?? [] { addRow(of: cut) }
    }

    private mutating func addRow(of cut: LargestCut) {
        let limit = limits.largestSums[cut.sum].limit
        var coefficients = [Double](repeating: 0, count: variableCount)
        for member in cut.members { coefficients[member] = 1 }
        addRow(coefficients, lower: -.infinity, upper: limits.expressions[limit].upper?.bound ?? 1, origin: limit)
    }

    private mutating func readBounds(_ leastCash: Double, _ mostCash: Double) -> Bool {
        var shorts = 0.0
        for instrument in 0..<instrumentCount {
            guard let floor = limits.weightLimits(of: instrument).lower?.bound, floor.isFinite else { return false }
            lower.append(floor)
            shorts += max(0, -floor)
        }
        for instrument in 0..<instrumentCount {
            // What the budget leaves to one instrument at most stands for no cap.
            let cap = limits.weightLimits(of: instrument).upper?.bound ?? 1 + shorts
            guard lower[instrument] <= cap else { return false }
            upper.append(cap)
        }
        if hasCashVariable {
            lower.append(leastCash)
            upper.append(mostCash)
        }
        return true
    }

    private mutating func readRows(_ leastCash: Double, _ mostCash: Double) -> Bool {
        addRow(
            [Double](repeating: 1, count: variableCount),
            lower: hasCashVariable ? 1 : 1 - mostCash,
            upper: hasCashVariable ? 1 : 1 - leastCash,
            origin: limits.layout.cash + 1
        )
        var soldExpressions = 0
        var shortExpressions = 0
        for index in (limits.layout.cash + 2)..<max(limits.expressions.count, limits.layout.cash + 2)
        where !limits.largestSums.contains(where: { $0.expressions.contains(index) }) {
            let expression = limits.expressions[index]
            if expression.terms.contains(where: { $0.variable > limits.layout.cash }) {
                if limits.permitsShorts {
                    shortExpressions += 1
                    continue
                }
                soldExpressions += 1
                if expression.upper != nil { turnoverExpression = index }
                continue
            }
            if expression.terms.isEmpty {
                guard (expression.lower?.bound ?? 0) <= AllocationLimits.tolerance,
                    (expression.upper?.bound ?? 0) >= -AllocationLimits.tolerance
                else { return false }
                continue
            }
            addRow(of: expression, origin: index)
        }
        // Two rows say what is sold of each holding and one limits the sum; anything else is no kink.
        let soldCount = limits.layout.soldColumns.count { $0 != nil }
        let shortCount = limits.layout.shortColumns.count { $0 != nil }
        // Likewise of what is short.
        if limits.permitsShorts { return shortExpressions == 2 * shortCount + 1 }
        return soldExpressions == 2 * soldCount + (limits.turnoverLimit == nil ? 0 : 1)
    }

    private mutating func addRow(of expression: LimitedExpression, origin: Int) {
        var coefficients = [Double](repeating: 0, count: variableCount)
        var shift = 0.0
        for term in expression.terms {
            if term.variable < instrumentCount || hasCashVariable {
                coefficients[term.variable] += term.coefficient
            } else if let fixedCash {
                shift += term.coefficient * fixedCash
            } else {
                for j in coefficients.indices { coefficients[j] -= term.coefficient }
                shift += term.coefficient
            }
        }
        addRow(
            coefficients,
            lower: (expression.lower?.bound ?? -.infinity) - shift,
            upper: (expression.upper?.bound ?? .infinity) - shift,
            origin: origin
        )
    }

    private mutating func addRow(_ coefficients: [Double], lower: Double, upper: Double, origin: Int) {
        rows.append(ParametricProgram.Row(coefficients: coefficients, lower: lower, upper: upper))
        origins.append(origin)
    }

    /// The program that minimises ½ wᵀPw + (q + λp)ᵀw + Σ (c + λd) |w − current| under the limits.
    ///
    /// - Parameters:
    ///   - curvature: P over the weights.
    ///   - linear: q over the weights.
    ///   - direction: p over the weights.
    ///   - costs: c, one a weight, none negative.
    ///   - costDirection: d, one a weight, none negative.
    /// - Returns: the program over the weights, and cash where it is a variable.
    func program(
        curvature: Curvature,
        linear: [Double],
        direction: [Double]?,
        costs: [Double],
        costDirection: [Double]? = nil
    ) -> ParametricProgram {
        var curvature = curvature
        var linear = linear
        var direction = direction
        var costs = costs
        var costDirection = costDirection.flatMap { rates in rates.contains { $0 > 0 } ? rates : nil }
        if hasCashVariable {
            // Cash has no curvature: a constant on every entry makes P regular, and Σx = 1 takes it back.
            let constant = curvature.meanDiagonal > 0 ? curvature.meanDiagonal : 1
            curvature = .padded(curvature, more: 1, constant: constant)
            linear = (linear + [0]).map { $0 - constant }
            direction?.append(0)
            costs.append(0)
            costDirection?.append(0)
        }
        var kinks: ParametricProgram.Kinks?
        if kinkLimit < .infinity || costs.contains(where: { $0 > 0 }) || costDirection != nil {
            kinks = ParametricProgram.Kinks(
                positions: grossExpression == nil
                    ? Array(limits.currentWeights.prefix(variableCount))
                    : [Double](repeating: 0, count: variableCount),
                costs: costs,
                costDirection: costDirection,
                limit: kinkLimit
            )
        }
        return ParametricProgram(
            curvature: curvature,
            linear: linear,
            direction: direction,
            lower: lower,
            upper: upper,
            rows: rows,
            kinks: kinks
        )
    }

    /// The multipliers of the limits from those of the program's rows, bounds and kinks.
    ///
    /// What cash is worth follows from the budget, the rows it is part of and its share of the turnover; of turnover,
    /// that one unit sold is two units traded.
    func multipliers(
        rows multipliers: [Double],
        bounds: [Double],
        limit: Double
    ) -> [(expression: Int, value: Double)] {
        var found: [(expression: Int, value: Double)] = []
        for instrument in 0..<instrumentCount { found.append((instrument, bounds[instrument])) }
        for r in rows.indices.dropFirst() { found.append((origins[r], multipliers[r])) }
        if let turnoverExpression { found.append((turnoverExpression, 2 * limit)) }
        if let grossExpression { found.append((grossExpression, limit)) }
        let cash = limits.layout.cash
        if hasCashVariable {
            found.append((cash, bounds[instrumentCount]))
        } else if let fixedCash {
            var worth = multipliers.first ?? 0
            for r in rows.indices.dropFirst() {
                let terms = limits.expressions[origins[r]].terms
                worth += multipliers[r] * terms.reduce(0) { $0 + ($1.variable == cash ? $1.coefficient : 0) }
            }
            let moved = fixedCash - limits.currentWeights[cash]
            if moved != 0, turnoverExpression != nil { worth += moved > 0 ? limit : -limit }
            found.append((cash, -worth))
        } else {
            found.append((cash, -(multipliers.first ?? 0)))
        }
        return found
    }

    /// The decision variables at a point of the program.
    func decision(at point: [Double]) -> [Double] {
        let weights = Array(point.prefix(instrumentCount))
        let cash: Double
        if hasCashVariable {
            cash = point[instrumentCount]
        } else if let fixedCash {
            cash = fixedCash
        } else {
            cash = 1 - weights.reduce(0, +)
        }
        return limits.point(weights: weights, cash: cash)
    }
}
