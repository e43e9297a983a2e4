import JSON
import PortfolioModel

/// Reads what the terms of an objective came to, and the non-dominated set, back into a result and its request.
func readTermResults(_ fields: DocumentFields, _ result: inout OptimizationResult, _ request: inout OptimizationRequest)
{
    guard fields.optional("objective_terms") != nil else { return }
    let values = fields.list("objective_terms", readTermValue)
    result.objectiveTerms = values
    if request.objective == .custom { request.parameters.customObjective = values.map(\.term) }
    guard request.objective == .multiObjective else { return }
    request.parameters.objectives = values.map(\.term)
    guard fields.optional("pareto_set") != nil else { return }
    let labels = values.map(\.term.label)
    let points = fields.list("pareto_set") { point -> ParetoPoint? in
        guard let objectives = point.required("objectives"), let weights = point.required("objective_weights") else {
            return nil
        }
        return ParetoPoint(
            values: labels.map { objectives.number($0) },
            objectiveWeights: labels.map { weights.number($0) },
            allocation: point.map("weights")
        )
    }
    result.paretoSet = points
    request.parameters.paretoPoints = points.count
}

private func readTermValue(_ fields: DocumentFields) -> TermValue? {
    guard let kind = fields.choice("term", ObjectiveTerm.Kind.self) else { return nil }
    let name = fields.text("name")
    var measure: RiskMeasure?
    if fields.optional("risk_measure") != nil { measure = fields.choice("risk_measure", RiskMeasure.self) }
    return TermValue(
        term: ObjectiveTerm(
            kind,
            weight: fields.number("weight"),
            name: name == kind.rawValue ? nil : name,
            riskMeasure: measure,
            factor: fields.optionalText("factor"),
            scores: fields.optional("scores") == nil ? nil : fields.map("scores")
        ),
        value: fields.number("value")
    )
}
