internal import LinearAlgebra
internal import Matrices
internal import PortfolioModel

/// A linear limit on the weights after trading.
struct PlanRow: Equatable, Sendable {
    /// One an instrument.
    var coefficients: [Double]
    /// The coefficient of cash.
    var cash: Double
    /// The lower bound, −∞ for none.
    var lower: Double
    /// The upper bound, +∞ for none.
    var upper: Double
}

/// The whole-lot program of a plan: what each holding may change by, what that costs, and what all of them must keep.
///
/// Minimise √((w − d)ᵀΣ(w − d)) + Σ charges over the changes Δ, with w = (held + Δ) · price / V
/// (docs/mathematics.md, "Rebalance plans").
struct PlanProblem: Sendable {
    /// d, the weights aimed at.
    let desired: [Double]
    /// Σ, annual.
    let covariance: DenseMatrix
    /// Σd.
    let desiredProduct: [Double]
    /// dᵀΣd.
    let desiredVariance: Double
    /// Weights before trading.
    let currentWeights: [Double]
    /// Weight of cash before trading.
    let currentCash: Double
    /// V, money.
    let portfolioValue: Double
    /// The weight of one unit of each instrument.
    let unitWeights: [Double]
    /// What each holding may change by.
    let domains: [TradeDomain]
    /// What each change costs.
    let charges: [TradeCharge]
    /// Linear limits on the weights.
    private(set) var rows: [PlanRow]
    /// How much the largest positions may come to, and how many of whom count.
    let largest: [(count: Int, members: [Int], most: Double)]
    /// The largest volatility allowed.
    let volatilityLimit: Double?
    /// The least weight of cash after trading.
    let cashFloor: Double
    /// The largest.
    let cashCeiling: Double
    /// The largest turnover, ½ Σ|target − current| with cash.
    let turnoverLimit: Double?
    /// The most trades.
    let tradeLimit: Int?

    /// n.
    var count: Int { desired.count }

    /// Adds a limit on the sum of some weights.
    mutating func addRow(limitingTo most: Double, _ members: some Sequence<Int>) {
        var row = PlanRow(
            coefficients: [Double](repeating: 0, count: count),
            cash: 0,
            lower: -.infinity,
            upper: most + Self.limitSlack
        )
        for member in members { row.coefficients[member] = 1 }
        rows.append(row)
    }

    /// Slack that the limits are given: a tenth of what the checker tolerates.
    static let limitSlack = 1e-8
    /// Cash kept where fractions are traded, so that rounding in its sums never turns it negative.
    static let cashCushion = 1e-11
    /// Rounding in the sums of cash of whole lots, which may come out at exactly nothing.
    static let cashRounding = 1e-13

    /// Whether some holding trades in any fraction.
    let hasFractions: Bool

    /// Whether trades are limited to whole numbers of anything.
    var hasIntegers: Bool {
        tradeLimit != nil || domains.contains { $0.lotSize != nil && $0.canTrade }
    }

    /// The weights after changes.
    func weights(after changes: [Double]) -> [Double] {
        changes.indices.map { weight(of: $0, after: changes[$0]) }
    }

    /// The weight of an instrument after a change; exactly 0 when all of it is sold.
    func weight(of index: Int, after change: Double) -> Double {
        let units = domains[index].held + change
        return units == 0 ? 0 : units * unitWeights[index]
    }

    /// The total cost of changes as a share of the value.
    func costShare(_ changes: [Double]) -> Double {
        var money = 0.0
        for (index, change) in changes.enumerated() where change != 0 { money += charges[index].cost(change) }
        return money / portfolioValue
    }

    /// The least |change of cash| that the limits on cash allow.
    var leastCashMove: Double {
        if currentCash < cashFloor { return cashFloor - currentCash }
        return max(0, currentCash - cashCeiling)
    }
}

/// What a plan keeps besides the limits of the mandate.
struct TradingRules: Equatable, Sendable {
    /// Money: the least trade.
    var minTradeSize: Double?
    /// The most trades.
    var maxTrades: Int?
    /// Whether trades are whole lots.
    var wholeLots: Bool
    /// Which lots go first.
    var lotMethods: [String: TaxLotMethod]
    var defaultLotMethod: TaxLotMethod
}

