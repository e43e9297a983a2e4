/// Decides when the iteration may end, always by the data of the unscaled problem.
struct Termination {
    enum Verdict: Equatable {
        case optimal
        case primalInfeasible
        case dualInfeasible
        case undecided
    }

    private let problem: PreparedProblem
    private let scales: Equilibration
    private let scale: ProblemScale
    private let settings: SolverSettings

    init(_ problem: PreparedProblem, scales: Equilibration, settings: SolverSettings) {
        self.problem = problem
        self.scales = scales
        self.settings = settings
        scale = ProblemScale(problem)
    }

    /// The verdict on an iterate of the scaled problem, and the largest residual of x/τ.
    func judge(_ point: Iterate) -> (verdict: Verdict, worst: Double) {
        let inverse = 1 / point.tau
        let solution = scales.unscaled(
            x: point.x.map { $0 * inverse },
            s: point.s.map { $0 * inverse },
            z: point.z.map { $0 * inverse }
        )
        let check = OptimalityCheck(problem, scale: scale, x: solution.x, s: solution.s, z: solution.z)
        if check.worst <= settings.tolerance { return (.optimal, check.worst) }
        // Certificates are directions: τ does not matter, and dividing by a vanishing τ would overflow.
        let ray = scales.unscaled(x: point.x, s: point.s, z: point.z)
        if InfeasibilityCertificate.primalDefect(problem, scale: scale, z: ray.z) <= settings.infeasibilityTolerance {
            return (.primalInfeasible, check.worst)
        }
        if InfeasibilityCertificate.dualDefect(problem, scale: scale, x: ray.x, s: ray.s)
            <= settings.infeasibilityTolerance
        {
            return (.dualInfeasible, check.worst)
        }
        return (.undecided, check.worst)
    }
}
