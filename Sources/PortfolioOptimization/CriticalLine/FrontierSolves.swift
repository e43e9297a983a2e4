internal import PortfolioModel

/// What a frontier is traced with where there is no critical line: programs solved one after the other.
///
/// A risk measure brings its own; the order of the points lets each solve start from the last.
protocol FrontierSolves {
    /// The problem, without limits on return and risk.
    var problem: AllocationProblem { get }

    /// The best allocation of the problem with an objective and limits of its own.
    mutating func solve(
        _ program: AllocationProblem,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> FrontierAllocation

    /// How the solves so far ended, at worst.
    var report: SolutionReport { get }
}

extension FrontierSolves {
    /// The allocation of least risk, of those whose expected return is not below a bound when there is one.
    mutating func leastRisk(
        returnAtLeast bound: Double?,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> FrontierAllocation {
        var program = problem
        program.objective = .minimizeRisk
        program.constraints.minReturn = bound
        return try solve(program, shouldStop: shouldStop)
    }

    /// The allocation of most return, of those whose risk is not above a bound when there is one.
    mutating func mostReturn(
        riskAtMost bound: Double?,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> FrontierAllocation {
        var program = problem
        program.objective = .maximizeReturn
        program.constraints.maxRisk = bound
        return try solve(program, shouldStop: shouldStop)
    }

    /// The allocation of the largest ratio of excess return to risk within the cuts, with least cash among equals; nil
    /// without a positive excess return, or where the ratio has no maximum.
    mutating func largestRatio(
        within cuts: FrontierCuts,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> FrontierAllocation? {
        var program = problem
        program.objective = .maximizeSharpe
        program.constraints.minReturn = cuts.leastReturn?.bound
        program.constraints.maxRisk = cuts.mostRisk?.bound
        do throws(OptimizationFailure) {
            return try solve(program, shouldStop: shouldStop)
        } catch {
            guard error.code == "no_excess_return" || error.code == "unbounded" else { throw error }
            return nil
        }
    }
}

/// Traces a frontier by one solve a point, evenly spaced on the axis of return.
///
/// - Parameters:
///   - solves: the programs of a measure, without limits on return and risk.
///   - cuts: where the curve is cut.
///   - pointCount: points along it.
///   - shouldStop: asked once an iteration of each solve.
/// - Returns: the frontier, without corners and warnings.
/// - Throws: ``OptimizationFailure``; `infeasible` with the attainable range where the cuts leave nothing.
func traceBySolves(
    _ solves: inout some FrontierSolves,
    cuts: FrontierCuts,
    pointCount: Int,
    shouldStop: () -> Bool
) throws(OptimizationFailure) -> TracedFrontier {
    let ends = try frontierEnds(&solves, cuts: cuts, shouldStop: shouldStop)
    var points: [FrontierAllocation] = []
    for target in evenReturns(from: ends.low.expectedReturn, to: ends.high.expectedReturn, count: pointCount) {
        switch target {
        case .low: points.append(ends.low)
        case .high: points.append(ends.high)
        case .between(let bound): points.append(try solves.leastRisk(returnAtLeast: bound, shouldStop: shouldStop))
        }
    }
    let searched = try solves.largestRatio(within: cuts, shouldStop: shouldStop)
    var findings = FrontierFindings(points + (searched.map { [$0] } ?? []))
    points = findings.undominated(points)
    let riskFree = solves.problem.preferences.effectiveRiskFreeRate
    let optimal = searched == nil ? nil : findings.largestRatio(searched, riskFree: riskFree)
    var report = solves.report
    if findings.hasStandIns { report.status = .withinGap }
    return TracedFrontier(
        points: points,
        optimal: optimal,
        minimumRisk: points.first ?? ends.low,
        maximumReturn: points.count > 1 ? points.last ?? ends.high : ends.high,
        corners: nil,
        report: report,
        warnings: []
    )
}

/// The ends of the curve after it is cut.
private func frontierEnds(
    _ solves: inout some FrontierSolves,
    cuts: FrontierCuts,
    shouldStop: () -> Bool
) throws(OptimizationFailure) -> (low: FrontierAllocation, high: FrontierAllocation) {
    var low = try solves.leastRisk(returnAtLeast: nil, shouldStop: shouldStop)
    var high = try solves.mostReturn(riskAtMost: nil, shouldStop: shouldStop)
    // Of equal return the least risk: the room for rounding is what limits are met to.
    let nearlyMost = high.expectedReturn - AllocationLimits.tolerance * abs(high.expectedReturn)
    if low.expectedReturn < nearlyMost {
        let calmer = try? solves.leastRisk(returnAtLeast: nearlyMost, shouldStop: shouldStop)
        if let calmer, calmer.risk < high.risk * (1 - 1e-6) { high = calmer }
    } else {
        high = low
    }
    let whole = (low: low, high: high)
    var atLeastReturn: FrontierAllocation?
    if let bound = cuts.leastReturn?.bound, bound > low.expectedReturn,
        !cuts.excludes(expectedReturn: high.expectedReturn)
    {
        atLeastReturn = try solves.leastRisk(returnAtLeast: min(bound, high.expectedReturn), shouldStop: shouldStop)
    }
    var atMostRisk: FrontierAllocation?
    if let bound = cuts.mostRisk?.bound, bound < high.risk, !cuts.excludes(risk: low.risk) {
        atMostRisk = try solves.mostReturn(riskAtMost: max(bound, low.risk), shouldStop: shouldStop)
    }
    low = atLeastReturn ?? low
    high = atMostRisk ?? high
    guard !cuts.excludes(expectedReturn: high.expectedReturn), !cuts.excludes(risk: low.risk) else {
        throw cuts.outOfReach(from: whole.low, to: whole.high, atLeastReturn: atLeastReturn, atMostRisk: atMostRisk)
    }
    return (low, high)
}

/// A place on the axis of return.
enum EvenReturn: Equatable {
    case low
    case between(Double)
    case high
}

/// Evenly spaced returns; only one where there is nothing between the ends.
func evenReturns(from low: Double, to high: Double, count: Int) -> [EvenReturn] {
    guard count > 1, high - low > FrontierCuts.allowance * max(abs(low), abs(high)) else { return [.low] }
    return (0..<count).map { index in
        if index == 0 { return .low }
        if index == count - 1 { return .high }
        return .between(low + (high - low) * (Double(index) / Double(count - 1)))
    }
}

/// The programs of volatility, solved by the mean-variance method.
struct VolatilitySolves: FrontierSolves {
    /// Without limits on return and volatility.
    let problem: AllocationProblem
    private(set) var report = SolutionReport(
        status: .optimal,
        solver: "",
        iterations: 0,
        solveMilliseconds: 0,
        primalResidual: 0,
        dualResidual: 0,
        relativeGap: 0
    )

    init(_ problem: AllocationProblem) { self.problem = problem }

    mutating func solve(
        _ program: AllocationProblem,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> FrontierAllocation {
        let solution = try MeanVarianceMethod(program).solve(shouldStop: shouldStop)
        if solution.report.status == .withinGap { report.status = .withinGap }
        if report.solver.isEmpty { report.solver = solution.report.solver }
        report.iterations += solution.report.iterations
        report.primalResidual = max(report.primalResidual, solution.report.primalResidual)
        report.dualResidual = max(report.dualResidual, solution.report.dualResidual)
        report.relativeGap = max(report.relativeGap, solution.report.relativeGap)
        return problem.frontierAllocation(weights: solution.weights, cash: solution.cash)
    }
}
