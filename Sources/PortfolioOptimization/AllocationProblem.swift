public import Matrices
public import PortfolioModel

/// What is to be decided: the instruments, their moments, what is held now, the limits in force and the objective.
///
/// Instruments stand in the order of the moments; they are those of the universe and those held. Weights are fractions
/// of the value before trading, V = Σ quantity · price + cash.
public struct AllocationProblem: Sendable {
    /// The kind of optimization asked for.
    public internal(set) var type: OptimizationType
    /// What is striven for.
    public internal(set) var objective: Objective
    /// How risk is measured.
    public internal(set) var riskMeasure: RiskMeasure
    /// The instruments of the universe and those held, in the order of the moments.
    public let instruments: [Instrument]
    /// Annual expected returns, one an instrument.
    public internal(set) var expectedReturns: [Double]
    /// Annual covariance, positive semidefinite; a factor model in its parts.
    ///
    /// Where it is uncertain, the worst one.
    public let covariance: CovarianceModel
    /// The factors behind the returns, for the same instruments; nil when the risk model has none.
    public let factors: FactorStructure?
    /// Returns per period, T × n, when the model has scenarios.
    public let scenarios: DenseMatrix?
    /// The probabilities of the scenarios; nil when they are equally likely.
    public let scenarioProbabilities: [Double]?
    /// Periods in a year.
    public let periodsPerYear: Double
    /// Weights before trading.
    public internal(set) var currentWeights: [Double]
    /// Weight of cash before trading.
    public internal(set) var currentCash: Double
    /// V, money in the base currency; positive.
    public let portfolioValue: Double
    /// Whether an instrument may be in the target; one that is held outside the universe must be sold.
    public let isTradable: [Bool]
    /// The limits in force: the portfolio's with the request's laid over them.
    public internal(set) var constraints: Constraints
    /// The preferences in force.
    public internal(set) var preferences: Preferences
    /// What the method is told beyond limits and preferences.
    public let parameters: MethodParameters
    /// The benchmark, where the objective is measured against it and the portfolio has one.
    public internal(set) var benchmark: BenchmarkFigures?
    /// What a `custom` or `multi_objective` objective adds up, each risk with its measure; empty for the others.
    package internal(set) var terms: [ObjectiveTerm]
    /// What trading costs and is taxed, where terms are added up.
    let charges: TermCharges?
    /// The benchmark as a limit on the tracking error or a term needs it; nil without either.
    let tracking: TrackingModel?
    /// The lots held of each instrument by what selling them is taxed; empty where taxes are not considered.
    let taxedLots: [[TaxedLot]]
    /// How uncertain the expected returns are; nil where they are certain.
    let returnUncertainty: ReturnUncertainty?
    /// How uncertain the factor loadings are; nil where they are certain.
    let loadings: LoadingUncertainty?
    /// The annual expected returns of each period of a horizon; nil where they are the same in all.
    let periodReturns: [[Double]]?
    /// μᵀb of each of these periods.
    let periodBenchmarkReturns: [Double]?
    /// The limits that the holdings break already; none unless the mandate lets breaches be.
    var grandfathering = Grandfathering()
    /// Whether a failure says what clashes; nobody but tests of many mandates can do without.
    package var explainsFailures = true
    /// What the caller should know before anything is solved: preferences that change nothing here.
    public let warnings: [ResultWarning]

