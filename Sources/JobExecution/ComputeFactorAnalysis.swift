internal import MomentEstimation
internal import PortfolioDocuments
internal import PortfolioModel
internal import PortfolioOptimization
internal import Repository
internal import ResultChecker

/// Turns a request for a factor analysis and its inputs into a checked answer.
///
/// - Parameter context: the job and what it may use.
/// - Returns: the members of the answer, an object.
/// - Throws: ``OptimizationFailure`` with a code of ``FactorAnalysis/init(snapshot:moments:request:)``, of the
///   estimation, or `check_failed`.
func computeFactorAnalysis(_ context: ComputationContext) throws(OptimizationFailure) -> [UInt8] {
    let job = context.job
    let portfolioID = job.request.portfolioID
    let request = try context.request { document in
        try DocumentDecoder.factorAnalysisRequest(document, portfolioID: portfolioID)
    }
    let moments = try context.moments()
    let analysis = try FactorAnalysis(snapshot: job.snapshot, moments: moments, request: request)
    var result = analysis.result(
        inputs: ResultInputs(
            versions: job.snapshot.versions,
            expectedReturnsEstimator: moments.expectedReturnsEstimator,
            covarianceEstimator: moments.covarianceEstimator,
            kernel: computingKernel
        )
    )
    addRegressions(to: &result, moments, analysis)
    let violations = FactorAnalysisCheck(snapshot: job.snapshot, moments: moments, request: request)
        .violations(in: result)
    try context.require(noneOf: violations.map(\.description))
    return DocumentEncoder.factorAnalysisMembers(request, result)
}

/// Adds what regressions say; loadings that are given do without.
private func addRegressions(to result: inout FactorAnalysisResult, _ moments: Moments, _ analysis: FactorAnalysis) {
    guard let series = analysis.portfolioSeries, moments.factors?.factorReturns != nil else {
        result.notes["regressions"] = "the risk model has no history of returns beside one of factor returns"
        return
    }
    do throws(EstimationError) {
        result.regressions = try factorRegressions(moments: moments, weights: analysis.weights, portfolio: series)
    } catch {
        result.notes["regressions"] = error.failure.message
        return
    }
    let held = analysis.weights.count { $0 != 0 }
    if moments.factors?.loadingsEstimator == "regressed", held > mostListedRegressions {
        result.notes["regressions"] = "of \(held) holdings the \(mostListedRegressions) largest are listed"
    }
}
