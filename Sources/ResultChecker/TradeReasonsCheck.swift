internal import Matrices
internal import PortfolioModel

/// Recomputes why each trade is recommended: what the objective would lose if the trade's money stayed in cash.
struct TradeReasonsCheck {
    private let result: OptimizationResult
    private let mandate: Mandate
    private let places: [String: Int]
    /// Weights, less those of the benchmark where the objective is measured against it.
    private let weights: [Double]
    /// Σw of what is traded.
    private let marginals: [Int: Double]
    private let scenarios: ScenarioMeasure?
    private let prices: Prices
    /// By how much the worst return is below the expected one; nil where returns are certain.
    private let returnPenalty: Double?

    /// A risk may differ by this share of Σ|wᵢ|σᵢ, or of Σ|wᵢ| for a measure over scenarios.
    private static let riskNoise = 1e-10
    /// An entropic risk is found by a search in either place.
    private static let entropicNoise = 1e-8
    /// More trades than this are not recomputed under an entropic measure, whose every value is a search.
    private static let mostEntropic = 64
    /// More trades than this are not recomputed where returns are uncertain, which takes all covariances each time.
    private static let mostUncertain = 64

    init(of result: OptimizationResult, _ exposure: Exposure, _ mandate: Mandate) {
        self.result = result
        let nominal = mandate
        let mandate = nominal.onWorstCovariance
        self.mandate = mandate
        places = Dictionary(mandate.moments.instruments.enumerated().map { ($1, $0) }) { first, _ in first }
        let prices = Prices(nominal.worstFigures(of: result.metrics, exposure), mandate)
        self.prices = prices
        var weights = exposure.weights
        if prices.isActive, let benchmark = mandate.snapshot.portfolio.benchmark {
            for (index, id) in mandate.moments.instruments.enumerated() { weights[index] -= benchmark[id] ?? 0 }
        }
        self.weights = weights
        returnPenalty = prices.earned == 0 ? nil : mandate.returnPenalty(of: weights)
        let traded = result.trades.compactMap { [places] in places[$0.instrumentID] }
        marginals = marginalCovariances(of: weights, at: traded, mandate.moments.covariance)
        scenarios =
            mandate.riskMeasure == .volatility || prices.risk == 0
            ? nil
            : ScenarioMeasure(
                mandate.riskMeasure,
                weights: weights,
                moments: mandate.moments,
                confidence: mandate.preferences.confidenceLevel ?? 0.95
            )
    }

    func check(_ findings: inout Findings) {
        var variance = 0.0
        var size = 0.0
        let products = marginalCovariances(of: weights, at: Array(weights.indices), mandate.moments.covariance)
        for (index, weight) in weights.enumerated() {
            variance += weight * (products[index] ?? 0)
            size += abs(weight) * max(0, mandate.moments.covariance[index, index]).squareRoot()
        }
        let before = scenarios?.evaluated().value
        let isSearched = mandate.riskMeasure == .entropicValueAtRisk && scenarios != nil
        for (index, trade) in result.trades.enumerated() {
            let claim = "trades/\(index)/reasons"
            guard !mandate.request.objective.isOfTerms else {
                findings.require(trade.reasons == nil, claim, expected: "none: the terms say why", actual: "reasons")
                continue
            }
            guard let reasons = trade.reasons else {
                findings.require(false, claim, expected: "why it is recommended", actual: "nothing")
                continue
            }
            let gained = reasons.expectedReturn + reasons.risk + reasons.cost + reasons.tax
            findings.equal(reasons.constraints, max(0, -gained), "\(claim)/constraints")
            findings.equal(reasons.total, gained + reasons.constraints, "\(claim)/total")
            checkMoney(of: trade, reasons, claim, &findings)
            guard let place = places[trade.instrumentID] else { continue }
            let excess = mandate.moments.expectedReturns[place] - prices.cash
            if returnPenalty == nil || index < Self.mostUncertain {
                let earned = prices.earned * (excess * trade.weightChange - penaltyAdded(by: trade, place))
                findings.equal(
                    reasons.expectedReturn,
                    earned,
                    "\(claim)/return",
                    within: returnPenalty == nil ? 0 : 1e-11
                )
            }
            if isSearched, index >= Self.mostEntropic { continue }
            let own = mandate.moments.covariance[place, place]
            let (removed, noise) = removed(by: trade, place, own: own, variance: variance, size: size, before: before)
            findings.equal(reasons.risk, removed, "\(claim)/risk", within: noise)
        }
    }