    /// Makes the problem of a request on a snapshot.
    ///
    /// - Throws: ``OptimizationFailure`` with the code `invalid_inputs` when the snapshot does not fit together: a
    ///   holding without moments or price, moments of the wrong size, no value, nothing that may be held.
    public init(
        snapshot: MandateSnapshot,
        moments: Moments,
        request: OptimizationRequest
    ) throws(OptimizationFailure) {
        let portfolio = snapshot.portfolio
        let universe = Set(portfolio.universe ?? snapshot.riskModel.instruments)
        let inForce = portfolio.constraints.overridden(by: request.constraints)
        let held = try heldQuantities(of: portfolio, mayBeShort: inForce.permitsShorts)
        let chosen = try chosenIndices(moments: moments, universe: universe, held: held)
        let known = Dictionary(snapshot.instruments.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        var instruments: [Instrument] = []
        for index in chosen {
            let id = moments.instruments[index]
            guard let instrument = known[id], instrument.price > 0, instrument.price.isFinite else {
                throw invalidInputs("The instrument \(id) has no price.")
            }
            instruments.append(instrument)
        }
        let values = instruments.map { (held[$0.id] ?? 0) * $0.price }
        let total = values.reduce(0, +) + portfolio.cash
        guard total > 0, total.isFinite else {
            throw invalidInputs("The portfolio is worth nothing: weights are fractions of its value.")
        }
        type = request.type
        objective = request.objective
        riskMeasure = request.riskMeasure
        parameters = request.parameters
        self.instruments = instruments
        expectedReturns = chosen.map { moments.expectedReturns[$0] }
        covariance = try covarianceGuardedAgainst(request, moments).selecting(chosen)
        factors = moments.factors.map { $0.selecting(chosen) }
        terms = request.terms
        let measures = terms.scenarioMeasures
        scenarios =
            request.riskMeasure == .volatility && measures.isEmpty
            ? nil : try scenarioReturns(of: moments, chosen: chosen)
        scenarioProbabilities = moments.probabilities
        periodsPerYear = moments.periodsPerYear
        currentWeights = values.map { $0 / total }
        currentCash = portfolio.cash / total
        portfolioValue = total
        isTradable = instruments.map { universe.contains($0.id) }
        constraints = inForce
        if inForce.permitsShorts, inForce.maxGrossExposure == nil {
            throw OptimizationFailure(
                code: "missing_gross_exposure",
                message: "allow_short needs max_gross_exposure: without it nothing bounds what is held short."
            )
        }
        try requireFactors(constraints, moments.factors)
        try Self.requireSoftLimits(constraints)
        if let refusal = refusal(
            of: constraints,
            request.type,
            request.objective,
            measures.first ?? request.riskMeasure
        ) {
            throw refusal
        }
        if let refusal = refusal(of: constraints, under: request) { throw refusal }
        try requireScenarios(constraints, request)
        preferences = portfolio.preferences.overridden(by: request.preferences)
        if request.objective.needsBenchmark, let weights = portfolio.benchmark {
            benchmark = try BenchmarkFigures(weights, moments: moments, chosen: chosen)
        } else {
            benchmark = nil
        }
        let softensError = constraints.softLimits != nil && request.objective == .minimizeTrackingError
        if constraints.maxTrackingError != nil || terms.needBenchmark || (softensError && benchmark != nil) {
            guard let weights = portfolio.benchmark else {
                let what = constraints.maxTrackingError != nil ? "max_tracking_error" : "The term tracking_error"
                throw OptimizationFailure(
                    code: "missing_benchmark",
                    message: "\(what) is measured against a benchmark, and the portfolio has none."
                )
            }
            tracking = try TrackingModel(weights, moments: moments, chosen: chosen)
        } else {
            tracking = nil
        }
        let foreseen = try foreseenReturns(request.parameters.horizon, moments: moments)
        periodReturns = foreseen.map { rows in rows.map { row in chosen.map { row[$0] } } }
        let benchmarkWeights = moments.instruments.map { portfolio.benchmark?[$0] ?? 0 }
        periodBenchmarkReturns = foreseen.map { rows in rows.map { dotProduct($0, benchmarkWeights) } }
        taxedLots = PortfolioOptimization.taxedLots(of: portfolio, instruments, preferences, value: total)
        returnUncertainty = try uncertainReturns(
            of: request,
            moments: moments,
            chosen: chosen,
            benchmark: request.objective.needsBenchmark ? portfolio.benchmark : nil
        )
        loadings = try uncertainLoadings(of: request, moments: moments, chosen: chosen)
        charges =
            terms.isEmpty
            ? nil
            : TermCharges(
                instruments,
                weights: currentWeights,
                value: portfolioValue,
                portfolio: portfolio,
                preferences: preferences
            )
        guard terms.isEmpty else {
            warnings =
                termWarnings(
                    terms,
                    preferences: preferences,
                    request: request,
                    charges: charges,
                    hasTaxLots: portfolio.positions.contains { !$0.taxLots.isEmpty }
                ) + uncertaintyWarnings(request, constraints)
            try grandfatherBreaches()
            return
        }
        warnings =
            preferenceWarnings(
                preferences: preferences,
                request: request,
                constraints: inForce,
                instruments: instruments,
                hasTaxLots: portfolio.positions.contains { !$0.taxLots.isEmpty }
            ) + uncertaintyWarnings(request, constraints)
        try grandfatherBreaches()
    }

    /// The proportional rate of trading each instrument that the objective is charged with; all 0 when costs stay out.
    ///
    /// An instrument's own rate goes before the one of the preferences.
    var objectiveCostRates: [Double] {
        guard objective.chargesCosts(preferences) else { return [Double](repeating: 0, count: instruments.count) }
        // Where cost is all that counts it is that of the trades, not of a year.
        let horizon = objective == .minimizeTransactionCosts ? 1 : preferences.effectiveCostHorizonYears
        let general = preferences.transactionCostModel ?? 0
        return instruments.map { ($0.cost?.proportional ?? general) / horizon }
    }
}

extension AllocationProblem {
    /// Volatility, annual, of weights; the worst one where factor loadings are uncertain.
    func annualizedVolatility(of weights: [Double]) -> Double {
        loadings?.volatility(of: weights) ?? covariance.quadraticForm(weights).squareRoot()
    }

