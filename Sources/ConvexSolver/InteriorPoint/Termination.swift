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

    /// - Parameters:
    ///   - problem: the problem before scaling, by whose data points are judged.
    ///   - scale: the natural sizes of the problem the caller gave, before anything was removed from it.
    ///   - scales: what was done to the problem on which the iteration runs.
    ///   - settings: the tolerances.
    init(_ problem: PreparedProblem, scale: ProblemScale, scales: Equilibration, settings: SolverSettings) {
        self.problem = problem
        self.scales = scales
        self.settings = settings
        self.scale = scale
    }

    /// Whether the two solutions of a singular system are certificates, before the first iteration.
    func judgeSingularity(freeRay: [Double], contradiction: [Double]) -> Verdict? {
        let noSlack = [Double](repeating: 0, count: contradiction.count)
        return judgeRays(x: freeRay, s: noSlack, z: contradiction, tolerance: settings.infeasibilityTolerance)
    }

    /// Whether an iterate that got no further is a certificate after all, to the reduced tolerance.
    func judgeLast(_ point: Iterate) -> Verdict? {
        judgeRays(x: point.x, s: point.s, z: point.z, tolerance: settings.reducedTolerance)
    }

    /// Certificates are directions: τ does not matter, and dividing by a vanishing τ would overflow.
    private func judgeRays(x: [Double], s: [Double], z: [Double], tolerance: Double) -> Verdict? {
        let defects = defects(x: x, s: s, z: z)
        if defects.primal <= tolerance { return .primalInfeasible }
        return defects.dual <= tolerance ? .dualInfeasible : nil
    }

    private func defects(x: [Double], s: [Double], z: [Double]) -> (primal: Double, dual: Double) {
        let ray = scales.unscaled(x: x, s: s, z: z)
        return (
            InfeasibilityCertificate.primalDefect(problem, scale: scale, z: ray.z),
            InfeasibilityCertificate.dualDefect(problem, scale: scale, x: ray.x, s: ray.s)
        )
    }

    /// What the data say about an iterate.
    struct Judgement {
        var verdict: Verdict
        /// The largest residual of x/τ.
        var worst: Double
        /// How far the iterate is from a certificate; infinite when it was not looked at, because it is optimal.
        var certificateDefect: Double
    }

    /// The judgement of an iterate of the scaled problem.
    func judge(_ point: Iterate) -> Judgement {
        let inverse = 1 / point.tau
        let solution = scales.unscaled(
            x: point.x.map { $0 * inverse },
            s: point.s.map { $0 * inverse },
            z: point.z.map { $0 * inverse }
        )
        let check = OptimalityCheck(problem, scale: scale, x: solution.x, s: solution.s, z: solution.z)
        if check.worst <= settings.tolerance {
            return Judgement(verdict: .optimal, worst: check.worst, certificateDefect: .infinity)
        }
        let defects = defects(x: point.x, s: point.s, z: point.z)
        var verdict = Verdict.undecided
        if defects.primal <= settings.infeasibilityTolerance {
            verdict = .primalInfeasible
        } else if defects.dual <= settings.infeasibilityTolerance {
            verdict = .dualInfeasible
        }
        let defect = min(defects.primal, defects.dual)
        return Judgement(verdict: verdict, worst: check.worst, certificateDefect: defect)
    }
}