    /// What a trade adds to how far the return may be off.
    private func penaltyAdded(by trade: Trade, _ place: Int) -> Double {
        guard let returnPenalty else { return 0 }
        var without = weights
        without[place] -= trade.weightChange
        return returnPenalty - (mandate.returnPenalty(of: without) ?? .nan)
    }

    /// What a trade costs and is taxed, as the objective counts it.
    private func checkMoney(of trade: Trade, _ reasons: TradeReasons, _ claim: String, _ findings: inout Findings) {
        let preferences = mandate.preferences
        let years = prices.costsOnly ? 1 : preferences.costHorizonYears ?? 1
        let counted = prices.costsOnly || (prices.earned != 0 && preferences.includeTransactionCosts == true)
        findings.equal(reasons.cost, counted ? -trade.cost / mandate.value / years : 0, "\(claim)/cost")
        var tax = 0.0
        if prices.earned != 0, preferences.considerTaxImplications == true {
            for lot in trade.taxLots {
                let rate = lot.term == .long ? preferences.longTermTaxRate : preferences.shortTermTaxRate
                tax += (rate ?? 0) * (lot.gain + lot.disallowedLoss)
            }
        }
        findings.equal(reasons.tax, -tax / mandate.value / years, "\(claim)/tax")
    }

    /// The objective's loss of risk without a trade, and how far it may be off.
    private func removed(
        by trade: Trade,
        _ place: Int,
        own: Double,
        variance: Double,
        size: Double,
        before: Double?
    ) -> (value: Double, noise: Double) {
        let undone = -trade.weightChange
        let changed = variance + undone * (2 * (marginals[place] ?? 0) + undone * own)
        let price = prices.risk
        if mandate.riskMeasure != .volatility, price != 0 {
            let noise = mandate.riskMeasure == .entropicValueAtRisk ? Self.entropicNoise : Self.riskNoise
            let spread = abs(price) * noise * weights.reduce(abs(undone)) { $0 + abs($1) }
            if let scenarios, let before {
                var added = scenarios.evaluated(changing: place, by: undone).value - before
                if let penalty = mandate.riskPenalty(of: weights) {
                    var without = weights
                    without[place] += undone
                    added += (mandate.riskPenalty(of: without) ?? .nan) - penalty
                }
                return (price * added, spread)
            }
            guard let multiple = gaussianMultiple(mandate) else { return (.nan, 0) }
            let periods = mandate.moments.periodsPerYear
            let roots = max(0, changed).squareRoot() - max(0, variance).squareRoot()
            let mean = undone * mandate.moments.expectedReturns[place]
            return (price * (multiple * roots / periods.squareRoot() - mean / periods), spread)
        }
        let scale = size + abs(undone) * max(0, own).squareRoot()
        let noise = Self.riskNoise * scale * (prices.isSquared ? scale : 1) * max(1, abs(price))
        if price != 0, let added = worstAdded(place, by: undone) { return (price * added, noise) }
        if prices.isSquared { return (price * (changed - variance), noise) }
        var value = price * (max(0, changed).squareRoot() - max(0, variance).squareRoot())
        if prices.countsVolatilities {
            value += max(0, own).squareRoot() * (abs(weights[place]) - abs(weights[place] + undone))
        }
        return (value, noise)
    }

    /// What a change of one weight adds to the worst risk of uncertain loadings; nil where they are certain.
    private func worstAdded(_ place: Int, by change: Double) -> Double? {
        var without = weights
        without[place] += change
        guard let worst = mandate.worstLoadingVolatility(of: weights),
            let other = mandate.worstLoadingVolatility(of: without)
        else { return nil }
        return prices.isSquared ? other * other - worst * worst : other - worst
    }

