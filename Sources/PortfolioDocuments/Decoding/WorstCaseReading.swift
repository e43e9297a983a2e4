import PortfolioModel

/// Reads back the worst case of a robust result.
func readRobust(_ fields: DocumentFields) -> RobustReport? {
    guard let kind = fields.choice("kind", Uncertainty.Kind.self) else { return nil }
    return RobustReport(
        kind: kind,
        size: fields.number("size"),
        worstCaseReturn: fields.number("worst_case_return"),
        worstCaseVolatility: fields.number("worst_case_volatility"),
        worstCaseRisk: fields.number("worst_case_risk"),
        worstCaseExpectedReturns: fields.optional("worst_case_expected_returns") == nil
            ? nil : fields.map("worst_case_expected_returns")
    )
}

/// Reads back the outcomes of a scenario-based result.
func readScenarioOutcomes(_ fields: DocumentFields) -> ScenarioOutcomes {
    ScenarioOutcomes(
        outcomes: fields.list("scenarios") {
            ScenarioOutcomes.Outcome(
                name: $0.text("name"),
                probability: $0.number("probability"),
                expectedReturn: $0.number("return")
            )
        },
        expected: fields.number("expected"),
        worst: fields.required("worst")?.text("name") ?? ""
    )
}
