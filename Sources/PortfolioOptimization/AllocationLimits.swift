internal import PortfolioModel

/// A number of the caller's that limits the mandate, and the way it would have to move to limit it less.
struct LimitParameter: Equatable, Sendable {
    /// Which way relaxes the limit.
    enum Direction: Equatable, Sendable { case up, down, either }

    /// JSON pointer below `/constraints`.
    var pointer: String
    /// The number, in its own unit.
    var bound: Double
    /// Which way relaxes it.
    var direction: Direction
    /// Whether a value below 0 would mean nothing.
    var isNonnegative = true
}

/// One side of a limited expression.
struct LimitSide: Equatable, Sendable {
    var bound: Double
    /// Where the bound comes from, an index into the parameters; nil for the budget, no-shorts and forced sales.
    var parameter: Int?
    /// The instrument, sector or class that a general limit is applied to here.
    var subject: String?
    /// What the bound moves when its number moves by one: −1 where a largest size bounds from below.
    var slope = 1.0
    /// What the bound is beside slope · number: the current weight, where a change is limited.
    var offset = 0.0
    /// Whether the bound is what the holdings come to, because they break the number that it comes from: moving that
    /// number does not move it before it gets there.
    var isGrandfathered = false

    /// A value of the limited expression as the number limits it.
    func inOwnTerms(_ value: Double) -> Double { slope * (value - offset) }
    /// The column of what is beyond the bound, where that may be exceeded at a price.
    var excess: Int?
}

/// A linear expression of the decision variables and the bounds it is held between.
struct LimitedExpression: Equatable, Sendable {
    var terms: [(variable: Int, coefficient: Double)]
    var lower: LimitSide?
    var upper: LimitSide?

    static func == (left: LimitedExpression, right: LimitedExpression) -> Bool {
        left.lower == right.lower && left.upper == right.upper && left.terms.elementsEqual(right.terms, by: ==)
    }

    func value(at point: [Double]) -> Double { terms.reduce(0) { $0 + $1.coefficient * point[$1.variable] } }

    /// A power of two near the largest coefficient: rows are divided by it, so that units do not matter.
    var scale: Double { powerOfTwo(near: terms.reduce(0) { max($0, abs($1.coefficient)) }) }
}

/// Which decision variable stands in which column: weights, cash, then what is sold of each holding, then what is short.
struct VariableLayout: Equatable, Sendable {
    let instrumentCount: Int
    /// The column of the weight sold of each instrument, and last of cash; nil where nothing is held or nobody asks.
    let soldColumns: [Int?]
    /// The column of what each instrument is short, max(0, −w); nil for one that cannot be.
    let shortColumns: [Int?]
    /// The column of |w − c|^{3/2} of each instrument whose trades have an impact.
    let impactColumns: [Int?]
    /// The columns of what is sold of each lot of an instrument.
    let lotColumns: [[Int]]
    /// The column of whether each instrument is traded, where that costs something whatever the size.
    let fixedColumns: [Int?]
    private(set) var count: Int

    init(
        instrumentCount: Int,
        sold: [Bool],
        short: [Bool] = [],
        impact: [Bool] = [],
        lots: [Int] = [],
        fixed: [Bool] = []
    ) {
        self.instrumentCount = instrumentCount
        var next = instrumentCount + 1
        func column(_ isThere: Bool) -> Int? {
            guard isThere else { return nil }
            next += 1
            return next - 1
        }
        soldColumns = sold.map { column($0) }
        shortColumns = (0..<instrumentCount).map { column($0 < short.count && short[$0]) }
        impactColumns = (0..<instrumentCount).map { column($0 < impact.count && impact[$0]) }
        lotColumns = (0..<instrumentCount).map { index in
            (0..<(index < lots.count ? lots[index] : 0)).compactMap { _ in column(true) }
        }
        fixedColumns = (0..<instrumentCount).map { column($0 < fixed.count && fixed[$0]) }
        count = next
    }

    var cash: Int { instrumentCount }

    /// Whether trading an instrument, or cash, has a fixed cost.
    func isFixed(_ index: Int) -> Bool { index < instrumentCount && fixedColumns[index] != nil }

    /// Adds a column after all others.
    mutating func addColumn() -> Int {
        count += 1
        return count - 1
    }
}

