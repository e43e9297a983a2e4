internal import Glibc
internal import PortfolioModel

/// Recomputes what each term of an objective comes to, and that the sum of them may be maximized at all.
func checkObjectiveTerms(
    of result: OptimizationResult,
    _ exposure: Exposure,
    _ mandate: Mandate,
    _ findings: inout Findings
) {
    let isOfTerms = mandate.request.objective == .custom || mandate.request.objective == .multiObjective
    guard isOfTerms, let values = result.objectiveTerms else {
        findings.require(
            !isOfTerms && result.objectiveTerms == nil,
            "objective_terms",
            expected: isOfTerms ? "a value for each term" : "none",
            actual: result.objectiveTerms == nil ? "none" : "\(result.objectiveTerms?.count ?? 0)"
        )
        return
    }
    let terms = mandate.request.terms
    findings.require(
        values.map(\.term).elementsEqual(terms) {
            $0.measuresTheSame(as: $1) && $0.weight == $1.weight && $0.label == $1.label
        },
        "objective_terms",
        expected: "the terms of the request",
        actual: "others"
    )
    for term in terms.nonconvex(under: mandate.preferences) {
        findings.require(false, "objective_terms/\(term.index)", expected: "a concave sum", actual: term.reason)
    }
    if mandate.request.type == .multiPeriod {
        for term in terms.withoutPath(under: mandate.preferences) {
            let claim = "objective_terms/\(term.index)"
            findings.require(false, claim, expected: "a term of several periods", actual: term.reason)
        }
    }
    if mandate.request.type == .robust, let uncertainty = mandate.request.parameters.uncertainty {
        for term in terms.withoutWorstCase(under: uncertainty) {
            let claim = "objective_terms/\(term.index)"
            findings.require(false, claim, expected: "a known worst case", actual: term.reason)
        }
    }
    for (index, value) in values.enumerated() {
        let (expected, slack) = worstValue(of: value.term, exposure, mandate)
        findings.equal(value.value, expected, "objective_terms/\(index)/value", within: slack)
    }
}

/// A term in the worst case of what is uncertain, and what rounding may change it by; its value where nothing is.
func worstValue(
    of term: ObjectiveTerm,
    _ exposure: Exposure,
    _ mandate: Mandate
) -> (value: Double, slack: Double) {
    switch term.kind {
    case .expectedReturn:
        let defined = definedValue(of: term, exposure, mandate)
        guard let penalty = mandate.returnPenalty(of: exposure.weights) else { return defined }
        return (defined.value - penalty, 1e-11)
    case .risk where term.riskMeasure == .conditionalValueAtRisk:
        let defined = definedValue(of: term, exposure, mandate)
        if let penalty = mandate.riskPenalty(of: exposure.weights) { return (defined.value + penalty, defined.slack) }
    case .variance, .risk: break
    case .turnover, .cost, .tax, .trackingError, .concentration, .entropy, .factorExposure, .score:
        return definedValue(of: term, exposure, mandate)
    }
    guard mandate.hasWorstCovariance else { return definedValue(of: term, exposure, mandate) }
    let worst = mandate.onWorstCovariance
    let measured = Exposure(weights: exposure.weights, cash: exposure.cash, moments: worst.moments)
    return definedValue(of: term, measured, worst)
}

