internal import ConvexSolver
internal import PortfolioModel

/// The choice that a buy-in threshold puts to an instrument: a weight of 0, or at least the threshold.
///
/// - Parameters:
///   - instrument: its column.
///   - reaching: the row that says "at least the threshold".
/// - Returns: the choice, for the search.
func thresholdDisjunction(instrument: Int, reaching: LinearRow) -> Disjunction {
    let notHeld = LinearRow(columns: [instrument], coefficients: [1], upperBound: 0, isEquality: true)
    return Disjunction(off: [notHeld], on: [reaching])
}

/// Solves a program with thresholds by branch and bound over who is held.
///
/// A search that is stopped answers with the best allocation found and its gap, and fails only without one.
///
/// - SeeAlso: docs/mathematics.md, "Buy-in thresholds".
func searchThresholds(
    _ program: AllocationProgram,
    relativeGap: Double,
    shouldStop: () -> Bool
) throws(SolverError) -> Result<ProgramOutcome, OptimizationFailure> {
    var settings = SolverSettings()
    settings.relativeGap = relativeGap
    settings.optimalityGap = optimalityGap
    let search = BranchAndBoundSolver(
        program.sparse.multipliedOut,
        disjunctions: program.disjunctions,
        implied: program.implied,
        settings: settings
    )
    let result = try search.solve(shouldStop: shouldStop)
    switch result.status {
    case .infeasible: return .success(.infeasible(certificate: []))
    case .unbounded: return .success(.unbounded)
    case .stoppedWithoutIncumbent: return .failure(timeLimit())
    case .optimal, .withinGap, .stoppedWithIncumbent:
        guard let solution = result.solution else { return .failure(timeLimit()) }
        let report = SolutionReport(
            status: result.status == .optimal || result.relativeGap <= optimalityGap ? .optimal : .withinGap,
            solver: "branch_and_bound",
            iterations: result.iterations,
            solveMilliseconds: 0,
            primalResidual: solution.primalResidual,
            dualResidual: solution.dualResidual,
            relativeGap: result.relativeGap
        )
        return .success(.solved(ProgramOptimum(primal: solution.primal, dual: solution.dual, report: report)))
    }
}

/// The gap, relative to the objective, up to which an answer counts as optimal.
private let optimalityGap = 1e-6
