internal import Matrices
public import PortfolioModel

/// The moments of a distribution that a caller gives as scenarios, in place of what the risk model has.
///
/// With pₜ the probabilities, xₜ the returns of scenario t and P the periods in a year,
///
/// μ = P Σ pₜ xₜ,  Σ = P Σ pₜ (xₜ − m)(xₜ − m)ᵀ,  m = Σ pₜ xₜ.
///
/// The scenarios are the distribution and no sample of one, so that nothing is divided by T − 1. Where the request's
/// `estimation` names an estimator of expected returns or of the covariance, that one's is kept. The measures of risk are
/// taken over the scenarios; the risk model's own history stays the one of `max_drawdown`.
///
/// - Parameters:
///   - scenarios: at least one, each with a return for the same instruments.
///   - base: the risk model's moments, as the request's estimation asks for them.
///   - snapshot: for what may be held.
///   - estimation: that of the request.
/// - Returns: the moments of the instruments that the scenarios name, in the order of `base`.
/// - Throws: ``OptimizationFailure`` with the code `invalid_inputs` for an instrument that the risk model does not have,
///   and for one that is held or may be held and has no return.
/// - Complexity: O(T n²).
public func scenarioMoments(
    _ scenarios: [ReturnScenario],
    over base: Moments,
    snapshot: MandateSnapshot,
    estimation: Estimation
) throws(OptimizationFailure) -> Moments {
    let chosen = try namedInstruments(scenarios, base: base, snapshot: snapshot)
    var moments = base
    moments.instruments = chosen.map { base.instruments[$0] }
    moments.expectedReturns = chosen.map { base.expectedReturns[$0] }
    moments.covariance = base.covariance.selecting(chosen)
    moments.factors = base.factors.map { $0.selecting(chosen) }
    moments.replacedHistory = base.returns.map { $0.selecting(rows: Array(0..<$0.rows), columns: chosen) }
    moments.hasGivenScenarios = true
    var returns = DenseMatrix(rows: scenarios.count, columns: chosen.count)
    for (j, id) in moments.instruments.enumerated() {
        for (t, scenario) in scenarios.enumerated() { returns[t, j] = scenario.returns[id] ?? .nan }
    }
    let probabilities = scenarios.probabilities
    moments.returns = returns
    moments.probabilities = scenarios.contains { $0.probability != nil } ? probabilities : nil
    let means = (0..<chosen.count).map { j in
        probabilities.indices.reduce(0) { $0 + probabilities[$1] * returns[$1, j] }
    }
    if estimation.expectedReturns == nil {
        moments.expectedReturns = means.map { $0 * base.periodsPerYear }
        moments.expectedReturnsEstimator = "scenarios"
        moments.warnings.removeAll { $0.code == "missing_expected_returns" }
    }
    if estimation.covariance == nil {
        moments.covariance = .dense(
            covariance(of: returns, means, probabilities, periodsPerYear: base.periodsPerYear)
        )
        moments.covarianceEstimator = "scenarios"
        moments.covarianceConditionNumber = nil
        moments.warnings.removeAll { ["covariance_repaired", "singular_covariance"].contains($0.code) }
    }
    return moments
}

/// Where the instruments that scenarios name stand in the moments.
private func namedInstruments(
    _ scenarios: [ReturnScenario],
    base: Moments,
    snapshot: MandateSnapshot
) throws(OptimizationFailure) -> [Int] {
    func invalid(_ message: String) -> OptimizationFailure {
        OptimizationFailure(code: "invalid_inputs", message: message)
    }
    guard let first = scenarios.first else { throw invalid("scenario_based needs scenarios, and there are none.") }
    let named = Set(first.returns.keys)
    let known = Set(base.instruments)
    for scenario in scenarios where Set(scenario.returns.keys) != named {
        throw invalid("The scenarios \(first.name) and \(scenario.name) have returns of different instruments.")
    }
    if let unknown = named.subtracting(known).min() {
        throw invalid("\(unknown) has returns in scenarios but is not in the risk model.")
    }
    let held = snapshot.portfolio.positions.filter { $0.quantity != 0 }.map(\.instrumentID)
    let needed = Set(snapshot.portfolio.universe ?? snapshot.riskModel.instruments).union(held)
    if let missing = needed.subtracting(named).min() {
        throw invalid("\(missing) is held or may be held but has no return in scenarios.")
    }
    return base.instruments.indices.filter { named.contains(base.instruments[$0]) }
}

private func covariance(
    of returns: DenseMatrix,
    _ means: [Double],
    _ probabilities: [Double],
    periodsPerYear: Double
) -> DenseMatrix {
    let count = returns.columns
    let centred = (0..<count).map { j in returns.column(j).map { $0 - means[j] } }
    var result = DenseMatrix(rows: count, columns: count)
    for j in 0..<count {
        let weighted = zip(centred[j], probabilities).map { $0 * $1 }
        for i in j..<count {
            var sum = 0.0
            for (left, right) in zip(centred[i], weighted) { sum += left * right }
            result[i, j] = periodsPerYear * sum
            result[j, i] = result[i, j]
        }
    }
    return result
}
