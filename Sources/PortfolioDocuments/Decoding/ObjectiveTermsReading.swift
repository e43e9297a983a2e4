import JSON
import PortfolioModel

/// The fields that belong to the objective `multi_objective`.
let multiObjectiveFields = ["objectives", "pareto_points"]

private let termFields = FieldNames(known: ["term", "weight", "name", "risk_measure", "factor", "scores"])

/// Weights and scores beyond this are mistakes, and would leave nothing of the other terms.
private let weightRange = NumberRange(-1e9, 1e9)

/// Reads the terms of `custom_objective` and `objectives`, and how many non-dominated allocations are wanted.
///
/// Each list belongs to one objective, which cannot be without it.
func readObjectiveTerms(_ parameters: inout MethodParameters, _ reader: ObjectReader, objective: Objective?) {
    parameters.customObjective = readTerms("custom_objective", reader)
    parameters.objectives = readTerms("objectives", reader)
    if reader.optional("pareto_points")?.double != 0 {
        parameters.paretoPoints = readPointCount("pareto_points", MethodParameters.paretoPointRange, reader)
    }
    guard let objective else { return }
    if objective == .custom { _ = reader.required("custom_objective") }
    guard objective == .multiObjective else {
        for field in multiObjectiveFields where reader.optional(field) != nil {
            let message = "\(field) goes with objective multi_objective only"
            reader.faults.report(.contradiction, at: reader.path(field), message)
        }
        return
    }
    _ = reader.required("objectives")
    let axes = MethodParameters.paretoAxes
    if parameters.paretoPoints != nil, let count = parameters.objectives?.count, !axes.contains(count) {
        let message = "a set of non-dominated allocations has \(axes.lowerBound) or \(axes.upperBound) objectives"
        reader.faults.report(.contradiction, at: reader.path("pareto_points"), "\(message), not \(count)")
    }
}

/// Reports the terms that keep the weighted sum from being concave: such a sum is not maximized.
func reportNonconvex(_ request: OptimizationRequest, _ reader: ObjectReader) {
    let list = request.objective == .custom ? "custom_objective" : "objectives"
    for term in request.terms.nonconvex(under: request.preferences) {
        reader.faults.report(.notConvex, at: "\(reader.path(list))/\(term.index)", term.reason)
    }
    if request.type == .multiPeriod {
        for term in request.terms.withoutPath(under: request.preferences) {
            reader.faults.report(.notSupported, at: "\(reader.path(list))/\(term.index)", term.reason)
        }
        if request.parameters.paretoPoints != nil {
            let message = "pareto_points does not go with multi_period, which maximizes the sum of the weighted terms"
            reader.faults.report(.notSupported, at: reader.path("pareto_points"), message)
        }
    }
    guard request.type == .robust, let uncertainty = request.parameters.uncertainty else { return }
    for term in request.terms.withoutWorstCase(under: uncertainty) {
        reader.faults.report(
            uncertainty.kind.isOfReturns ? .notConvex : .notSupported,
            at: "\(reader.path(list))/\(term.index)",
            term.reason
        )
    }
}

private func readTerms(_ list: String, _ reader: ObjectReader) -> [ObjectiveTerm]? {
    guard let elements = reader.array(list, limit: DocumentLimits.objectiveTerms) else { return nil }
    if elements.isEmpty {
        reader.faults.report(.wrongLength, at: reader.path(list), "\(list) must have at least one term")
    }
    let terms = elements.enumerated().map { index, value in
        readTerm(value, at: "\(reader.path(list))/\(index)", reader.faults)
    }
    for (index, term) in terms.enumerated() {
        guard let term else { continue }
        for (earlier, other) in terms[..<index].enumerated() {
            guard let other else { continue }
            let place = "\(reader.path(list))/\(index)"
            if other.measuresTheSame(as: term) {
                let message = "\(list)/\(earlier) measures the same; one term with the sum of the weights says both"
                reader.faults.report(.duplicate, at: place, message)
            } else if other.label == term.label {
                let message = "\(list)/\(earlier) is called \(shortened(term.label)), too; give one of them a name"
                reader.faults.report(.duplicate, at: place, message)
            }
        }
    }
    return terms.compactMap { $0 }
}

private func readTerm(_ value: JSONValue, at pointer: String, _ faults: FaultCollector) -> ObjectiveTerm? {
    guard let reader = ObjectReader(value, at: pointer, termFields, faults) else { return nil }
    let kind = reader.choice("term", ObjectiveTerm.Kind.self)
    let weight = reader.requiredNumber("weight", weightRange)
    if weight == 0 {
        faults.report(.outOfRange, at: reader.path("weight"), "weight must not be 0: a term of no weight says nothing")
    }
    let name = reader.text("name")
    var measure: RiskMeasure?
    if reader.optional("risk_measure") != nil {
        measure = reader.choice("risk_measure", RiskMeasure.self)
    }
    let factor = reader.text("factor")
    let scores = reader.instrumentMap("scores", weightRange)
    guard let kind, let weight else { return nil }
    for (option, owner) in optionOwners where owner != kind && reader.optional(option) != nil {
        faults.report(.contradiction, at: reader.path(option), "\(option) goes with the term \(owner.rawValue) only")
    }
    if kind == .factorExposure { _ = reader.required("factor") }
    if kind == .score { _ = reader.required("scores") }
    return ObjectiveTerm(kind, weight: weight, name: name, riskMeasure: measure, factor: factor, scores: scores)
}

/// The options of terms, each with the term that it belongs to.
let optionOwners: [(option: String, owner: ObjectiveTerm.Kind)] = [
    ("risk_measure", .risk), ("factor", .factorExposure), ("scores", .score),
]
