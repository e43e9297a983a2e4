public import PortfolioModel

extension ScenarioOutcomes {
    /// Works out what an allocation returns in each scenario; nil without scenarios.
    public init?(_ scenarios: [ReturnScenario], of allocation: [String: Double]) {
        guard !scenarios.isEmpty else { return nil }
        let weights = allocation.filter { $0.key != "cash" }.sorted { $0.key < $1.key }
        let outcomes = zip(scenarios, scenarios.probabilities).map { scenario, probability in
            Outcome(
                name: scenario.name,
                probability: probability,
                expectedReturn: weights.reduce(0) { $0 + $1.value * (scenario.returns[$1.key] ?? .nan) }
            )
        }
        // The first of equals, whichever way a minimum is looked for.
        var worst = outcomes[0]
        for outcome in outcomes where outcome.expectedReturn < worst.expectedReturn { worst = outcome }
        self.init(
            outcomes: outcomes,
            expected: outcomes.reduce(0) { $0 + $1.probability * $1.expectedReturn },
            worst: worst.name
        )
    }
}
