internal import PortfolioModel

/// The failure of limits in force, the portfolio's own among them, that a method does not take; nil when it takes all.
func refusal(
    of constraints: Constraints,
    _ type: OptimizationType,
    _ objective: Objective,
    _ riskMeasure: RiskMeasure
) -> OptimizationFailure? {
    let refused = constraints.set(among: Capabilities.refusedConstraints(of: type, objective, riskMeasure))
    guard !refused.isEmpty else { return nil }
    let reason = refused.compactMap { Capabilities.reason(ofRefusing: $0, type, objective, riskMeasure) }.first
    return OptimizationFailure(
        code: "unsupported_constraint",
        message: "\(refused.joined(separator: " and ")) does not go with \(type.rawValue), \(objective.rawValue) and"
            + " risk_measure \(riskMeasure.rawValue)\(reason.map { " (\($0))" } ?? ""). Take another method, or take the limit out of the request and of"
            + " the portfolio's constraints."
    )
}

/// The same for a rebalancing plan, whatever it aims at.
func refusalInPlans(of constraints: Constraints) -> OptimizationFailure? {
    let refused = constraints.set(among: Capabilities.refusedInPlans)
    guard !refused.isEmpty else { return nil }
    return OptimizationFailure(
        code: "unsupported_constraint",
        message:
            "\(refused.joined(separator: " and ")) does not go with rebalancing plans, which search over lots. Take it"
            + " out of the request and of the portfolio's constraints, or rebalance to the allocation of an"
            + " optimization that has it."
    )
}