/// A term from its definition, and what rounding may change it by.
func definedValue(
    of term: ObjectiveTerm,
    _ exposure: Exposure,
    _ mandate: Mandate
) -> (value: Double, slack: Double) {
    let weights = exposure.weights
    switch term.kind {
    case .expectedReturn:
        let preferences = mandate.preferences
        var value = exposure.expectedReturn(mandate.moments, riskFreeRate: preferences.riskFreeRate ?? 0)
        let years = preferences.costHorizonYears ?? 1
        if preferences.includeTransactionCosts == true { value -= exactCost(exposure, mandate) / years }
        if preferences.considerTaxImplications == true { value -= exactTax(exposure, mandate) / years }
        return (value, 0)
    case .variance: return (max(0, exposure.variance), 1e-14 * exposure.undiversified * exposure.undiversified)
    case .risk:
        var measured = mandate
        measured.riskMeasure = term.riskMeasure ?? mandate.riskMeasure
        let value = chosenRisk(of: exposure, measured)
        guard measured.riskMeasure == .volatility else { return (value, 1e-12) }
        return (value, rounding(of: exposure))
    case .turnover: return (oneWayTurnover(exposure, mandate), 0)
    case .cost: return (exactCost(exposure, mandate), 0)
    case .tax: return (exactTax(exposure, mandate), 1e-11)
    case .trackingError:
        guard let benchmark = mandate.snapshot.portfolio.benchmark else { return (.nan, 0) }
        let active = mandate.moments.instruments.enumerated().map { weights[$0] - (benchmark[$1] ?? 0) }
        let difference = Exposure(weights: active, cash: 0, moments: mandate.moments)
        return (difference.volatility, rounding(of: difference))
    case .concentration:
        var sum = exposure.cash * exposure.cash
        for weight in weights { sum += weight * weight }
        return (sum, 0)
    case .entropy:
        var sum = 0.0
        for weight in weights + [exposure.cash] where weight > 0 { sum -= weight * log(weight) }
        return (sum, 0)
    case .factorExposure:
        return (term.factor.flatMap { factorExposure($0, weights, mandate.moments) } ?? .nan, 1e-12)
    case .score:
        var sum = 0.0
        for (i, id) in mandate.moments.instruments.enumerated() { sum += weights[i] * (term.scores?[id] ?? 0) }
        return (sum, 1e-12)
    }
}

/// The square root of a variance near 0 is that of a difference of large terms.
private func rounding(of exposure: Exposure) -> Double {
    let noise = 1e-14 * exposure.undiversified * exposure.undiversified
    return min(noise.squareRoot(), noise / max(exposure.volatility, 1e-300))
}

/// What trading exactly to the target costs, as a fraction of value: without what a trade costs whatever its size.
private func exactCost(_ exposure: Exposure, _ mandate: Mandate) -> Double {
    var money = 0.0
    for (i, id) in mandate.moments.instruments.enumerated() {
        guard let instrument = mandate.instruments[id] else { continue }
        let traded = abs(exposure.weights[i] - (mandate.current[id] ?? 0)) * mandate.value
        guard traded > 0 else { continue }
        money += orderCost(of: instrument, value: traded, mandate) - (instrument.cost?.fixed ?? 0)
    }
    return money / mandate.value
}

/// The tax of selling exactly to the target, the lots taxed least first and every loss counted, as a fraction of value.
private func exactTax(_ exposure: Exposure, _ mandate: Mandate) -> Double {
    let preferences = mandate.preferences
    let today = mandate.snapshot.portfolio.asOf.date
    var money = 0.0
    for (i, id) in mandate.moments.instruments.enumerated() {
        let held = mandate.current[id] ?? 0
        guard exposure.weights[i] < held, let price = mandate.instruments[id]?.price else { continue }
        let lots = mandate.snapshot.portfolio.positions.filter { $0.instrumentID == id }.flatMap(\.taxLots)
        let offers = lots.map { lot in
            let isLong = lotTerm(acquiredAt: lot.acquiredAt, soldOn: today) == .long
            let rate = (isLong ? preferences.longTermTaxRate : preferences.shortTermTaxRate) ?? 0
            return (perUnit: rate * (price - lot.costBasis), units: lot.quantity)
        }
        var left = (held - exposure.weights[i]) / held * lots.reduce(0) { $0 + $1.quantity }
        for offer in offers.sorted(by: { $0.perUnit < $1.perUnit }) {
            let units = min(left, offer.units)
            money += units * offer.perUnit
            left -= units
        }
    }
    return money / mandate.value
}
