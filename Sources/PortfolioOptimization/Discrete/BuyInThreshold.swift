internal import ConvexSolver
internal import PortfolioModel

/// The choice that a buy-in threshold puts to an instrument: aᵀx ≤ 0 (not held), or bᵀx ≤ bound (at least the threshold).
func thresholdDisjunction(off: [Double], on: [Double], onBound: Double) -> Disjunction {
    Disjunction(off: [off], on: [on], onBound: onBound)
}
struct Disjunction: Sendable { var off: [[Double]]; var on: [[Double]]; var onBound: Double }

/// Solves a program with thresholds by branch and bound.
func searchThresholds(
    _ program: AllocationProgram,
    settings: SolverSettings,
    shouldStop: () -> Bool
) throws -> ProgramOutcome {
    fatalError()
}
