import Matrices
import PortfolioModel
import PortfolioOptimization

/// max μ'w − k √(w'Ωw) − γ/2 w'Σw with Ω = Σ by the years of history, under caps of names and sectors, as a request is
/// solved: from moments to cleaned weights.
func solveRobust(_ file: CaseFile) throws -> () throws -> CaseAnswer {
    let covariance = try file.transposedMatrix("Sigma")  // symmetric
    let expectedReturns = try file.vector("mu")
    let days = try file.scalar("days")
    let (sizes, sectorSizes) = (try file.vector("ub"), try file.vector("scap"))
    let sectors = try file.vector("sector")
    let identifiers = (0..<file.n).map { "I\($0)" }
    let asOf = Timestamp(microseconds: 0)
    var request = OptimizationRequest(portfolioID: "p", type: .robust, objective: .maximizeUtility)
    request.parameters.uncertainty = Uncertainty(kind: .ellipsoidal, size: try file.scalar("kappa"))
    request.preferences.riskAversion = try file.scalar("gamma")
    request.constraints.maxPositionSize = sizes.max()
    request.constraints.maxSectorExposure = sectorSizes.max()
    let moments = Moments(
        instruments: identifiers,
        expectedReturns: expectedReturns,
        covariance: covariance,
        returns: DenseMatrix(rows: Int(days), columns: file.n),
        periodsPerYear: 252
    )
    let snapshot = MandateSnapshot(
        portfolio: Portfolio(baseCurrency: "USD", asOf: asOf, riskModelID: "m", cash: 1, positions: []),
        riskModel: RiskModel(asOf: asOf, instruments: identifiers, periodsPerYear: 252, covariance: covariance),
        instruments: identifiers.enumerated().map { Instrument(id: $1, sector: "\(Int(sectors[$0]))", price: 1) },
        versions: SnapshotVersions(portfolio: 1, riskModelID: "m", riskModel: 1, instruments: 1)
    )
    return {
        let problem = try AllocationProblem(snapshot: snapshot, moments: moments, request: request)
        let solution = try optimizeAllocation(problem) { false }
        return CaseAnswer(
            weights: [solution.weights],
            objective: 0,
            primalResidual: solution.report.primalResidual,
            suboptimality: solution.report.relativeGap,
            method: solution.report.solver,
            iterations: solution.report.iterations
        )
    }
}
