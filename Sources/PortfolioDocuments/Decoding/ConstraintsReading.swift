import JSON
import PortfolioModel

private let constraintFields = FieldNames(
    known: Capabilities.constraints
)

/// Reads constraints, and reports those that contradict each other whatever the portfolio.
///
/// - Parameters:
///   - value: the object.
///   - pointer: where it stands.
///   - faults: where faults go.
///   - others: names that another reader takes from the same object.
/// - Returns: the constraints; nil where there is no object.
func readConstraints(
    _ value: JSONValue,
    at pointer: String,
    _ faults: FaultCollector,
    besides others: [String] = []
) -> Constraints? {
    var names = constraintFields
    names.known += others
    guard let reader = ObjectReader(value, at: pointer, names, faults) else { return nil }
    var constraints = Constraints()
    constraints.allowShort = reader.bool("allow_short")
    constraints.maxGrossExposure = reader.number("max_gross_exposure", .positiveMultiple)
    let permitsShorts = constraints.permitsShorts
    constraints.maxPositionSize = reader.number(
        "max_position_size",
        permitsShorts ? .positiveMultiple : .positiveFraction
    )
    constraints.minPositionSize = reader.number("min_position_size", .fraction)
    constraints.maxSectorExposure = reader.number("max_sector_exposure", permitsShorts ? .multiple : .fraction)
    constraints.maxAssetClassExposure = reader.number("max_asset_class_exposure", permitsShorts ? .multiple : .fraction)
    constraints.maxTurnover = reader.number("max_turnover", permitsShorts ? .multiple : .fraction)
    constraints.maxWeightChange = reader.number("max_weight_change", permitsShorts ? .multiple : .fraction)
    constraints.maxWeightChanges = reader.instrumentMap("max_weight_changes", permitsShorts ? .multiple : .fraction)
    constraints.targetVolatility = reader.number("target_volatility", .positive)
    constraints.minWeights = reader.instrumentMap("min_weights", permitsShorts ? .signedMultiple : .fraction)
    constraints.maxWeights = reader.instrumentMap("max_weights", permitsShorts ? .signedMultiple : .fraction)
    constraints.minReturn = reader.number("min_return", NumberRange(-1, 100))
    constraints.maxRisk = reader.number("max_risk", .positive)
    constraints.minCash = reader.number("min_cash", .fraction)
    constraints.maxCash = reader.number("max_cash", .fraction)
    constraints.maxPositions = readPointCount("max_positions", 1...DocumentLimits.universe, reader)
    constraints.maxTrackingError = reader.number("max_tracking_error", .positive)
    constraints.groups = readGroups(reader, permitsShorts ? .signedMultiple : .fraction)
    constraints.factorExposures = readFactorLimits(reader)
    constraints.maxScenarioLosses = readScenarioLosses(reader)
    constraints.largestPositions = readLargestPositions(reader, permitsShorts ? .multiple : .fraction)
    constraints.softLimits = readSoftLimits(reader)
    constraints.grandfatherBreaches = reader.bool("grandfather_breaches")
    reportContradictions(constraints, reader)
    return constraints
}

private func reportContradictions(_ constraints: Constraints, _ reader: ObjectReader) {
    let pairs = [
        ("min_cash", constraints.minCash, "max_cash", constraints.maxCash),
        ("min_position_size", constraints.minPositionSize, "max_position_size", constraints.maxPositionSize),
    ]
    for (lowerName, lower, upperName, upper) in pairs {
        reportCrossing(lowerName, lower, upperName, upper, at: reader.path(lowerName), reader.faults)
    }
    for (instrument, lower) in (constraints.minWeights ?? [:]).sorted(by: { $0.key < $1.key }) {
        reportCrossing(
            "min_weights.\(instrument)",
            lower,
            "max_weights.\(instrument)",
            constraints.maxWeights?[instrument],
            at: reader.path("min_weights") + "/" + pointerToken(instrument),
            reader.faults
        )
    }
}

