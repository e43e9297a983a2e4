import JSON
import PortfolioModel

private let requestFields = FieldNames(
    known: [
        "portfolio_id", "optimization_type", "objective", "risk_measure", "constraints", "preferences",
        "frontier_points", "estimation",
    ] + methodFields + multiObjectiveFields
)

/// Reads the body of `POST /api/v1/optimizations`.
func readOptimizationRequest(_ value: JSONValue, _ faults: FaultCollector) -> OptimizationRequest? {
    guard let reader = ObjectReader(value, at: "", requestFields, faults) else { return nil }
    let portfolioID = reader.requiredIdentifier("portfolio_id", .general)
    let kind = readKind(reader)
    let frontierPointCount = readFrontierPointCount(reader)
    let constraints = readSection("constraints", reader) { readConstraints($0, at: $1, faults) }
    let preferences = readSection("preferences", reader) { readPreferences($0, at: $1, faults) }
    reportRefused(constraints, of: kind, reader)
    let estimation = readSection("estimation", reader) { readEstimation($0, at: $1, faults) }
    let parameters = readMethodParameters(reader, kind)
    reportUnknownScenarios(constraints, parameters.scenarios, reader)
    guard let portfolioID, let kind else { return nil }
    let request = OptimizationRequest(
        portfolioID: portfolioID,
        type: kind.type,
        objective: kind.objective,
        riskMeasure: kind.riskMeasure,
        constraints: constraints ?? Constraints(),
        preferences: preferences ?? Preferences(),
        parameters: parameters,
        frontierPointCount: frontierPointCount,
        estimation: estimation ?? Estimation()
    )
    reportNonconvex(request, reader)
    return request
}

/// Reads a member that is an object of its own, or nil when absent.
func readSection<Section>(
    _ name: String,
    _ reader: ObjectReader,
    _ read: (JSONValue, String) -> Section?
) -> Section? {
    reader.optional(name).flatMap { read($0, reader.path(name)) }
}

/// Reads how many points of the frontier are wanted beside the allocation: 0, the default, or as many as a curve has.
private func readFrontierPointCount(_ reader: ObjectReader) -> Int {
    guard reader.optional("frontier_points")?.double != 0 else { return 0 }
    return readPointCount("frontier_points", FrontierRequest.pointRange, reader) ?? 0
}

private let preferenceFields = FieldNames(
    known: [
        "risk_aversion", "include_transaction_costs", "consider_tax_implications", "transaction_cost_model",
        "risk_free_rate", "confidence_level", "cost_horizon_years", "short_term_tax_rate", "long_term_tax_rate",
        "time_limit_seconds", "relative_gap",
    ]
)

/// Reads preferences.
func readPreferences(_ value: JSONValue, at pointer: String, _ faults: FaultCollector) -> Preferences? {
    guard let reader = ObjectReader(value, at: pointer, preferenceFields, faults) else { return nil }
    var preferences = Preferences()
    preferences.riskAversion = reader.number("risk_aversion", .positive)
    preferences.includeTransactionCosts = reader.bool("include_transaction_costs")
    preferences.considerTaxImplications = reader.bool("consider_tax_implications")
    preferences.transactionCostModel = reader.number("transaction_cost_model", NumberRange(0, 0.5))
    preferences.riskFreeRate = reader.number("risk_free_rate", NumberRange(-1, 10))
    preferences.confidenceLevel = reader.number(
        "confidence_level",
        NumberRange(0, 1, includesLower: false, includesUpper: false)
    )
    preferences.costHorizonYears = reader.number("cost_horizon_years", .positive)
    preferences.shortTermTaxRate = reader.number("short_term_tax_rate", .fraction)
    preferences.longTermTaxRate = reader.number("long_term_tax_rate", .fraction)
    preferences.timeLimitSeconds = reader.number("time_limit_seconds", NumberRange(0, 600, includesLower: false))
    preferences.relativeGap = reader.number("relative_gap", NumberRange(0, 0.5))
    return preferences
}
