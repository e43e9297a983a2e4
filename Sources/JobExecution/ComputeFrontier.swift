internal import PortfolioDocuments
internal import PortfolioModel
internal import PortfolioOptimization
internal import Repository
internal import ResultChecker

/// Computes an efficient frontier: reads the request, traces the curve, has it checked, and writes it down.
func computeFrontier(_ context: ComputationContext) throws(OptimizationFailure) -> [UInt8] {
    let job = context.job
    let request = try context.request { document in
        try DocumentDecoder.frontierRequest(document, portfolioID: job.request.portfolioID)
    }
    let moments = try context.moments()
    try requireExpectedReturns(moments)
    let problem = try AllocationProblem(
        snapshot: job.snapshot,
        moments: moments,
        request: OptimizationRequest(
            portfolioID: request.portfolioID,
            type: .meanVariance,
            objective: .minimizeRisk,
            riskMeasure: request.riskMeasure,
            constraints: request.constraints,
            preferences: request.preferences
        )
    )
    let (traced, milliseconds) = try context.timed(problem.preferences) { shouldStop throws(OptimizationFailure) in
        try traceFrontier(problem, request, shouldStop: shouldStop)
    }
    var result = dressed(traced, problem, moments, request, versions: job.snapshot.versions)
    result.solution.solveMilliseconds = milliseconds
    let check = FrontierCheck(snapshot: job.snapshot, moments: moments, request: request)
    try context.require(noneOf: check.violations(in: result).map(\.description))
    return DocumentEncoder.frontierMembers(request, result)
}

/// A curve has no meaning where no returns are known.
private func requireExpectedReturns(_ moments: Moments) throws(OptimizationFailure) {
    guard moments.expectedReturnsEstimator == "none" else { return }
    throw OptimizationFailure(
        code: "missing_expected_returns",
        message: "the risk model has neither expected returns nor a history to estimate them from"
    )
}

/// The curve with names to its weights, and what it was computed from.
private func dressed(
    _ traced: TracedFrontier,
    _ problem: AllocationProblem,
    _ moments: Moments,
    _ request: FrontierRequest,
    versions: SnapshotVersions
) -> FrontierResult {
    func dressed(_ allocation: FrontierAllocation) -> FrontierPoint { FrontierPoint(allocation, of: problem) }
    // A frontier has no objective that these preferences could act on or not.
    let others: Set = ["preference_ignored", "cost_terms_not_in_objective"]
    var warnings: [ResultWarning] = []
    for warning in moments.warnings + traced.warnings
    where !warnings.contains(warning) && !others.contains(warning.code) { warnings.append(warning) }
    var result = FrontierResult(
        points: traced.points.map(dressed),
        currentPortfolio: dressed(problem.currentFrontierAllocation),
        optimalPortfolio: traced.optimal.map(dressed),
        minimumRiskPortfolio: dressed(traced.minimumRisk),
        maximumReturnPortfolio: dressed(traced.maximumReturn),
        cornerPortfolios: request.includesCornerPortfolios ? traced.corners?.map(dressed) : nil,
        instruments: problem.singleInstrumentAllocations.map(dressed),
        solution: traced.report,
        constraints: problem.constraints,
        preferences: problem.preferences,
        inputs: ResultInputs(
            versions: versions,
            expectedReturnsEstimator: moments.expectedReturnsEstimator,
            covarianceEstimator: moments.covarianceEstimator,
            covarianceConditionNumber: moments.covarianceConditionNumber,
            kernel: computingKernel
        ),
        warnings: warnings
    )
    result.grandfatheredLimits = problem.grandfatheredLimits
    return result
}
