internal import PortfolioModel

/// The programs of a frontier on a measure other than volatility; all of them share what is learnt of the measure.
struct MeasureSolves: FrontierSolves {
    let problem: AllocationProblem
    private let solver: any RiskSolving
    private(set) var report = SolutionReport.withoutProgram(solver: "")

    /// Takes a problem without limits on return and risk.
    init(_ problem: AllocationProblem) throws(OptimizationFailure) {
        self.problem = problem
        solver = try riskSolver(of: problem)
    }

    mutating func solve(
        _ program: AllocationProblem,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> FrontierAllocation {
        let solution = try RiskMeasureMethod(program, solver: solver).solve(shouldStop: shouldStop).tidied(problem)
        if solution.report.status == .withinGap { report.status = .withinGap }
        if report.solver.isEmpty || report.solver == "no_trading" { report.solver = solution.report.solver }
        report.iterations += solution.report.iterations
        report.primalResidual = max(report.primalResidual, solution.report.primalResidual)
        report.dualResidual = max(report.dualResidual, solution.report.dualResidual)
        report.relativeGap = max(report.relativeGap, solution.report.relativeGap)
        return FrontierAllocation(
            weights: solution.weights,
            cash: solution.cash,
            expectedReturn: problem.expectedReturn(of: solution.weights, cash: solution.cash),
            risk: solver.measured.value(of: solution.weights)
        )
    }
}

/// Traces the frontier of a measure other than volatility, one solve a point.
func traceMeasure(
    _ problem: AllocationProblem,
    cuts: FrontierCuts,
    pointCount: Int,
    shouldStop: () -> Bool
) throws(OptimizationFailure) -> TracedFrontier {
    var solves = try MeasureSolves(problem)
    return try traceBySolves(&solves, cuts: cuts, pointCount: pointCount, shouldStop: shouldStop)
}
