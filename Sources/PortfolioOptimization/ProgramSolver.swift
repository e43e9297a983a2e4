internal import ConvexSolver
internal import PortfolioModel

/// The optimum of a program, with how it was found.
struct ProgramOptimum: Sendable {
    var primal: [Double]
    var dual: [Double]
    var report: SolutionReport
    /// What proves the bound that a search over few of many began with; nil where there was none.
    var root: ProgramRoot?
}

/// A point, multipliers and a diagonal that bound a program whose variables are 0 or not.
struct ProgramRoot: Sendable {
    var primal: [Double]
    /// One for each row; those of bounds of single columns are 0.
    var dual: [Double]
    /// d over the columns, P − diag(d) being positive semidefinite.
    var diagonal: [Double]
    /// The diagonal of P.
    var curvature: [Double]
}

/// How the solve of a program ended.
enum ProgramOutcome: Sendable {
    case solved(ProgramOptimum)
    /// No point meets the rows; the certificate has an entry for each row, and is empty when integers decided it.
    case infeasible(certificate: [Double])
    case unbounded
}

/// The gap, relative to the objective, at which a search over integers may stop when the caller names none.
private let defaultRelativeGap = 1e-6

/// Solves a program: by interior point, or by branch and bound when it has disjunctions.
///
/// - Throws: ``OptimizationFailure`` with the code `time_limit` when it was stopped without a point, and
///   `numerical_difficulty` when the solver could not make sure of its answer.
func solveProgram(
    _ program: AllocationProgram,
    preferences: Preferences,
    shouldStop: () -> Bool
) throws(OptimizationFailure) -> ProgramOutcome {
    let answer: Result<ProgramOutcome, OptimizationFailure>
    do throws(SolverError) {
        if program.disjunctions.isEmpty {
            answer = outcome(of: try InteriorPointSolver(program.sparse).solve(shouldStop: shouldStop))
        } else {
            let gap = preferences.relativeGap ?? defaultRelativeGap
            let found = searchPositions(
                program,
                relativeGap: gap,
                optimalityGap: optimalityGap,
                shouldStop: shouldStop
            )
            if let found {
                answer = .success(found)
            } else {
                answer = try searchThresholds(program, relativeGap: gap, shouldStop: shouldStop)
            }
        }
    } catch {
        throw numericalDifficulty("the solver refused the program (\(error))")
    }
    return try answer.get()
}

/// Reads the end of an interior-point solve.
private func outcome(of solution: ConicSolution) -> Result<ProgramOutcome, OptimizationFailure> {
    switch solution.status {
    case .solved, .almostSolved:
        let report = SolutionReport(
            status: .optimal,
            solver: "interior_point",
            iterations: solution.iterations,
            solveMilliseconds: 0,
            primalResidual: solution.primalResidual,
            dualResidual: solution.dualResidual,
            relativeGap: solution.relativeGap
        )
        return .success(.solved(ProgramOptimum(primal: solution.primal, dual: solution.dual, report: report)))
    case .primalInfeasible: return .success(.infeasible(certificate: solution.dual))
    case .dualInfeasible: return .success(.unbounded)
    case .stopped: return .failure(timeLimit())
    case .iterationLimit, .stalled:
        let difficulty = "the solver ended without an answer after \(solution.iterations) iterations"
        return .failure(numericalDifficulty(difficulty))
    }
}

/// The failure of a search that was stopped before it had a point.
func timeLimit() -> OptimizationFailure {
    OptimizationFailure(code: "time_limit", message: "The search was stopped before an allocation was found.")
}