/// Reports a lower limit above its upper one.
func reportCrossing(
    _ lowerName: String,
    _ lower: Double?,
    _ upperName: String,
    _ upper: Double?,
    at pointer: String,
    _ faults: FaultCollector
) {
    guard let lower, let upper, lower > upper else { return }
    let message = "\(lowerName) \(decimal(lower)) is greater than \(upperName) \(decimal(upper))"
    faults.report(.contradiction, at: pointer, message)
}

private let groupFields = FieldNames(
    known: ["name", "instruments", "memberships", "sector", "asset_class", "min", "max"]
)

private func readGroups(_ reader: ObjectReader, _ range: NumberRange) -> [GroupLimit]? {
    reader.array("groups", limit: DocumentLimits.groups)?.enumerated().compactMap { index, value in
        readGroup(value, range, at: "\(reader.path("groups"))/\(index)", reader.faults)
    }
}

private func readGroup(
    _ value: JSONValue,
    _ range: NumberRange,
    at pointer: String,
    _ faults: FaultCollector
) -> GroupLimit? {
    guard let reader = ObjectReader(value, at: pointer, groupFields, faults) else { return nil }
    let name = reader.requiredText("name")
    let members = readMembers(reader)
    let lower = reader.number("min", range)
    let upper = reader.number("max", range)
    if reader.optional("min") == nil, reader.optional("max") == nil {
        faults.report(.missingField, at: pointer, "a group needs min, max or both")
    }
    reportCrossing("min", lower, "max", upper, at: reader.path("min"), faults)
    guard let name, let members else { return nil }
    return GroupLimit(name: name, members: members, min: lower, max: upper)
}

private func readMembers(_ reader: ObjectReader) -> GroupLimit.Members? {
    let given = ["instruments", "memberships", "sector", "asset_class"].filter { reader.optional($0) != nil }
    guard given.count == 1, let kind = given.first else {
        let (code, what): (DocumentFault.Code, String) =
            given.isEmpty ? (.missingField, "none") : (.contradiction, given.joined(separator: " and "))
        let message = "a group needs exactly one of instruments, memberships, sector and asset_class; it has \(what)"
        reader.faults.report(code, at: reader.pointer, message)
        return nil
    }
    if let sector = reader.text("sector") { return .sector(sector) }
    if let assetClass = reader.text("asset_class") { return .assetClass(assetClass) }
    let path = reader.path(kind)
    func isEmpty(_ count: Int) -> Bool {
        if count == 0 { reader.faults.report(.wrongLength, at: path, "\(kind) must name at least one instrument") }
        return count == 0
    }
    if kind == "memberships" {
        guard let parts = reader.instrumentMap(kind, .positiveFraction), !isEmpty(reader.optional(kind)?.count ?? 0)
        else { return nil }
        return .memberships(parts)
    }
    guard let values = reader.array("instruments", limit: DocumentLimits.universe), !isEmpty(values.count) else {
        return nil
    }
    return .instruments(readDistinctIdentifiers(values, .instrument, "instruments", at: path, reader.faults))
}

/// Reports limits that a combination of type, objective and measure does not take, with those who do.
func reportRefused(_ constraints: Constraints?, of kind: RequestKind?, _ reader: ObjectReader) {
    guard let constraints, let kind else { return }
    let refused = Capabilities.refusedConstraints(of: kind.type, kind.objective, kind.riskMeasure)
    for name in constraints.set(among: refused) {
        let reason = Capabilities.reason(ofRefusing: name, kind.type, kind.objective, kind.riskMeasure)
        let message =
            "\(name) does not go with \(kind.type.rawValue), \(kind.objective.rawValue) and risk_measure"
            + " \(kind.riskMeasure.rawValue)\(reason.map { " (\($0))" } ?? ""); GET /api/v1/capabilities lists what each combination refuses"
        reader.faults.report(.notSupported, at: "/constraints/\(name)", message)
    }
}