    /// A power of two near the largest volatility of an instrument.
    var volatilityUnit: Double { powerOfTwo(near: (covariance.diagonal.max() ?? 0).squareRoot()) }

    /// What |w − c|^{3/2} = 1 of each instrument costs the objective; all 0 when costs stay out.
    var objectiveImpacts: [Double] {
        // A path charges its trades at proportional rates, alike in every period.
        guard objective.chargesCosts(preferences), riskMeasure == .volatility, type != .multiPeriod,
            !constraints.choosesPositions
        else {
            return [Double](repeating: 0, count: instruments.count)
        }
        let horizon = objective == .minimizeTransactionCosts ? 1 : preferences.effectiveCostHorizonYears
        return instruments.map { $0.impactRate(ofPortfolioWorth: portfolioValue) / horizon }
    }

    /// The lots of each instrument with what a unit of weight sold of them costs the objective.
    ///
    /// A loss is a reason to sell where it can be told exactly from a purchase, and counts for nothing elsewhere.
    var objectiveLots: [[TaxedLot]] {
        guard objective.chargesTaxes(preferences), !constraints.permitsShorts, type != .multiPeriod else {
            return instruments.map { _ in [] }
        }
        let horizon = preferences.effectiveCostHorizonYears
        let countsLosses = riskMeasure == .volatility && !constraints.choosesPositions
        return taxedLots.map { lots in
            guard lots.contains(where: { $0.rate > 0 || (countsLosses && $0.rate < 0) }) else { return [] }
            let counted = lots.map { lot in
                TaxedLot(width: lot.width, rate: (countsLosses ? lot.rate : max(0, lot.rate)) / horizon)
            }
            return counted.filter { $0.width > 0 }
        }
    }
}

extension Objective {
    /// Whether taxes are part of it.
    fileprivate func chargesTaxes(_ preferences: Preferences) -> Bool {
        preferences.considerTaxImplications == true && needsExpectedReturns
    }

