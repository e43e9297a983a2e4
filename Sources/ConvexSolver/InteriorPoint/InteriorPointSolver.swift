internal import LinearAlgebra

/// Solves one convex program to full accuracy.
///
/// A pure function: the same problem and settings give the same bits. P must be positive semidefinite, which is not
/// checked; the answer for another P is a point whose residuals are true all the same.
///
/// - Complexity: O(n³ + mn²) an iteration for dense rows, 10 to 25 iterations; bounds on one variable cost O(1) each.
public struct InteriorPointSolver: Sendable {
    private enum Form {
        case dense(ConicProblem)
        case sparse(SparseProgram)
    }

    private let form: Form
    private let settings: SolverSettings

    /// Prepares a solve; nothing is computed yet.
    public init(_ problem: ConicProblem, settings: SolverSettings = SolverSettings()) {
        form = .dense(problem)
        self.settings = settings
    }

    /// Prepares a solve of a program in its parts; with a factor curvature an iteration costs O(n (k + r)²), r being the
    /// rows with many entries.
    public init(_ program: SparseProgram, settings: SolverSettings = SolverSettings()) {
        form = .sparse(program)
        self.settings = settings
    }

    /// The problem as the solver works on it, after a look at its parts.
    private func prepared() throws(SolverError) -> PreparedProblem {
        switch form {
        case .dense(let problem):
            try Validation.check(problem)
            return PreparedProblem(problem)
        case .sparse(let program):
            try Validation.check(program)
            guard let problem = PreparedProblem(program) else { throw .notFinite(what: "F", index: 0) }
            return problem
        }
    }

    /// Solves the problem.
    ///
    /// On a polished solution the slack of every active nonnegative row is exactly 0, and so is the multiplier of
    /// every inactive one. With a certificate the objective is infinite (+∞ infeasible, −∞ unbounded) and the residual
    /// fields hold the certificate's defect; a primal certificate is scaled to bᵀz = −1, a dual one to qᵀx = −1.
    ///
    /// - Parameter shouldStop: asked once an iteration; true ends the solve with ``SolverStatus/stopped``.
    /// - Throws: ``SolverError`` when the parts of the problem do not fit together or are not finite.
    /// - Returns: a point or a certificate, with residuals recomputed from the data.
    public func solve(shouldStop: () -> Bool = { false }) throws(SolverError) -> ConicSolution {
        let original = try prepared()
        let scale = ProblemScale(original)
        let presolve = Presolve(original, settings: settings)
        if let contradiction = presolve.contradiction {
            return certified(.primalInfeasible, original, x: [], s: [], z: contradiction, iterations: 0)
        }
        let (scales, scaled) = Equilibration.equilibrate(presolve.reduced, settings: settings)
        let termination = Termination(presolve.reduced, scale: scale, scales: scales, settings: settings)
        let method = InteriorPointMethod(scaled, scales: scales, termination: termination, settings: settings)
        var outcome = method.run(shouldStop: shouldStop)
        switch outcome.status {
        case .primalInfeasible:
            let z = presolve.restoredCertificate(outcome.z)
            return certified(.primalInfeasible, original, x: [], s: [], z: z, iterations: outcome.iterations)
        case .dualInfeasible:
            let (x, s) = presolve.restoredRay(x: outcome.x, s: outcome.s)
            return certified(.dualInfeasible, original, x: x, s: s, z: [], iterations: outcome.iterations)
        case .solved, .almostSolved, .iterationLimit, .stalled:
            if settings.polishes { polish(&outcome, presolve.reduced, scale, scaled: scaled, scales: scales) }
        case .stopped: break
        }
        let restored = presolve.restored(x: outcome.x, s: outcome.s, z: outcome.z)
        return solution(outcome.status, original, restored, iterations: outcome.iterations)
    }

    /// Replaces the point by the exact solution for its active set, when that is at least as good.
    private func polish(
        _ outcome: inout InteriorPointMethod.Outcome,
        _ problem: PreparedProblem,
        _ scale: ProblemScale,
        scaled: PreparedProblem,
        scales: Equilibration
    ) {
        let current = OptimalityCheck(problem, scale: scale, x: outcome.x, s: outcome.s, z: outcome.z)
        let start = scales.scaled(x: outcome.x, s: outcome.s, z: outcome.z)
        let polish = Polish(scaled, settings: settings)
        let accepted = polish.run(x: start.x, s: start.s, z: start.z) { x, s, z in
            let point = scales.unscaled(x: x, s: s, z: z)
            return OptimalityCheck(problem, scale: scale, x: point.x, s: point.s, z: point.z).worst
        }
        guard let accepted, accepted.worst <= max(current.worst, settings.polishAcceptance) else { return }
        let point = scales.unscaled(x: accepted.x, s: accepted.s, z: accepted.z)
        (outcome.x, outcome.s, outcome.z) = (point.x, point.s, point.z)
    }

    /// The solution with everything recomputed from the original data; the data, not the method, decide the status.
    private func solution(
        _ status: SolverStatus,
        _ original: PreparedProblem,
        _ point: (x: [Double], s: [Double], z: [Double]),
        iterations: Int
    ) -> ConicSolution {
        let check = OptimalityCheck(original, scale: ProblemScale(original), x: point.x, s: point.s, z: point.z)
        var final = status
        if check.worst <= settings.acceptanceTolerance {
            final = .solved
        } else if check.worst <= settings.reducedTolerance {
            final = status == .stopped ? .stopped : .almostSolved
        } else if status == .solved {
            final = .stalled
        }
        return ConicSolution(
            status: final,
            primal: point.x,
            slack: point.s,
            dual: point.z,
            objective: check.objective,
            primalResidual: check.primalResidual,
            dualResidual: check.dualResidual,
            relativeGap: check.relativeGap,
            iterations: iterations
        )
    }

    /// A certificate, scaled, with its defect measured on the original data.
    private func certified(
        _ status: SolverStatus,
        _ original: PreparedProblem,
        x: [Double],
        s: [Double],
        z: [Double],
        iterations: Int
    ) -> ConicSolution {
        let scale = ProblemScale(original)
        let isPrimal = status == .primalInfeasible
        let descent = isPrimal ? -dot(original.bounds, z) : -dot(original.linear, x)
        let factor = descent > 0 ? 1 / descent : 1
        let n = original.variableCount
        let m = original.rowCount
        let ray = isPrimal ? [Double](repeating: 0, count: n) : x.map { $0 * factor }
        let slack = isPrimal ? [Double](repeating: 0, count: m) : s.map { $0 * factor }
        let dual = isPrimal ? z.map { $0 * factor } : [Double](repeating: 0, count: m)
        let defect =
            isPrimal
            ? InfeasibilityCertificate.primalDefect(original, scale: scale, z: dual)
            : InfeasibilityCertificate.dualDefect(original, scale: scale, x: ray, s: slack)
        return ConicSolution(
            status: defect <= settings.reducedTolerance ? status : .stalled,
            primal: ray,
            slack: slack,
            dual: dual,
            objective: isPrimal ? .infinity : -.infinity,
            primalResidual: isPrimal ? 0 : defect,
            dualResidual: isPrimal ? defect : 0,
            relativeGap: 0,
            iterations: iterations
        )
    }
}
