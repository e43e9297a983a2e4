internal import PortfolioModel

/// What a result is judged by, recomputed from the snapshot and the request alone.
struct Mandate {
    let snapshot: MandateSnapshot
    var moments: Moments
    let request: OptimizationRequest
    var limits: Constraints
    /// How risk is measured.
    var riskMeasure: RiskMeasure
    let preferences: Preferences
    /// Instruments by id.
    let instruments: [String: Instrument]
    /// Units held, by instrument; negative ones are short.
    let held: [String: Double]
    /// Value before trading, money.
    let value: Double
    /// Weights before trading, by instrument; cash under `cash`; zeros left out.
    var current: [String: Double]
    /// What may be held.
    let universe: Set<String>
    /// The limits that the holdings break already, where that is let be.
    var breaches = BreachesLetBe()
    /// What a unit beyond each soft limit costs, by its pointer.
    let penalties: [String: Double]

    /// Whether weights may be negative.
    var permitsShorts: Bool { limits.allowShort == true }

    init(snapshot: MandateSnapshot, moments: Moments, request: OptimizationRequest) {
        self.snapshot = snapshot
        self.moments = moments
        self.request = request
        riskMeasure = request.riskMeasure
        let inForce = Self.inForce(snapshot.portfolio.constraints, request.constraints)
        penalties = Dictionary((inForce.softLimits ?? []).map { ($0.limit, $0.penalty) }) { first, _ in first }
        limits = Self.inForce(snapshot.portfolio.constraints, request.constraints)
        preferences = Self.inForce(snapshot.portfolio.preferences, request.preferences)
        var instruments: [String: Instrument] = [:]
        for instrument in snapshot.instruments { instruments[instrument.id] = instrument }
        var held: [String: Double] = [:]
        var worth: [(id: String, money: Double)] = []
        for position in snapshot.portfolio.positions where position.quantity != 0 {
            held[position.instrumentID, default: 0] += position.quantity
            worth.append(
                (position.instrumentID, position.quantity * (instruments[position.instrumentID]?.price ?? .nan))
            )
        }
        let total = worth.reduce(snapshot.portfolio.cash) { $0 + $1.money }
        var current: [String: Double] = [:]
        for (id, money) in worth { current[id, default: 0] += money / total }
        if snapshot.portfolio.cash != 0 { current["cash"] = snapshot.portfolio.cash / total }
        universe = Set(snapshot.portfolio.universe ?? moments.instruments)
        value = total
        self.instruments = instruments
        self.held = held
        self.current = current
        if isUsable { breaches = BreachesLetBe(of: self) }
    }

    /// Whether the moments have an entry for each instrument.
    var isUsable: Bool {
        let count = moments.instruments.count
        return moments.expectedReturns.count == count && moments.covariance.count == count
            && moments.covariance.isUsable
    }

    /// The portfolio's limits with the request's over them: field by field, maps entry by entry.
    private static func inForce(_ base: Constraints, _ own: Constraints) -> Constraints {
        var limits = own
        if limits.maxPositionSize == nil { limits.maxPositionSize = base.maxPositionSize }
        if limits.minPositionSize == nil { limits.minPositionSize = base.minPositionSize }
        if limits.maxSectorExposure == nil { limits.maxSectorExposure = base.maxSectorExposure }
        if limits.maxAssetClassExposure == nil { limits.maxAssetClassExposure = base.maxAssetClassExposure }
        if limits.maxTurnover == nil { limits.maxTurnover = base.maxTurnover }
        if limits.maxWeightChange == nil { limits.maxWeightChange = base.maxWeightChange }
        limits.maxWeightChanges = union(base.maxWeightChanges, own.maxWeightChanges)
        if limits.targetVolatility == nil { limits.targetVolatility = base.targetVolatility }
        if limits.minReturn == nil { limits.minReturn = base.minReturn }
        if limits.maxRisk == nil { limits.maxRisk = base.maxRisk }
        if limits.minCash == nil { limits.minCash = base.minCash }
        if limits.maxCash == nil { limits.maxCash = base.maxCash }
        if limits.maxPositions == nil { limits.maxPositions = base.maxPositions }
        if limits.maxTrackingError == nil { limits.maxTrackingError = base.maxTrackingError }
        if limits.groups == nil { limits.groups = base.groups }
        if limits.allowShort == nil { limits.allowShort = base.allowShort }
        if limits.maxGrossExposure == nil { limits.maxGrossExposure = base.maxGrossExposure }
        if limits.largestPositions == nil { limits.largestPositions = base.largestPositions }
        if limits.softLimits == nil { limits.softLimits = base.softLimits }
        if limits.grandfatherBreaches == nil { limits.grandfatherBreaches = base.grandfatherBreaches }
        limits.minWeights = union(base.minWeights, own.minWeights)
        limits.maxWeights = union(base.maxWeights, own.maxWeights)
        limits.factorExposures = union(base.factorExposures, own.factorExposures)
        limits.maxScenarioLosses = union(base.maxScenarioLosses, own.maxScenarioLosses)
        return limits
    }

    private static func union<Limit>(_ base: [String: Limit]?, _ own: [String: Limit]?) -> [String: Limit]? {
        guard base != nil || own != nil else { return nil }
        var entries = base ?? [:]
        for (id, limit) in own ?? [:] { entries[id] = limit }
        return entries
    }

    private static func inForce(_ base: Preferences, _ own: Preferences) -> Preferences {
        var preferences = own
        if preferences.riskAversion == nil { preferences.riskAversion = base.riskAversion }
        if preferences.includeTransactionCosts == nil {
            preferences.includeTransactionCosts = base.includeTransactionCosts
        }
        if preferences.considerTaxImplications == nil {
            preferences.considerTaxImplications = base.considerTaxImplications
        }
        if preferences.transactionCostModel == nil { preferences.transactionCostModel = base.transactionCostModel }
        if preferences.riskFreeRate == nil { preferences.riskFreeRate = base.riskFreeRate }
        if preferences.confidenceLevel == nil { preferences.confidenceLevel = base.confidenceLevel }
        if preferences.costHorizonYears == nil { preferences.costHorizonYears = base.costHorizonYears }
        if preferences.shortTermTaxRate == nil { preferences.shortTermTaxRate = base.shortTermTaxRate }
        if preferences.longTermTaxRate == nil { preferences.longTermTaxRate = base.longTermTaxRate }
        if preferences.timeLimitSeconds == nil { preferences.timeLimitSeconds = base.timeLimitSeconds }
        if preferences.relativeGap == nil { preferences.relativeGap = base.relativeGap }
        return preferences
    }
}