    /// Whether trading costs are part of it.
    fileprivate func chargesCosts(_ preferences: Preferences) -> Bool {
        self == .minimizeTransactionCosts || (preferences.includeTransactionCosts == true && needsExpectedReturns)
    }
}

private func invalidInputs(_ message: String) -> OptimizationFailure {
    OptimizationFailure(code: "invalid_inputs", message: message)
}

private func dotProduct(_ left: [Double], _ right: [Double]) -> Double {
    zip(left, right).reduce(0) { $0 + $1.0 * $1.1 }
}

/// The rows of a horizon, which must have a number for each instrument of the moments.
private func foreseenReturns(_ horizon: Horizon?, moments: Moments) throws(OptimizationFailure) -> [[Double]]? {
    guard let rows = horizon?.expectedReturns else { return nil }
    let count = moments.instruments.count
    guard rows.count == horizon?.periodCount, rows.allSatisfy({ $0.count == count && $0.allSatisfy(\.isFinite) }) else {
        throw invalidInputs(
            "horizon.expected_returns must have, for each period, a number for each of the \(count) instruments of the"
                + " risk model, in its order."
        )
    }
    return rows
}

/// Units held by instrument; a position of 0 units is not a holding.
private func heldQuantities(
    of portfolio: Portfolio,
    mayBeShort: Bool
) throws(OptimizationFailure) -> [String: Double] {
    var held: [String: Double] = [:]
    for position in portfolio.positions where position.quantity != 0 {
        guard position.quantity > 0 || mayBeShort, position.quantity.isFinite else {
            let what = "The position in \(position.instrumentID) is not a positive quantity"
            throw invalidInputs("\(what), and allow_short is not set.")
        }
        held[position.instrumentID, default: 0] += position.quantity
    }
    guard portfolio.cash >= 0, portfolio.cash.isFinite else { throw invalidInputs("The cash held is negative.") }
    return held
}

/// Where the instruments of the universe and of the holdings stand in the moments, after a look at the moments' sizes.
private func chosenIndices(
    moments: Moments,
    universe: Set<String>,
    held: [String: Double]
) throws(OptimizationFailure) -> [Int] {
    let count = moments.instruments.count
    guard moments.expectedReturns.count == count, moments.covariance.count == count else {
        throw invalidInputs("The moments do not have one entry for each of the \(count) instruments.")
    }
    guard moments.expectedReturns.allSatisfy(\.isFinite), moments.covariance.isUsable else {
        throw invalidInputs("The moments hold a number that is not finite, or a negative variance.")
    }
    let modelled = Set(moments.instruments)
    if let missing = held.keys.filter({ !modelled.contains($0) }).min() {
        throw invalidInputs("\(missing) is held but is not in the risk model.")
    }
    if let missing = universe.filter({ !modelled.contains($0) }).min() {
        throw invalidInputs("\(missing) is in the universe but not in the risk model.")
    }
    guard !universe.isEmpty else { throw invalidInputs("The universe is empty: nothing may be held.") }
    return moments.instruments.indices.filter { index in
        universe.contains(moments.instruments[index]) || held[moments.instruments[index]] != nil
    }
}

/// The returns of the chosen instruments; those of all are shared, not copied.
private func scenarioReturns(of moments: Moments, chosen: [Int]) throws(OptimizationFailure) -> DenseMatrix? {
    guard let returns = moments.returns else { return nil }
    guard returns.columns == moments.instruments.count, moments.probabilities.map({ $0.count == returns.rows }) ?? true
    else { throw invalidInputs("The scenarios do not have one return for each of the instruments.") }
    if chosen.count == returns.columns { return returns }
    let elements = chosen.flatMap { returns.column($0) }
    return DenseMatrix(rows: returns.rows, columns: chosen.count, columnMajor: elements)
}

/// A limit on a factor that the risk model does not have limits nothing that could be computed.
private func requireFactors(
    _ constraints: Constraints,
    _ structure: FactorStructure?
) throws(OptimizationFailure) {
    guard let limits = constraints.factorExposures, !limits.isEmpty else { return }
    guard let structure else { throw missingFactors }
    if let unknown = limits.keys.filter({ !structure.factors.contains($0) }).min() {
        throw unknownFactor(unknown, in: structure.factors)
    }
    for (factor, name) in structure.factors.enumerated()
    where limits[name]?.maxRisk != nil && !(structure.volatility(of: factor) > 0) {
        throw OptimizationFailure(
            code: "riskless_factor",
            message:
                "factor_exposures/\(name)/max_risk limits a risk that the risk model does not know: its factor covariance"
                + " gives \(name) no variance. Limit the exposure by min and max, or give the factor a variance."
        )
    }
}

/// A limit on the loss in a scenario that the request does not have limits nothing that could be computed.
private func requireScenarios(_ constraints: Constraints, _ request: OptimizationRequest) throws(OptimizationFailure) {
    let known = Set((request.parameters.scenarios ?? []).map(\.name))
    guard let unknown = (constraints.maxScenarioLosses ?? [:]).keys.filter({ !known.contains($0) }).min() else {
        return
    }
    throw invalidInputs("max_scenario_losses names \(unknown), which is not among the scenarios of the request.")
}

/// Says which preferences do not act on the objective asked for.
private func preferenceWarnings(
    preferences: Preferences,
    request: OptimizationRequest,
    constraints: Constraints,
    instruments: [Instrument],
    hasTaxLots: Bool
) -> [ResultWarning] {
    var warnings: [ResultWarning] = []
    func warn(_ code: String, _ message: String) { warnings.append(ResultWarning(code: code, message: message)) }
    if request.preferences.riskAversion != nil, request.objective != .maximizeUtility,
        request.type != .blackLitterman
    {
        warn("preference_ignored", "risk_aversion acts on maximize_utility and black_litterman only.")
    }
    if request.objective.chargesCosts(preferences) {
        let leavesImpact =
            (request.riskMeasure != .volatility || request.type == .multiPeriod || constraints.choosesPositions)
            && instruments.contains { ($0.cost?.impact ?? 0) != 0 }
        let leavesFixed =
            instruments.contains { ($0.cost?.fixed ?? 0) != 0 }
            && !takesFixedCosts(
                request.objective,
                preferences,
                request.riskMeasure,
                request.type,
                constraints,
                count: instruments.count
            )
        if leavesImpact || leavesFixed {
            let both = leavesImpact && leavesFixed
            let what = both ? "Fixed costs and market impact" : leavesFixed ? "Fixed costs" : "Market impact"
            warn(
                "cost_terms_not_in_objective",
                leavesFixed
                    ? "\(what) are reported but do not enter the objective; the other costs do."
                    : "\(what) is reported but does not enter the objective; the other costs do."
            )
        }
    } else if preferences.includeTransactionCosts == true {
        let objective = request.objective.rawValue
        warn("preference_ignored", "\(objective) has no return that transaction costs could be taken from.")
    }
    if preferences.considerTaxImplications == true {
        if !request.objective.needsExpectedReturns {
            let objective = request.objective.rawValue
            warn(
                "tax_not_in_objective",
                "\(objective) has no return that taxes could be taken from: they are reported."
            )
        } else if request.type == .multiPeriod {
            warn("tax_not_in_objective", "Over several periods taxes are reported but do not enter the objective.")
        } else if constraints.permitsShorts {
            warn("tax_not_in_objective", "With allow_short taxes are reported but do not enter the objective.")
        } else if request.riskMeasure != .volatility || constraints.choosesPositions {
            let choice = constraints.maxPositions == nil ? "min_position_size" : "max_positions"
            let beside = constraints.choosesPositions ? choice : request.riskMeasure.rawValue
            warn("losses_not_in_objective", "With \(beside) taxes on gains enter the objective, losses do not.")
        }
        if (preferences.shortTermTaxRate ?? 0) == 0, (preferences.longTermTaxRate ?? 0) == 0 {
            warn("no_tax_rates", "Taxes are to be considered, but both tax rates are 0.")
        }
        if !hasTaxLots { warn("no_tax_lots", "Taxes are to be considered, but no position has tax lots.") }
    }
    return warnings
}

extension Constraints {
    /// Whether who is held is searched for: what is not convex by itself stays out of the objective then.
    fileprivate var choosesPositions: Bool { maxPositions != nil || (minPositionSize ?? 0) > 0 }
}
