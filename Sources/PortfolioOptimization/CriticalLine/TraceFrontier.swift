internal import ConvexSolver
public import PortfolioModel

/// Traces the efficient frontier of a problem: for each return between least risk and most return, the least risk.
///
/// The limits in force are the problem's; its objective plays no part. Points stand evenly on the axis of return. For
/// volatility under linear limits all of them are read off the critical line, found by one walk; where a limit is
/// discrete or the walk does not finish, each point is a solve of its own. Returns are before transaction costs.
///
/// - Parameters:
///   - problem: the instruments, their moments, the limits in force.
///   - request: how many points, where the curve is cut, and the measure of risk.
///   - shouldStop: asked once an iteration; true ends the search.
/// - Returns: the points with the portfolios of least risk, most return and largest ratio.
/// - Throws: ``OptimizationFailure`` with the code `infeasible` (with the attainable range where only the cuts are out of
///   reach), `time_limit` or `numerical_difficulty`.
public func traceFrontier(
    _ problem: AllocationProblem,
    _ request: FrontierRequest,
    shouldStop: () -> Bool
) throws(OptimizationFailure) -> TracedFrontier {
    if let refusal = refusal(of: problem.constraints, problem.type, .minimizeRisk, request.riskMeasure) {
        throw refusal
    }
    if problem.constraints.softLimits?.isEmpty == false {
        throw OptimizationFailure(
            code: "unsupported_constraint",
            message: "soft_limits does not go with efficient frontiers, which weigh return against risk alone. Take it"
                + " out of the request and of the portfolio's constraints."
        )
    }
    var open = problem
    open.objective = .minimizeRisk
    open.constraints.minReturn = nil
    open.constraints.maxRisk = nil
    if request.riskMeasure == .volatility { open.constraints.targetVolatility = nil }
    // The cuts have the numbers in force already.
    open.grandfathering = problem.grandfathering.without(["/max_risk", "/target_volatility"])
    open.preferences.includeTransactionCosts = false
    open.preferences.considerTaxImplications = false
    let cuts = FrontierCuts(problem, request)
    var frontier =
        switch request.riskMeasure {
        case .volatility:
            try traceVolatility(open, request, cuts: cuts, shouldStop: shouldStop)
        default: try traceMeasure(open, cuts: cuts, pointCount: request.pointCount, shouldStop: shouldStop)
        }
    frontier.warnings = problem.warnings + frontier.warnings
    if problem.preferences.includeTransactionCosts == true {
        let message = "An efficient frontier is of returns before transaction costs."
        frontier.warnings.append(ResultWarning(code: "costs_not_in_frontier", message: message))
    }
    if problem.preferences.considerTaxImplications == true {
        let message = "An efficient frontier is of returns before taxes."
        frontier.warnings.append(ResultWarning(code: "taxes_not_in_frontier", message: message))
    }
    if frontier.points.count == 1 {
        let message = "The portfolio of least risk is also the one of most return: the frontier is a single point."
        frontier.warnings.append(ResultWarning(code: "single_portfolio", message: message))
    }
    return frontier
}

/// Traces the frontier of volatility by the critical line, or by solves where there is none.
private func traceVolatility(
    _ problem: AllocationProblem,
    _ request: FrontierRequest,
    cuts: FrontierCuts,
    shouldStop: () -> Bool
) throws(OptimizationFailure) -> TracedFrontier {
    if let line = try criticalLine(MeanVarianceMethod(problem), shouldStop: shouldStop) {
        var tracer = LineTracer(line, problem: problem, cuts: cuts)
        return try tracer.trace(request, shouldStop: shouldStop)
    }
    var solves = VolatilitySolves(problem)
    return try traceBySolves(&solves, cuts: cuts, pointCount: request.pointCount, shouldStop: shouldStop)
}

/// The critical line of a method's problem, or nil where it has none or the walk does not finish.
private func criticalLine(
    _ method: MeanVarianceMethod,
    shouldStop: () -> Bool
) throws(OptimizationFailure) -> CriticalLine? {
    guard !method.limits.forbidsTrading else { return nil }
    let wasStopped: Bool
    do throws(ActiveSetFailure) {
        return try CriticalLine(method, shouldStop: shouldStop)
    } catch {
        // Whatever else ended the walk, the solves find it again with an explanation, or a way around it.
        wasStopped = error == .stopped
    }
    if wasStopped { throw timeLimit() }
    return nil
}

/// Reads a frontier off a critical line; a point that does not stand up to its check is solved for instead.
private struct LineTracer {
    private let line: CriticalLine
    private let cuts: FrontierCuts
    private var solves: VolatilitySolves
    private var worst = (infeasibility: 0.0, suboptimality: 0.0)

    init(_ line: CriticalLine, problem: AllocationProblem, cuts: FrontierCuts) {
        self.line = line
        self.cuts = cuts
        solves = VolatilitySolves(problem)
    }

