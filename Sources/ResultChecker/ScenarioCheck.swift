internal import Matrices
internal import PortfolioModel

/// The return of weights in a scenario of the request, or nil where the request has none of that name.
func scenarioReturn(_ name: String, _ exposure: Exposure, _ mandate: Mandate) -> Double? {
    guard let scenario = mandate.request.parameters.scenarios?.first(where: { $0.name == name }) else { return nil }
    return portfolioReturn(in: scenario, exposure, mandate)
}

private func portfolioReturn(in scenario: ReturnScenario, _ exposure: Exposure, _ mandate: Mandate) -> Double {
    var total = 0.0
    for (index, id) in mandate.moments.instruments.enumerated() where exposure.weights[index] != 0 {
        total += exposure.weights[index] * (scenario.returns[id] ?? .nan)
    }
    return total
}

/// Checks the losses in single scenarios against their limits.
func checkScenarioLosses(of exposure: Exposure, _ mandate: Mandate, _ findings: inout Findings) {
    for (name, limit) in (mandate.limits.maxScenarioLosses ?? [:]).sorted(by: { $0.key < $1.key }) {
        let loss = scenarioReturn(name, exposure, mandate).map { -$0 } ?? .nan
        let most = mandate.most(limit, "/max_scenario_losses/" + escaped(name))
        findings.atMost(loss, most, "constraints/max_scenario_losses/\(name)")
    }
}

/// Recomputes the outcomes of a scenario-based result, and the moments it was computed on; others have none.
func checkScenarios(
    of result: OptimizationResult,
    _ exposure: Exposure,
    _ mandate: Mandate,
    _ findings: inout Findings
) {
    guard mandate.request.type == .scenarioBased else {
        let isThere = result.scenarioOutcomes != nil
        findings.require(!isThere, "scenario_outcomes", expected: "none for this type", actual: "some")
        return
    }
    let scenarios = mandate.request.parameters.scenarios ?? []
    guard let report = result.scenarioOutcomes, !scenarios.isEmpty, report.outcomes.count == scenarios.count else {
        findings.require(false, "scenario_outcomes", expected: "one for each scenario", actual: "others")
        return
    }
    let probabilities = chances(of: scenarios)
    var expected = 0.0
    var least = Double.infinity
    for (index, scenario) in scenarios.enumerated() {
        let (claim, outcome) = ("scenario_outcomes/scenarios/\(index)", report.outcomes[index])
        let earned = portfolioReturn(in: scenario, exposure, mandate)
        let isNamed = outcome.name == scenario.name
        findings.require(isNamed, "\(claim)/name", expected: scenario.name, actual: outcome.name)
        findings.equal(outcome.probability, probabilities[index], "\(claim)/probability")
        findings.equal(outcome.expectedReturn, earned, "\(claim)/return")
        expected += probabilities[index] * earned
        least = min(least, earned)
    }
    findings.equal(report.expected, expected, "scenario_outcomes/expected")
    let worst = scenarioReturn(report.worst, exposure, mandate) ?? .nan
    findings.equal(worst, least, "scenario_outcomes/worst")
    checkScenarioMoments(scenarios, probabilities, result, mandate, &findings)
}

private func chances(of scenarios: [ReturnScenario]) -> [Double] {
    var total = 0.0
    for scenario in scenarios { total += scenario.probability ?? 1 }
    return scenarios.map { ($0.probability ?? 1) / total }
}

/// Means and, of what is held, covariances are those of the scenarios unless the request asks for others.
private func checkScenarioMoments(
    _ scenarios: [ReturnScenario],
    _ probabilities: [Double],
    _ result: OptimizationResult,
    _ mandate: Mandate,
    _ findings: inout Findings
) {
    let moments = mandate.moments
    let estimation = mandate.request.estimation
    guard let returns = moments.returns, returns.rows == scenarios.count, moments.hasGivenScenarios else {
        findings.require(false, "the scenarios", expected: "those of the request", actual: "others")
        return
    }
    var means = [Double](repeating: 0, count: moments.instruments.count)
    for (index, id) in moments.instruments.enumerated() {
        for (t, scenario) in scenarios.enumerated() {
            let given = scenario.returns[id] ?? .nan
            let isGiven = returns[t, index] == given
            findings.require(isGiven, "the return of \(id)", expected: "\(given)", actual: "\(returns[t, index])")
            means[index] += probabilities[t] * given
        }
        guard estimation.expectedReturns == nil else { continue }
        let expected = means[index] * moments.periodsPerYear
        findings.equal(moments.expectedReturns[index], expected, "the expected return of \(id)")
    }
    for (t, probability) in (moments.probabilities ?? probabilities).enumerated() {
        findings.equal(probability, t < probabilities.count ? probabilities[t] : .nan, "the probability of \(t)")
    }
    guard estimation.covariance == nil else { return }
    let held = moments.instruments.indices.filter { result.targetAllocation[moments.instruments[$0]] != nil }
    for i in held {
        for j in held {
            var sum = 0.0
            for t in scenarios.indices {
                sum += probabilities[t] * (returns[t, i] - means[i]) * (returns[t, j] - means[j])
            }
            let size = (moments.covariance[i, i] * moments.covariance[j, j]).squareRoot()
            let expected = sum * moments.periodsPerYear
            findings.equal(moments.covariance[i, j], expected, "the covariance of \(i) and \(j)", within: 1e-12 * size)
        }
    }
}
