package import JSON
package import PortfolioModel

private let rebalanceFields = FieldNames(
    known: [
        "target_type", "target_allocation", "optimization_id", "optimization_type", "objective", "risk_measure",
        "constraints", "drift_band", "preferences", "whole_lots", "tax_lot_method", "lot_order",
    ]
)
/// What limits trades and not weights, in the same object as the limits on weights.
private let tradingFields = ["min_trade_size", "max_trades", "consider_tax_implications"]
/// How far the weights aimed at may be from summing to 1.
private let sumTolerance = 1e-6
/// Holdings of less money are none.
private let largestTrade = 1e15

extension DocumentDecoder {
    /// The body of `POST /api/v1/portfolios/{id}/rebalance`.
    package static func rebalanceRequest(
        _ value: JSONValue,
        portfolioID: String
    ) throws(DocumentFaults) -> RebalanceRequest {
        let faults = FaultCollector()
        return try faults.finish(readRebalanceRequest(value, portfolioID: portfolioID, isStored: false, faults))
    }

    /// The document that is stored of a request: the body, and what the optimization it names recommends.
    package static func rebalanceRequest(_ bytes: [UInt8], portfolioID: String) throws -> RebalanceRequest {
        let faults = FaultCollector()
        let root = try JSONDocument(parsing: bytes).root
        return try faults.finish(readRebalanceRequest(root, portfolioID: portfolioID, isStored: true, faults))
    }
}

private func readRebalanceRequest(
    _ value: JSONValue,
    portfolioID: String,
    isStored: Bool,
    _ faults: FaultCollector
) -> RebalanceRequest? {
    var names = rebalanceFields
    if isStored { names.known.append("referenced_allocation") }
    guard let reader = ObjectReader(value, at: "", names, faults) else { return nil }
    let target = reader.choice("target_type", RebalanceTarget.self)
    var request = RebalanceRequest(portfolioID: portfolioID, target: target ?? .optimal)
    request.targetAllocation = readAllocation("target_allocation", reader)
    request.optimizationID = reader.text("optimization_id")
    if isStored { request.referencedAllocation = readAllocation("referenced_allocation", reader) }
    readObjective(&request, reader)
    request.driftBand = reader.number("drift_band", .fraction)
    request.wholeLots = reader.bool("whole_lots") ?? true
    readLimits(&request, reader)
    readLotOrder(&request, reader)
    guard let target else { return nil }
    reportWhatDoesNotBelong(to: target, request, reader)
    return request
}

/// Reads what `optimal` strives for: any type that needs nothing of its own, with an objective that goes with it.
private func readObjective(_ request: inout RebalanceRequest, _ reader: ObjectReader) {
    let type = reader.choice(
        "optimization_type",
        OptimizationType.self,
        default: .meanVariance
    )
    guard let type else { return }
    if type == .custom {
        let message = "optimization_type custom has terms: optimize first and name its optimization_id"
        reader.faults.report(.notSupported, at: reader.path("optimization_type"), message)
        return
    }
    if type == .blackLitterman {
        let message = "optimization_type black_litterman has views: optimize first and name its optimization_id"
        reader.faults.report(.notSupported, at: reader.path("optimization_type"), message)
        return
    }
    if let what = [OptimizationType.robust: "an uncertainty", .scenarioBased: "scenarios", .multiPeriod: "a horizon"][
        type
    ] {
        let message = "optimization_type \(type.rawValue) has \(what): optimize first and name its optimization_id"
        reader.faults.report(.notSupported, at: reader.path("optimization_type"), message)
        return
    }
    let objectives = Capabilities.objectives(of: type)
    let usual = objectives.contains(.maximizeSharpe) ? .maximizeSharpe : objectives.first
    let objective = reader.choice("objective", Objective.self, default: usual)
    let measure = reader.choice(
        "risk_measure",
        RiskMeasure.self,
        default: .volatility
    )
    guard let objective, let measure else { return }
    guard measure == .volatility else {
        // The plan over lots knows a limit on volatility only.
        let message = "risk_measure \(measure.rawValue) is not supported in a rebalance; optimize first and name its"
        reader.faults.report(.notSupported, at: reader.path("risk_measure"), "\(message) optimization_id")
        return
    }
    guard objective != .multiObjective else {
        let message = "objective multi_objective has terms: optimize first and name its optimization_id"
        reader.faults.report(.notSupported, at: reader.path("objective"), message)
        return
    }
    guard objectives.contains(objective), Capabilities.riskMeasures(of: type, objective).contains(measure) else {
        let names = [type.rawValue, objective.rawValue, measure.rawValue].joined(separator: ", ")
        let message = "\(names) do not go together; see /api/v1/capabilities"
        reader.faults.report(.notSupported, at: reader.path("objective"), message)
        return
    }
    (request.type, request.objective, request.riskMeasure) = (type, objective, measure)
}

