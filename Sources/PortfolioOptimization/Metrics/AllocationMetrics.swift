public import PortfolioModel

/// An allocation with everything its figures are computed from.
public struct EvaluatedAllocation: Sendable {
    /// Weights in the order of the moments' instruments.
    public var weights: [Double]
    /// The weight of cash.
    public var cash: Double
    /// The moments the allocation was chosen by.
    public var moments: Moments
    /// The holdings before trading.
    public var holdings: Holdings
    /// Benchmark weights, if the portfolio has a benchmark.
    public var benchmark: [String: Double]?
    /// The preferences in force.
    public var preferences: Preferences
    /// The chosen measure of its risk; nil stands for volatility.
    public var measured: MeasuredRisk?

    /// Puts an allocation together; `weights` has an entry for each instrument of the moments.
    public init(
        weights: [Double],
        cash: Double,
        moments: Moments,
        holdings: Holdings,
        benchmark: [String: Double]?,
        preferences: Preferences,
        measured: MeasuredRisk? = nil
    ) {
        precondition(weights.count == moments.instruments.count, "a weight for each instrument of the moments")
        self.weights = weights
        self.cash = cash
        self.moments = moments
        self.holdings = holdings
        self.benchmark = benchmark
        self.preferences = preferences
        self.measured = measured
    }

    /// The weights as a result shows them: cash under `cash`, zeros left out.
    public var allocation: [String: Double] {
        var allocation: [String: Double] = [:]
        for (i, weight) in weights.enumerated() where weight != 0 { allocation[moments.instruments[i]] = weight }
        if cash != 0 { allocation["cash"] = cash }
        return allocation
    }

    /// Each instrument's share of the risk: wᵢ(Σw)ᵢ / wᵀΣw, or the Euler contribution to the chosen measure.
    ///
    /// Empty when the risk is 0; zeros are left out.
    public var riskContributions: [String: Double] {
        var shares: [String: Double] = [:]
        let contributions =
            measured?.contributions ?? RiskFigures(weights: weights, covariance: moments.covariance).contributions
        for (i, share) in contributions.enumerated() where share != 0 { shares[moments.instruments[i]] = share }
        return shares
    }

    /// Computes every figure of the allocation; one without a meaning is nil, with its reason in `notes`.
    ///
    /// - Parameter plan: the listed trades: costs and taxes are theirs, not those of the exact weights.
    /// - Returns: the figures, annual where they are returns or risks.
    public func metrics(of plan: TradePlan) -> AllocationMetrics {
        let rate = preferences.effectiveRiskFreeRate
        let expectedReturn = dot(moments.expectedReturns, weights) + rate * cash
        let risk = RiskFigures(weights: weights, covariance: moments.covariance)
        let twoWay = twoWayTurnover
        let active = activeFigures
        var metrics = AllocationMetrics(
            expectedReturn: expectedReturn,
            expectedVolatility: risk.volatility,
            sharpeRatio: nil,
            maxDrawdown: moments.history.flatMap { maximumDrawdown(weights: weights, returns: $0) },
            turnover: twoWay / 2,
            turnoverTwoWay: twoWay,
            informationRatio: active.informationRatio,
            risk: measured?.value ?? risk.volatility,
            returnRiskRatio: nil,
            expectedReturnNet: expectedReturn - annualDrag(of: plan),
            transactionCosts: plan.transactionCosts,
            tax: plan.tax,
            trackingError: active.trackingError,
            diversificationRatio: nil,
            effectivePositions: 1 / (dot(weights, weights) + cash * cash),
            riskFreeRate: rate,
            notes: active.notes
        )
        if metrics.maxDrawdown == nil { metrics.notes["max_drawdown"] = "the risk model has no history of returns" }
        if risk.volatility > 0 {
            metrics.diversificationRatio = risk.undiversifiedVolatility / risk.volatility
        } else {
            metrics.notes["diversification_ratio"] = "the volatility is 0"
        }
        let ratioNote = risk.volatility > 0 ? moments.missingReturnsNote : "the volatility is 0"
        if let ratioNote {
            metrics.notes["sharpe_ratio"] = ratioNote
        } else {
            metrics.sharpeRatio = (expectedReturn - rate) / risk.volatility
        }
        let measuredNote = measured.map { $0.value > 0 ? moments.missingReturnsNote : "the risk is not above 0" }
        if let note = measuredNote ?? ratioNote {
            metrics.notes["return_risk_ratio"] = note
        } else {
            metrics.returnRiskRatio = (expectedReturn - rate) / metrics.risk
        }
        return metrics
    }

    /// Costs and taxes of the listed trades as an annual return, where the preferences ask for them.
    private func annualDrag(of plan: TradePlan) -> Double {
        var money = 0.0
        if preferences.includeTransactionCosts == true { money += plan.transactionCosts }
        if preferences.considerTaxImplications == true { money += plan.tax }
        return money / holdings.value / preferences.effectiveCostHorizonYears
    }

    /// Σ|target − current|, cash included.
    private var twoWayTurnover: Double {
        var total = abs(cash - holdings.cashWeight)
        for (i, id) in moments.instruments.enumerated() { total += abs(weights[i] - holdings.weight(of: id)) }
        let known = Set(moments.instruments)
        for id in holdings.quantities.keys.sorted() where !known.contains(id) { total += holdings.weight(of: id) }
        return total
    }

    /// Tracking error √((w−b)ᵀΣ(w−b)) and information ratio μᵀ(w−b) / tracking error.
    private var activeFigures: (trackingError: Double?, informationRatio: Double?, notes: [String: String]) {
        func without(_ reason: String) -> (Double?, Double?, [String: String]) {
            (nil, nil, ["tracking_error": reason, "information_ratio": reason])
        }
        guard let benchmark else { return without("the portfolio has no benchmark") }
        let known = Set(moments.instruments)
        guard benchmark.allSatisfy({ known.contains($0.key) || $0.key == "cash" || $0.value == 0 }) else {
            return without("the benchmark holds instruments that the risk model does not have")
        }
        let active = moments.instruments.enumerated().map { weights[$0.offset] - (benchmark[$0.element] ?? 0) }
        let trackingError = RiskFigures(weights: active, covariance: moments.covariance).volatility
        if let note = trackingError > 0 ? moments.missingReturnsNote : "the tracking error is 0" {
            return (trackingError, nil, ["information_ratio": note])
        }
        return (trackingError, dot(moments.expectedReturns, active) / trackingError, [:])
    }
}

extension Moments {
    /// Why figures of return have no meaning, or nil when they have one.
    fileprivate var missingReturnsNote: String? {
        expectedReturnsEstimator == "none" ? "the risk model has no expected returns" : nil
    }
}

private func dot(_ left: [Double], _ right: [Double]) -> Double {
    var sum = 0.0
    for (i, value) in left.enumerated() { sum += value * right[i] }
    return sum
}
