import PortfolioModel

/// Why nothing but the search's own word says that a result's target is the best, where it has no certificate.
///
/// Every other claim of such a result is recomputed all the same (docs/verify.md).
package struct UnprovedOptimum: Equatable, Sendable {
    /// What was not proved and what stands in its place, as a clause for people.
    package var reason: String

    /// Nil where a certificate proves the target to be the best.
    init?(_ request: OptimizationRequest, _ result: OptimizationResult) {
        guard result.certificate == nil else { return nil }
        let word = "by the search's own word the relative gap is \(result.solution.relativeGap)"
        let limits = result.constraints
        switch request.type {
        case .riskParity: reason = "the contributions to the risk were held against the budgets"
        case .hierarchicalRiskParity:
            reason = "where recursive bisection divides the tree the weights were held against it, built anew"
        case .multiPeriod:
            reason =
                "each period was checked; that no path is better the prices of the limits prove less than to 1e-6: \(word)"
        case _ where limits.maxPositions != nil || (limits.minPositionSize ?? 0) > 0:
            reason = "who is held is a choice that no prices prove: \(word)"
        case _ where request.riskMeasure == .valueAtRisk && request.objective != .maximizeReturn:
            reason = "value-at-risk is not convex, and no prices prove a least one: \(word)"
        case _ where result.solution.status == .withinGap:
            reason = "the search ended before the best was found: \(word)"
        case _: reason = "the prices of the limits prove less than 1e-6: \(word)"
        }
    }
}
