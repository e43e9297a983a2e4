internal import MomentEstimation
internal import PortfolioDocuments
internal import PortfolioModel
internal import PortfolioOptimization
internal import Repository
internal import ResultChecker

/// Computes a rebalance plan: reads the request, plans the trades, has them replayed, and writes them down.
func computeRebalance(_ context: ComputationContext) throws(OptimizationFailure) -> [UInt8] {
    let job = context.job
    let portfolioID = job.request.portfolioID
    let request = try context.request { document in
        try DocumentDecoder.rebalanceRequest(document, portfolioID: portfolioID)
    }
    var moments = try context.moments()
    if request.target == .optimal, request.optimizationID == nil { moments = try moments.suited(to: request.type) }
    let snapshot = job.snapshot
    let preferences = snapshot.portfolio.preferences.overridden(by: request.preferences)
    var (plan, milliseconds) = try context.timed(preferences) { shouldStop throws(OptimizationFailure) in
        try planRebalance(request, snapshot: snapshot, moments: moments, shouldStop: shouldStop)
    }
    plan.report.solveMilliseconds = milliseconds
    let result = try plan.result(of: request, snapshot: snapshot, moments: moments)
    let check = RebalanceCheck(snapshot: snapshot, moments: moments, request: request)
    try context.require(noneOf: check.violations(in: result).map(\.description))
    return DocumentEncoder.rebalanceMembers(request, result)
}
