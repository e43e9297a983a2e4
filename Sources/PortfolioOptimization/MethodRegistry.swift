public import PortfolioModel

/// Finds the best allocation of a problem by the method of its optimization type.
///
/// The same problem gives the same bits. The weights returned meet every limit to 1e-9.
///
/// - Parameters:
///   - problem: what is to be decided.
///   - shouldStop: asked once an iteration; true ends the search, with the best allocation found when there is one.
/// - Returns: weights, cash, the limits that bind and their shadow prices.
/// - Throws: ``OptimizationFailure`` with the code `infeasible` (and the limits that clash), `no_excess_return`,
///   `unbounded`, `time_limit` or `numerical_difficulty`.
public func optimizeAllocation(
    _ problem: AllocationProblem,
    shouldStop: () -> Bool
) throws(OptimizationFailure) -> AllocationSolution {
    // A path is tidy period by period; what it says of the first is the answer.
    if problem.type == .multiPeriod { return try MultiPeriodMethod(problem).solve(shouldStop: shouldStop) }
    if problem.objective.isOfTerms {
        return try ComposedMethod(problem).solve(shouldStop: shouldStop).tidied(problem)
    }
    return try allocation(problem, shouldStop: shouldStop).tidied(problem)
}

private func allocation(
    _ problem: AllocationProblem,
    shouldStop: () -> Bool
) throws(OptimizationFailure) -> AllocationSolution {
    switch problem.type {
    case .meanVariance, .blackLitterman, .factorBased, .robust, .scenarioBased, .custom:
        if problem.riskMeasure == .volatility {
            try MeanVarianceMethod(problem).solve(shouldStop: shouldStop)
        } else {
            try RiskMeasureMethod(problem).solve(shouldStop: shouldStop)
        }
    case .multiPeriod: try MultiPeriodMethod(problem).solve(shouldStop: shouldStop)
    case .riskParity: try RiskParityMethod(problem).solve(shouldStop: shouldStop)
    case .hierarchicalRiskParity: try HierarchicalMethod(problem).solve(shouldStop: shouldStop)
    }
}

/// What each term of a problem's objective comes to at a solution; nil where it is not put together of terms.
///
/// - Parameters:
///   - problem: what was decided.
///   - solution: its weights.
/// - Returns: a value for each term, in their order.
/// - Throws: ``OptimizationFailure`` where the moments do not have what a term needs.
public func termValues(
    of problem: AllocationProblem,
    at solution: AllocationSolution
) throws(OptimizationFailure) -> [TermValue]? {
    guard problem.objective.isOfTerms else { return nil }
    return try ComposedMethod(problem).values(of: solution)
}