/// The limits of a mandate as rows over the decision variables, each tied to the caller's number it comes from.
///
/// Everything is linear but volatility. Each bound is a constant, so that every row can be homogenised: aᵀx ≤ b becomes
/// aᵀy ≤ bκ (docs/mathematics.md, "Maximum Sharpe ratio").
struct AllocationLimits: Sendable {
    var layout: VariableLayout
    var parameters: [LimitParameter]
    /// Row i < instrument count is the weight of instrument i, the next is cash, then the budget, then the rest.
    var expressions: [LimitedExpression]
    /// Upper limits of volatility, annual.
    var volatilityLimits: [LimitSide]
    /// Upper limit of the tracking error.
    var trackingLimit: TrackingLimit?
    /// The limit on how many instruments are held, where it can bind.
    var positionLimit: PositionLimit?
    /// Upper limit of the risk measure, where that is another than volatility.
    var riskLimit: LimitSide?
    /// The buy-in threshold, when some instrument is under it.
    var threshold: LimitSide?
    /// The instruments that are either 0 or at least the threshold.
    var thresholdInstruments: [Int]
    /// Weights before trading, with cash last.
    var currentWeights: [Double]
    /// Upper limit of turnover.
    var turnoverLimit: LimitSide?
    /// What uncertain returns cost objective and limits, each once.
    var penalties: [UncertaintyPenalty] = []
    /// What they cost the objective.
    var objectivePenalty: UncertaintyPenalty?
    /// The column of the volatility that factors bring, where their loadings are uncertain.
    var loadingColumn: Int?
    /// Limits on sums of the largest positions.
    var largestSums: [LargestSum] = []
    /// The sides that may be exceeded.
    var softSides: [SoftSide] = []
    /// Upper limit of the risk measure, where that is another than volatility and may be exceeded.
    var softRisk: SoftRisk?
    /// The expression that limits Σ|w|.
    var grossExpression: Int?
    /// A weight that no instrument reaches; it bounds those that nothing else bounds where weights may be negative.
    var reach: Double?
    /// Whether some weight may be negative.
    var permitsShorts = false
    /// What trades cost the objective in columns of their own.
    var charges = TradingCharges()
    /// The first of the two expressions that say what is short of an instrument, h ≥ 0 and h ≥ −w.
    var shortExpressions: [Int: Int] = [:]
    /// The expressions that limit how far a weight moves, with its instrument, where they are rows of their own.
    var changeRows: [Int: Int] = [:]
    /// Whether such limits are part of the weights' own bounds.
    var hasFoldedChanges = false

    func weightLimits(of instrument: Int) -> LimitedExpression { expressions[instrument] }
    var cashLimits: LimitedExpression { expressions[layout.cash] }

    /// Whether who is held is part of the question, so that a search over choices is needed.
    var hasChoices: Bool { threshold != nil || positionLimit != nil }

    /// Whether limits on turnover, or on every single change, leave nothing to decide.
    var forbidsTrading: Bool { (turnoverLimit?.bound ?? 1) <= Self.noTrading || holdsEveryWeight }
    /// A turnover below this is no trading: the interior of the feasible set is smaller than rounding.
    static let noTrading = 1e-12
    /// How far an allocation may be from a limit, in the limit's unit.
    static let tolerance = 1e-9

    /// The decision variables at given weights: what is sold follows from them.
    func point(weights: [Double], cash: Double) -> [Double] {
        var point = weights + [cash] + [Double](repeating: 0, count: layout.count - weights.count - 1)
        for (index, column) in layout.soldColumns.enumerated() {
            if let column { point[column] = max(0, currentWeights[index] - point[index]) }
        }
        for (index, column) in layout.shortColumns.enumerated() {
            if let column { point[column] = max(0, -point[index]) }
        }
        charges.settle(&point, currentWeights: currentWeights)
        settleLargest(&point)
        point = settled(point)
        settleSoft(&point)
        return point
    }

    /// How far a volatility is above a limit, relative to the limit.
    func excess(of volatility: Double, over limit: LimitSide) -> Double {
        (volatility - limit.bound) / powerOfTwo(near: limit.bound)
    }

    /// The largest distance by which weights miss a limit, and what is missed; 0 when all are met.
    ///
    /// Rows are measured after division by their scale, volatility relative to its limit.
    func worstViolation(at point: [Double], volatility: Double) -> (amount: Double, what: String) {
        var worst = (amount: 0.0, what: "")
        func record(_ amount: Double, _ side: LimitSide, _ name: String) {
            guard side.excess == nil, amount > worst.amount || amount.isNaN else { return }
            worst = (amount.isNaN ? .infinity : amount, side.parameter.map { parameters[$0].pointer } ?? name)
        }
        for expression in expressions {
            let value = expression.value(at: point)
            if let lower = expression.lower { record((lower.bound - value) / expression.scale, lower, "budget") }
            if let upper = expression.upper { record((value - upper.bound) / expression.scale, upper, "budget") }
        }
        for limit in volatilityLimits { record(excess(of: volatility, over: limit), limit, "volatility") }
        if let trackingLimit {
            let error = trackingLimit.error(at: point[..<layout.cash])
            record(excess(of: error, over: trackingLimit.side), trackingLimit.side, "tracking error")
        }
        if let positionLimit {
            let surplus = point[..<layout.cash].reduce(-positionLimit.side.bound) { $0 + ($1 != 0 ? 1 : 0) }
            record(surplus, positionLimit.side, "positions")
        }
        if let threshold {
            for instrument in thresholdInstruments where point[instrument] != 0 {
                record(threshold.bound - abs(point[instrument]), threshold, "threshold")
            }
        }
        return worst
    }
}

/// The power of two at or below the magnitude of a number; 1 for 0.
func powerOfTwo(near value: Double) -> Double {
    guard value != 0, value.isFinite else { return 1 }
    return Double(sign: .plus, exponent: value.exponent, significand: 1)
}