    /// What an objective pays for return and takes for risk.
    private struct Prices {
        var earned = 0.0
        var cash = 0.0
        var risk = 1.0
        var isActive = false
        var isSquared = false
        var countsVolatilities = false
        var costsOnly = false

        init(_ metrics: AllocationMetrics, _ mandate: Mandate) {
            let rate = mandate.preferences.riskFreeRate ?? 0
            let aversion = mandate.preferences.riskAversion ?? 2.5
            switch mandate.request.objective {
            case .maximizeSharpe:
                (earned, cash) = (1, rate)
                risk = metrics.risk > 0 ? (metrics.expectedReturnNet - rate) / metrics.risk : 0
            case .maximizeReturn: (earned, cash, risk) = (1, rate, 0)
            case .maximizeUtility:
                (earned, cash) = (1, rate)
                isSquared = mandate.riskMeasure == .volatility
                risk = isSquared ? aversion / 2 : aversion * mandate.moments.periodsPerYear
            case .maximizeInformationRatio:
                (earned, isActive) = (1, true)
                risk = metrics.informationRatio ?? 0
            case .minimizeTrackingError: isActive = true
            case .maximizeDiversification:
                countsVolatilities = true
                risk = metrics.diversificationRatio ?? 0
            case .minimizeTransactionCosts: (costsOnly, risk) = (true, 0)
            case .minimizeRisk, .riskBudgeting, .multiObjective, .custom: break
            }
        }
    }
}

/// (Σw)ᵢ at some places, by the definition; a factor model is not multiplied out.
func marginalCovariances(of weights: [Double], at places: [Int], _ covariance: CovarianceModel) -> [Int: Double] {
    let held = weights.indices.filter { weights[$0] != 0 }
    var products: [Int: Double] = [:]
    switch covariance {
    case .dense(let matrix):
        for i in places {
            var sum = 0.0
            for j in held { sum += matrix[i, j] * weights[j] }
            products[i] = sum
        }
    case .factors(let model):
        let factors = model.factorCovariance
        var total = [Double](repeating: 0, count: factors.rows)
        for j in held {
            for (f, exposure) in model.exposures.column(j).enumerated() { total[f] += exposure * weights[j] }
        }
        var pressure = [Double](repeating: 0, count: factors.rows)
        for f in pressure.indices {
            for g in total.indices { pressure[f] += factors[f, g] * total[g] }
        }
        for i in places {
            var sum = model.specificVariance[i] * weights[i]
            for (f, exposure) in model.exposures.column(i).enumerated() { sum += exposure * pressure[f] }
            products[i] = sum
        }
    }
    return products
}

/// Checks what is listed as not held: everything that could be and is not, each once.
func checkExcluded(of result: OptimizationResult, _ exposure: Exposure, _ mandate: Mandate, _ findings: inout Findings)
{
    var expected: Set<String> = []
    for (index, id) in mandate.moments.instruments.enumerated() where exposure.weights[index] == 0 {
        if mandate.universe.contains(id) || mandate.held[id] != nil { expected.insert(id) }
    }
    for (index, entry) in result.excluded.enumerated() {
        let claim = "excluded/\(index)"
        let isNew = expected.remove(entry.instrumentID) != nil
        findings.require(isNew, claim, expected: "an instrument not held, once", actual: entry.instrumentID)
        guard let cost = entry.reducedCost else { continue }
        let id = entry.instrumentID
        let mayBeHeld =
            mandate.universe.contains(id) && mandate.limits.maxWeights?[id] != 0
            && (mandate.limits.maxWeightChanges?[id] ?? mandate.limits.maxWeightChange) != 0
        findings.require(
            cost.isFinite && (cost <= Tolerance.optimal || !mayBeHeld),
            "\(claim)/reduced_cost",
            expected: mayBeHeld ? "not positive" : "a number",
            actual: "\(cost)"
        )
    }
    findings.require(
        expected.isEmpty,
        "excluded",
        expected: "everything not held",
        actual: "without \(expected.sorted().prefix(3))"
    )
}