extension PlanProblem {
    /// Compiles the plan of an allocation problem towards desired weights.
    ///
    /// - Parameters:
    ///   - allocation: the mandate; its turnover limit is taken from its constraints.
    ///   - portfolio: for the tax lots and recent trades.
    ///   - covariance: of its instruments, in full: a search asks for single entries.
    ///   - desired: one an instrument.
    ///   - desiredCash: the weight of cash aimed at; raises the cash ceiling where none is set.
    ///   - rules: lots and trades.
    ///   - frozen: holdings that stay as they are.
    init(
        _ allocation: AllocationProblem,
        portfolio: Portfolio,
        covariance: DenseMatrix,
        desired: [Double],
        desiredCash: Double,
        rules: TradingRules,
        frozen: [Bool]
    ) {
        let limits = ConstraintCompiler.compile(allocation.withoutTurnover)
        let value = allocation.portfolioValue
        let held = heldUnits(allocation, portfolio)
        self.desired = desired
        self.covariance = covariance
        desiredProduct = covariance.symmetricTimes(desired)
        desiredVariance = dot(desired, desiredProduct)
        currentWeights = allocation.currentWeights
        currentCash = allocation.currentCash
        portfolioValue = value
        unitWeights = allocation.instruments.map { $0.price / value }
        domains = allocation.instruments.indices.map { index in
            let side = limits.weightLimits(of: index)
            let isUnderThreshold = limits.thresholdInstruments.contains(index)
            return TradeDomain(
                held: held[index],
                lotSize: rules.wholeLots ? allocation.instruments[index].lotSize : nil,
                limits: TradeDomainLimits(
                    unitWeight: allocation.instruments[index].price / value,
                    lowerWeight: side.lower?.bound ?? 0,
                    upperWeight: side.upper?.bound ?? 1,
                    threshold: isUnderThreshold ? limits.threshold?.bound ?? 0 : 0,
                    minimumTrade: (rules.minTradeSize ?? 0) / value,
                    isFrozen: frozen[index]
                )
            )
        }
        charges = tradeCharges(allocation, portfolio, rules)
        rows = planRows(limits)
        largest = limits.largestSums.map { sum in
            (sum.count, sum.members, limits.expressions[sum.limit].upper?.bound ?? 1)
        }
        volatilityLimit = limits.volatilityLimits.map(\.bound).min()
        let cash = allocation.constraints
        cashFloor = limits.cashLimits.lower?.bound ?? 0
        var dearest = 0.0
        for (index, instrument) in allocation.instruments.enumerated() where domains[index].purchases != nil {
            if let lotSize = domains[index].lotSize { dearest = max(dearest, lotSize * instrument.price / value) }
        }
        let mostCash = cash.maxCash.map { limits.cashLimits.upper?.bound ?? $0 }
        let ceiling = mostCash ?? max(cash.minCash ?? 0, desiredCash)
        cashCeiling = ceiling + max(dearest * (1 - 1e-9), Self.limitSlack)
        turnoverLimit = cash.maxTurnover
        hasFractions = domains.contains { $0.lotSize == nil && $0.canTrade }
        tradeLimit = rules.maxTrades
    }
}

/// Units held of each instrument of a problem.
private func heldUnits(_ allocation: AllocationProblem, _ portfolio: Portfolio) -> [Double] {
    var units: [String: Double] = [:]
    for position in portfolio.positions { units[position.instrumentID, default: 0] += position.quantity }
    return allocation.instruments.map { units[$0.id] ?? 0 }
}

private func tradeCharges(
    _ allocation: AllocationProblem,
    _ portfolio: Portfolio,
    _ rules: TradingRules
) -> [TradeCharge] {
    let lots = portfolio.lotsByInstrument
    let purchases = portfolio.recentTradesByInstrument
    let preferences = allocation.preferences
    let perMoney = 1 / (allocation.portfolioValue * preferences.effectiveCostHorizonYears)
    let weights = (
        cost: preferences.includeTransactionCosts == false ? 0 : perMoney,
        tax: preferences.considerTaxImplications == true ? perMoney : 0
    )
    return allocation.instruments.map { instrument in
        TradeCharge(
            instrument,
            lots: lots[instrument.id] ?? [],
            method: rules.lotMethods[instrument.id] ?? rules.defaultLotMethod,
            circumstances: SaleCircumstances(
                of: instrument,
                on: portfolio,
                preferences,
                purchases: purchases[instrument.id] ?? []
            ),
            preferences: preferences,
            weights: weights
        )
    }
}

/// The limits that are linear in several weights: what is left of the compiled ones without the budget.
private func planRows(_ limits: AllocationLimits) -> [PlanRow] {
    let count = limits.layout.instrumentCount
    let ofLargest = limits.largestSums.map(\.expressions)
    let kept = limits.expressions.indices.dropFirst(count + 2).filter { index in
        !ofLargest.contains { $0.contains(index) }
    }
    return kept.map { index in
        let expression = limits.expressions[index]
        var row = PlanRow(
            coefficients: [Double](repeating: 0, count: count),
            cash: 0,
            lower: -.infinity,
            upper: .infinity
        )
        for term in expression.terms {
            if term.variable < count {
                row.coefficients[term.variable] += term.coefficient
            } else if term.variable == limits.layout.cash {
                row.cash += term.coefficient
            }
        }
        let slack = PlanProblem.limitSlack * expression.scale
        if let lower = expression.lower { row.lower = lower.bound - slack }
        if let upper = expression.upper { row.upper = upper.bound + slack }
        return row
    }
}

extension AllocationProblem {
    /// The same mandate with the least risk as its objective.
    var minimizingRisk: AllocationProblem {
        var copy = self
        copy.type = .meanVariance
        copy.objective = .minimizeRisk
        copy.riskMeasure = .volatility
        return copy
    }

    /// The same mandate with nothing said about turnover and costs, so that its limits are over weights alone.
    var withoutTurnover: AllocationProblem {
        var copy = self
        copy.constraints.maxTurnover = nil
        copy.preferences.includeTransactionCosts = nil
        copy.preferences.considerTaxImplications = nil
        return copy
    }
}
