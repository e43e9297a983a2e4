import JSON
import PortfolioModel

private let scenarioFields = FieldNames(known: ["name", "probability", "returns"])
/// How far probabilities may be from summing to 1.
private let sumTolerance = 1e-6
/// Losses of a whole portfolio; a negative one is a gain that must be made.
private let lossRange = NumberRange(-10, 10)

/// Reads `scenarios`, which a scenario-based optimization must have.
func readScenarios(_ reader: ObjectReader, _ kind: RequestKind?) -> [ReturnScenario]? {
    let (name, faults) = ("scenarios", reader.faults)
    let isRequired = kind?.type == .scenarioBased
    let values =
        isRequired
        ? reader.requiredArray(name, limit: DocumentLimits.scenarios)
        : reader.array(name, limit: DocumentLimits.scenarios)
    guard let values else { return nil }
    guard !values.isEmpty else {
        faults.report(.wrongLength, at: reader.path(name), "scenarios must have at least one scenario")
        return nil
    }
    let scenarios = values.enumerated().map { index, value in
        readScenario(value, at: "\(reader.path(name))/\(index)", faults)
    }
    // What could not be read has its own fault; the rest would only confuse.
    let whole = scenarios.compactMap { $0 }
    guard whole.count == values.count else { return nil }
    reportNames(whole, reader.path(name), faults)
    reportProbabilities(whole, reader.path(name), faults)
    reportMissing(whole, reader.path(name), faults)
    return whole
}

private func readScenario(_ value: JSONValue, at pointer: String, _ faults: FaultCollector) -> ReturnScenario? {
    guard let reader = ObjectReader(value, at: pointer, scenarioFields, faults) else { return nil }
    let name = reader.requiredText("name")
    let hasProbability = reader.optional("probability") != nil
    let probability = reader.number("probability", .fraction)
    _ = reader.required("returns")
    let returns = reader.instrumentMap("returns", .finite)
    guard let name, let returns, hasProbability == (probability != nil),
        reader.optional("returns")?.count == returns.count
    else { return nil }
    if returns.isEmpty {
        faults.report(.wrongLength, at: reader.path("returns"), "returns must name at least one instrument")
        return nil
    }
    return ReturnScenario(name: name, probability: probability, returns: returns)
}

private func reportNames(_ scenarios: [ReturnScenario], _ pointer: String, _ faults: FaultCollector) {
    var known = Set<String>()
    for (index, scenario) in scenarios.enumerated() where !known.insert(scenario.name).inserted {
        let message = "the name \(shortened(scenario.name)) is there already"
        faults.report(.duplicate, at: "\(pointer)/\(index)/name", message)
    }
}

/// All have a probability, summing to 1, or none has.
private func reportProbabilities(_ scenarios: [ReturnScenario], _ pointer: String, _ faults: FaultCollector) {
    guard scenarios.contains(where: { $0.probability != nil }) else { return }
    var sum = 0.0
    var isWhole = true
    for (index, scenario) in scenarios.enumerated() {
        if let probability = scenario.probability {
            sum += probability
        } else {
            isWhole = false
            let message = "probability is required where other scenarios have one"
            faults.report(.missingField, at: "\(pointer)/\(index)/probability", message)
        }
    }
    if isWhole, abs(sum - 1) > sumTolerance {
        faults.report(.wrongSum, at: pointer, "the probabilities of scenarios sum to \(decimal(sum)), not to 1")
    }
}

/// Every scenario has a return for each instrument that any of them names.
private func reportMissing(_ scenarios: [ReturnScenario], _ pointer: String, _ faults: FaultCollector) {
    let named = scenarios.reduce(into: Set<String>()) { $0.formUnion($1.returns.keys) }
    for (index, scenario) in scenarios.enumerated() where scenario.returns.count != named.count {
        for id in named.subtracting(scenario.returns.keys).sorted() {
            let message = "\(shortened(scenario.name)) has no return of \(id), which other scenarios have"
            faults.report(.missingField, at: "\(pointer)/\(index)/returns/\(pointerToken(id))", message)
        }
    }
}

/// Reads `max_scenario_losses`: `{"2008":0.1}`.
func readScenarioLosses(_ reader: ObjectReader) -> [String: Double]? {
    let (name, faults) = ("max_scenario_losses", reader.faults)
    guard let member = reader.optional(name) else { return nil }
    guard member.kind == .object else {
        let message = "\(name) must be an object of scenario to loss, not \(member.described)"
        faults.report(.wrongType, at: reader.path(name), message)
        return nil
    }
    guard member.count <= DocumentLimits.scenarios else {
        let message = "\(name) may have at most \(DocumentLimits.scenarios) entries, not \(member.count)"
        faults.report(.tooMany, at: reader.path(name), message)
        return nil
    }
    var losses: [String: Double] = [:]
    for entry in member.members {
        let place = reader.path(name) + "/" + pointerToken(entry.name)
        guard (1...DocumentLimits.nameLength).contains(entry.name.unicodeScalars.count) else {
            let demand = "must have 1 to \(DocumentLimits.nameLength) characters"
            faults.report(.invalidText, at: place, "a scenario in \(name) \(demand)")
            continue
        }
        losses[entry.name] = readNumber(entry.value, lossRange, "\(name).\(shortened(entry.name))", at: place, faults)
    }
    return losses
}

/// Reports limits on scenarios that the request does not have.
func reportUnknownScenarios(_ constraints: Constraints?, _ scenarios: [ReturnScenario]?, _ reader: ObjectReader) {
    guard let losses = constraints?.maxScenarioLosses, let scenarios else { return }
    let names = scenarios.map(\.name)
    for name in losses.keys.sorted() where !names.contains(name) {
        let hint = nearestName(to: name, among: names).map { "; did you mean \($0)?" } ?? ""
        let message = "there is no scenario \(shortened(name)) in scenarios\(hint)"
        let place = "/constraints/max_scenario_losses/\(pointerToken(name))"
        reader.faults.report(.unknownValue, at: place, message)
    }
}