/// Reads limits on weights and on trades, and preferences; taxes may be asked for in either place.
private func readLimits(_ request: inout RebalanceRequest, _ reader: ObjectReader) {
    let faults = reader.faults
    let section = readSection("constraints", reader) {
        readConstraints($0, at: $1, faults, besides: tradingFields)
    }
    request.constraints = section ?? Constraints()
    for name in request.constraints.set(among: Capabilities.refusedInPlans) {
        let message = "\(name) does not go with rebalancing plans; an optimization takes it, and a plan may aim at that"
        faults.report(.notSupported, at: reader.path("constraints") + "/\(name)", message)
    }
    request.preferences =
        readSection("preferences", reader) { readPreferences($0, at: $1, faults) } ?? Preferences()
    guard let limits = reader.optional("constraints"), limits.kind == .object else { return }
    let place = reader.path("constraints")
    func member(_ name: String) -> JSONValue? { limits[name].flatMap { $0.isNull ? nil : $0 } }
    if let size = member("min_trade_size") {
        request.minTradeSize = readNumber(
            size,
            NumberRange(0, largestTrade),
            "min_trade_size",
            at: place + "/min_trade_size",
            faults
        )
    }
    if let count = member("max_trades") {
        let range = RebalanceRequest.tradeCountRange
        let numbers = NumberRange(Double(range.lowerBound), Double(range.upperBound))
        let path = place + "/max_trades"
        if let number = readNumber(count, numbers, "max_trades", at: path, faults) {
            request.maxTrades = Int(exactly: number)
            if request.maxTrades == nil {
                faults.report(.wrongType, at: path, "max_trades must be a whole number, not \(decimal(number))")
            }
        }
    }
    guard let asked = member("consider_tax_implications") else { return }
    let path = place + "/consider_tax_implications"
    guard let asked = asked.bool else {
        faults.report(.wrongType, at: path, "consider_tax_implications must be true or false, not \(asked.described)")
        return
    }
    if let other = request.preferences.considerTaxImplications, other != asked {
        let message = "constraints say \(asked) and preferences say \(other) of the same"
        faults.report(.contradiction, at: path, "consider_tax_implications: \(message)")
    }
    request.preferences.considerTaxImplications = asked
}

/// Reads weights that may have cash among them and sum to 1.
private func readAllocation(_ name: String, _ reader: ObjectReader) -> [String: Double]? {
    guard let member = reader.optional(name) else { return nil }
    guard member.kind == .object else {
        let message = "\(name) must be an object of instrument to weight, not \(member.described)"
        reader.faults.report(.wrongType, at: reader.path(name), message)
        return nil
    }
    guard member.count <= DocumentLimits.universe else {
        let message = "\(name) may have at most \(DocumentLimits.universe) entries, not \(member.count)"
        reader.faults.report(.tooMany, at: reader.path(name), message)
        return nil
    }
    var weights: [String: Double] = [:]
    var isWhole = true
    for entry in member.members {
        let place = reader.path(name) + "/" + pointerToken(entry.name)
        if entry.name != "cash" {
            checkIdentifier(entry.name, .instrument, "an instrument in \(name)", at: place, reader.faults)
        }
        let weight = readNumber(entry.value, .fraction, "\(name).\(shortened(entry.name))", at: place, reader.faults)
        isWhole = isWhole && weight != nil
        weights[entry.name] = weight
    }
    let sum = weights.sorted { $0.key < $1.key }.reduce(0) { $0 + $1.value }
    if isWhole, abs(sum - 1) > sumTolerance {
        reader.faults.report(
            .wrongSum,
            at: reader.path(name),
            "the weights of \(name) sum to \(decimal(sum)), not to 1"
        )
    }
    return weights
}

/// Reads which lots go first.
private func readLotOrder(_ request: inout RebalanceRequest, _ reader: ObjectReader) {
    if reader.optional("tax_lot_method") != nil {
        request.taxLotMethod = reader.choice("tax_lot_method", TaxLotSelection.self)
    }
    guard let orders = reader.optional("lot_order") else { return }
    let path = reader.path("lot_order")
    guard orders.kind == .object, orders.count <= DocumentLimits.universe else {
        let message = "lot_order must be an object of instrument to days, not \(orders.described)"
        reader.faults.report(.wrongType, at: path, message)
        return
    }
    for entry in orders.members {
        let place = path + "/" + pointerToken(entry.name)
        checkIdentifier(entry.name, .instrument, "an instrument in lot_order", at: place, reader.faults)
        guard entry.value.kind == .array, entry.value.count <= DocumentLimits.lotsPerPosition else {
            reader.faults.report(.wrongType, at: place, "lot_order needs a list of days for each instrument")
            continue
        }
        request.lotOrder[entry.name] = entry.value.elements.enumerated().compactMap { index, day in
            readDate(day, "a day in lot_order", at: "\(place)/\(index)", reader.faults)
        }
    }
}

/// Reports what goes with another target, and what the target needs and is missing.
private func reportWhatDoesNotBelong(to target: RebalanceTarget, _ request: RebalanceRequest, _ reader: ObjectReader) {
    let faults = reader.faults
    if target == .custom, reader.optional("target_allocation") == nil {
        let message = "target_allocation is required with target_type custom"
        faults.report(.missingField, at: reader.path("target_allocation"), message)
    }
    if target != .custom, reader.optional("target_allocation") != nil {
        let message = "target_allocation goes with target_type custom, not \(target.rawValue)"
        faults.report(.contradiction, at: reader.path("target_allocation"), message)
    }
    let ofOptimal = ["optimization_id", "optimization_type", "objective", "risk_measure"]
    for name in ofOptimal where target != .optimal && reader.optional(name) != nil {
        let message = "\(name) goes with target_type optimal, not \(target.rawValue)"
        faults.report(.contradiction, at: reader.path(name), message)
    }
    if request.optimizationID != nil {
        for name in ofOptimal.dropFirst() where reader.optional(name) != nil {
            faults.report(.contradiction, at: reader.path(name), "\(name) goes without optimization_id")
        }
    }
    if request.taxLotMethod == .specific, request.lotOrder.isEmpty {
        faults.report(.missingField, at: reader.path("lot_order"), "lot_order is required with tax_lot_method specific")
    }
    if request.taxLotMethod != .specific, !request.lotOrder.isEmpty {
        faults.report(.contradiction, at: reader.path("lot_order"), "lot_order goes with tax_lot_method specific")
    }
}