    mutating func trace(
        _ request: FrontierRequest,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> TracedFrontier {
        let ends = try cutEnds(shouldStop: shouldStop)
        let lowest = try allocation(at: ends.low, shouldStop: shouldStop)
        let highest = ends.high == ends.low ? lowest : try allocation(at: ends.high, shouldStop: shouldStop)
        var points: [FrontierAllocation] = []
        for target in evenReturns(from: lowest.expectedReturn, to: highest.expectedReturn, count: request.pointCount) {
            guard !shouldStop() else { throw timeLimit() }
            switch target {
            case .low: points.append(lowest)
            case .high: points.append(highest)
            case .between(let value):
                points.append(try allocation(at: line.position(ofReturn: value), shouldStop: shouldStop))
            }
        }
        var warnings: [ResultWarning] = []
        var optimal: FrontierAllocation?
        switch line.tangency() {
        case .none: break
        case .unbounded:
            let message = "An allocation without risk earns more than the risk-free rate: no ratio is the largest."
            warnings.append(ResultWarning(code: "unbounded_ratio", message: message))
        case .at(let position):
            let inside = min(max(position, ends.low), ends.high)
            let candidate = try allocation(at: inside, shouldStop: shouldStop)
            let riskFree = line.method.problem.preferences.effectiveRiskFreeRate
            if candidate.expectedReturn > riskFree { optimal = candidate }
        }
        return TracedFrontier(
            points: points,
            optimal: optimal,
            minimumRisk: lowest,
            maximumReturn: highest,
            corners: request.includesCornerPortfolios
                ? try corners(from: (ends.low, lowest), to: (ends.high, highest), shouldStop: shouldStop) : nil,
            report: report(),
            warnings: warnings
        )
    }

    /// The ends of the line after it is cut.
    private mutating func cutEnds(
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> (low: LinePosition, high: LinePosition) {
        var (low, high) = (line.lowest, line.highest)
        let whole = (low: low, high: high)
        let most = line.returns.last ?? 0
        let least = line.variances[low.corner].squareRoot()
        if let bound = cuts.leastReturn?.bound, bound > line.returns[low.corner] {
            low = cuts.excludes(expectedReturn: most) ? high : line.position(ofReturn: bound)
        }
        if let bound = cuts.mostRisk?.bound, bound * bound < line.variances[high.corner] {
            // Risk rises with the square of the way from its least: a hair above would be a step away.
            let isLeast = bound <= least * (1 + 1e-12)
            high = isLeast ? whole.low : line.position(ofVariance: bound * bound)
        }
        let isReachable = !cuts.excludes(expectedReturn: most) && !cuts.excludes(risk: least)
        if low <= high, isReachable { return (low, high) }
        let atLow = try allocation(at: low, shouldStop: shouldStop)
        let atHigh = try allocation(at: high, shouldStop: shouldStop)
        // The two cuts may meet in a point that rounding has put on either side.
        if isReachable, !cuts.excludes(risk: atLow.risk) { return (low, low) }
        throw cuts.outOfReach(
            from: try allocation(at: whole.low, shouldStop: shouldStop),
            to: try allocation(at: whole.high, shouldStop: shouldStop),
            atLeastReturn: cuts.excludes(expectedReturn: most) ? nil : atLow,
            atMostRisk: cuts.excludes(risk: least) ? nil : atHigh
        )
    }

    private mutating func allocation(
        at position: LinePosition,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> FrontierAllocation {
        if let (allocation, check) = try line.allocation(at: position) {
            worst.infeasibility = max(worst.infeasibility, check.infeasibility)
            if check.scale > 0 { worst.suboptimality = max(worst.suboptimality, check.suboptimality / check.scale) }
            return allocation
        }
        let (low, high) = (
            line.returns[position.corner], line.returns[min(position.corner + 1, line.returns.count - 1)]
        )
        return try solves.leastRisk(returnAtLeast: low + position.share * (high - low), shouldStop: shouldStop)
    }

    /// The corners between two places, and the places themselves.
    private mutating func corners(
        from low: (position: LinePosition, allocation: FrontierAllocation),
        to high: (position: LinePosition, allocation: FrontierAllocation),
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> [FrontierAllocation] {
        var found = [low.allocation]
        for corner in line.path.corners.indices {
            let position = LinePosition(corner: corner, share: 0)
            guard position > low.position, position < high.position else { continue }
            let candidate = try allocation(at: position, shouldStop: shouldStop)
            // At a corner of the multipliers alone the weights stay.
            if let last = found.last, isNew(candidate, after: last) { found.append(candidate) }
        }
        if let last = found.last, isNew(high.allocation, after: last) { found.append(high.allocation) }
        return found
    }

    private func isNew(_ next: FrontierAllocation, after last: FrontierAllocation) -> Bool {
        zip(next.weights, last.weights).contains { abs($0 - $1) > AllocationLimits.tolerance }
    }

    private func report() -> SolutionReport {
        var report = solves.report
        report.solver = "critical_line"
        report.iterations += line.path.steps
        report.primalResidual = max(report.primalResidual, worst.infeasibility)
        report.dualResidual = max(report.dualResidual, worst.suboptimality)
        report.relativeGap = max(report.relativeGap, worst.suboptimality)
        return report
    }
}

/// The allocations of least volatility at given returns, read off the critical line; a return beyond an end of the line
/// gives that end.
///
/// - Parameters:
///   - problem: the instruments, their moments, the limits in force; the limits on return and volatility play no part.
///   - targets: annual expected returns.
/// - Returns: one allocation a target, or nil where the problem has no critical line.
/// - Throws: ``OptimizationFailure`` where a solve in place of a point fails.
package func leastVolatilities(
    _ problem: AllocationProblem,
    atReturns targets: [Double]
) throws(OptimizationFailure) -> [FrontierAllocation]? {
    var open = problem
    open.constraints.minReturn = nil
    open.constraints.maxRisk = nil
    open.constraints.targetVolatility = nil
    guard let line = try criticalLine(MeanVarianceMethod(open), shouldStop: { false }) else { return nil }
    var found: [FrontierAllocation] = []
    for target in targets {
        guard let (allocation, _) = try line.allocation(at: line.position(ofReturn: target)) else { return nil }
        found.append(allocation)
    }
    return found
}
