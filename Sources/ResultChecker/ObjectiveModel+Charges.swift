internal import Glibc
internal import PortfolioModel

/// What trades cost an objective: proportional rates, market impact, and tax by lot.
extension ObjectiveModel {
    /// The charges that a mandate's preferences and objective ask for, cash last.
    static func charges(_ mandate: Mandate) -> [WeightCharge] {
        let (preferences, objective) = (mandate.preferences, mandate.request.objective)
        let isCost = objective == .minimizeTransactionCosts
        let paysCosts = isCost || (preferences.includeTransactionCosts == true && objective.needsExpectedReturns)
        let paysTaxes = preferences.considerTaxImplications == true && objective.needsExpectedReturns
        let years = isCost ? 1 : preferences.costHorizonYears ?? 1
        // Impact and losses are counted where the solver can tell a purchase from a sale (docs/mathematics.md, "Costs and
        // taxes in the objective").
        let isPlain = mandate.riskMeasure == .volatility && !mandate.choosesPositions
        let paysFixed = paysCosts && mandate.countsFixedCosts
        var charges: [WeightCharge] = []
        for id in mandate.moments.instruments {
            var charge = WeightCharge()
            charge.held = mandate.current[id] ?? 0
            if paysCosts { charge.add(costs: 1 / years, of: id, countsImpact: isPlain, mandate) }
            if paysFixed { charge.fixed = max(0, mandate.instruments[id]?.cost?.fixed ?? 0) / mandate.value / years }
            if paysTaxes, !mandate.permitsShorts {
                charge.lots = taxedParts(of: id, mandate, countsLosses: isPlain, spoiled: true).map {
                    WeightCharge.Lot(width: $0.width, rate: $0.rate / years)
                }
            }
            charges.append(charge)
        }
        var cash = WeightCharge()
        cash.held = mandate.current["cash"] ?? 0
        return charges + [cash]
    }

    /// Makes the model that of a sum of terms.
    ///
    /// - Returns: false where a term is not concave, or risks are measured over scenarios in more than one way.
    mutating func setTerms(_ exposure: Exposure, _ mandate: Mandate) -> Bool {
        let terms = mandate.request.terms
        guard terms.nonconvex(under: mandate.preferences).isEmpty else { return false }
        for term in terms {
            guard add(term, exposure, mandate) else { return false }
            value += term.weight * worstValue(of: term, exposure, mandate).value
        }
        let rates = terms.charges(under: mandate.preferences)
        for (index, id) in mandate.moments.instruments.enumerated() {
            if rates.cost != 0 { charges[index].add(costs: -rates.cost, of: id, countsImpact: true, mandate) }
            guard rates.tax != 0 else { continue }
            charges[index].lots = taxedParts(of: id, mandate, countsLosses: true, spoiled: false).map {
                WeightCharge.Lot(width: $0.width, rate: -rates.tax * $0.rate)
            }
        }
        return true
    }

    /// Adds a term's slope; costs and taxes are charges of their own, and its value is nobody's business here.
    private mutating func add(_ term: ObjectiveTerm, _ exposure: Exposure, _ mandate: Mandate) -> Bool {
        let (moments, weight) = (mandate.moments, term.weight)
        let all = exposure.weights + [exposure.cash]
        switch term.kind {
        case .expectedReturn:
            add((moments.expectedReturns + [mandate.preferences.riskFreeRate ?? 0]).map { weight * $0 })
        case .variance:
            let slope = Slope(exposure.weights, moments)
            add(slope.gradient(by: 2 * weight * slope.volatility))
        case .risk:
            var measured = mandate
            measured.riskMeasure = term.riskMeasure ?? mandate.riskMeasure
            guard riskPrice == 0 || measured.riskMeasure == riskMeasure || measured.riskMeasure == .volatility
            else { return false }
            if measured.riskMeasure != .volatility { riskMeasure = measured.riskMeasure }
            let before = value
            defer { value = before }
            return add(riskAt: -weight, exposure, measured)
        case .turnover:
            for index in charges.indices { charges[index].add(rate: -weight / 2, at: charges[index].held) }
        case .cost, .tax: break
        case .trackingError:
            guard let active = activeWeights(exposure, mandate) else { return false }
            add(Slope(active, moments).gradient(by: weight))
        case .concentration: add(all.map { 2 * weight * $0 })
        case .entropy:
            // The slope at 0 is infinite; what is not held is held in the smallest amount there is.
            add(all.map { -weight * (log(max($0, Double.leastNormalMagnitude)) + 1) })
        case .factorExposure:
            guard let factor = term.factor, let coefficients = factorCoefficients(factor, moments) else { return false }
            add(coefficients.map { weight * $0 })
        case .score: add(moments.instruments.map { weight * (term.scores?[$0] ?? 0) })
        }
        return true
    }
}

extension WeightCharge {
    /// Adds what trading an instrument costs, times a factor.
    fileprivate mutating func add(costs factor: Double, of id: String, countsImpact: Bool, _ mandate: Mandate) {
        let cost = mandate.instruments[id]?.cost
        add(rate: factor * (cost?.proportional ?? mandate.preferences.transactionCostModel ?? 0), at: held)
        guard countsImpact, let cost, let daily = cost.averageDailyValue, daily > 0 else { return }
        impact += factor * cost.impact * (mandate.value / daily).squareRoot()
    }
}

extension Mandate {
    /// Whether who is held is part of the question.
    var choosesPositions: Bool { limits.maxPositions != nil || (limits.minPositionSize ?? 0) > 0 }

    /// Whether what trading at all costs is part of an objective that pays costs: a search over few enough trades.
    fileprivate var countsFixedCosts: Bool {
        guard riskMeasure == .volatility, !choosesPositions, !request.objective.isOfTerms,
            request.type != .multiPeriod
        else { return false }
        let count = moments.instruments.reduce(0) { $0 + (universe.contains($1) || held[$1] != nil ? 1 : 0) }
        return count <= Capabilities.fixedCostInstruments(of: request.objective)
    }
}

/// What is held of an instrument by what selling it is taxed, the least taxed first, in weights.
///
/// A loss lowers the tax where losses count; with `spoiled` none does where a purchase within 30 days may disallow one.
private func taxedParts(
    of id: String,
    _ mandate: Mandate,
    countsLosses: Bool,
    spoiled: Bool
) -> [(width: Double, rate: Double)] {
    guard let price = mandate.instruments[id]?.price, let held = mandate.current[id], held > 0 else { return [] }
    let portfolio = mandate.snapshot.portfolio
    let today = portfolio.asOf.date
    let lots = portfolio.positions.filter { $0.instrumentID == id }.flatMap(\.taxLots)
    let units = lots.reduce(0) { $0 + $1.quantity }
    guard units > 0 else { return [] }
    let isSpoiled = spoiled && mayWash(lots, id, price, mandate)
    var parts: [(width: Double, rate: Double)] = []
    for lot in lots where lot.quantity > 0 {
        let isLong = lotTerm(acquiredAt: lot.acquiredAt, soldOn: today) == .long
        let tax = (isLong ? mandate.preferences.longTermTaxRate : mandate.preferences.shortTermTaxRate) ?? 0
        let rate = tax * (1 - lot.costBasis / price)
        // Lots that do not add up to the holding are counted as shares of it where every loss counts.
        let width = spoiled ? lot.quantity * price / mandate.value : lot.quantity / units * held
        parts.append((width, countsLosses && !isSpoiled ? rate : max(0, rate)))
    }
    guard parts.contains(where: { $0.rate != 0 }) else { return [] }
    return parts.sorted { $0.rate < $1.rate }
}

/// Whether units of an instrument bought within 30 days may disallow a loss.
private func mayWash(_ lots: [TaxLot], _ id: String, _ price: Double, _ mandate: Mandate) -> Bool {
    guard lots.contains(where: { $0.costBasis > price }) else { return false }
    let today = mandate.snapshot.portfolio.asOf.date.daysSinceEpoch
    if lots.contains(where: { abs($0.acquiredAt.daysSinceEpoch - today) <= 30 && $0.quantity > 0 }) { return true }
    return mandate.snapshot.portfolio.recentTrades.contains {
        $0.instrumentID == id && abs($0.date.daysSinceEpoch - today) <= 30 && $0.quantity > 0
    }
}
