internal import LinearAlgebra

/// The directions of one iteration: everything that stays fixed while predictor and corrector are computed.
///
/// With ξ = x/τ and (x₂, z₂) the solution for (−q, b), the step for any other right-hand side costs one solve:
/// Δ = Δ₁ + Δτ (x₂, z₂).
/// - SeeAlso: Goulart & Chen, Clarabel: an interior-point solver for conic programs with quadratic objectives (2024),
///   section 3.
struct NewtonStep {
    private let problem: PreparedProblem
    private let point: Iterate
    private let residuals: Residuals
    private let scaling: ConeScaling
    private let system: KKTSystem
    private let constant: (x: [Double], z: [Double])
    private let denominator: Double

    init(
        _ problem: PreparedProblem,
        point: Iterate,
        residuals: Residuals,
        scaling: ConeScaling,
        system: KKTSystem
    ) {
        self.problem = problem
        self.point = point
        self.residuals = residuals
        self.scaling = scaling
        self.system = system
        constant = system.solve(rx: problem.linear.map { -$0 }, rz: problem.bounds)
        // κ/τ + ‖ξ − x₂‖²_P + ‖W z₂‖²: the same as −qᵀx₂ − bᵀz₂ …, written as a sum of squares so that it cannot cancel.
        var difference = constant.x
        for j in 0..<difference.count { difference[j] = point.x[j] / point.tau - difference[j] }
        denominator =
            point.kappa / point.tau + max(0, dot(difference, problem.quadraticTimes(difference)))
            + scaling.squaredLength(constant.z)
    }

    /// The predictor: straight towards the solution.
    func affine() -> SearchDirection {
        let lambda = scaling.lambda
        var shift = symmetricShift(scaling.cone.product(lambda, lambda))
        scaling.setNonsymmetricShift(&shift, s: point.s, target: 0, affine: nil)
        return direction(shrink: 1, shift: shift, tauKappa: point.tau * point.kappa)
    }

    /// The corrector: towards the central path, with the second-order terms of the predictor (Mehrotra) if one is given.
    func combined(affine: SearchDirection?, centering sigma: Double, mu: Double) -> SearchDirection {
        let lambda = scaling.lambda
        var complementarity = scaling.cone.product(lambda, lambda)
        var tauKappa = point.tau * point.kappa - sigma * mu
        if let affine {
            let secondOrder = scaling.cone.product(scaling.applyInverse(affine.s), scaling.apply(affine.z))
            axpy(1, secondOrder, into: &complementarity)
            tauKappa += affine.tau * affine.kappa
        }
        scaling.cone.addIdentity(-sigma * mu, to: &complementarity)
        var shift = symmetricShift(complementarity)
        scaling.setNonsymmetricShift(&shift, s: point.s, target: sigma * mu, affine: affine)
        return direction(shrink: 1 - sigma, shift: shift, tauKappa: tauKappa)
    }

    /// On symmetric blocks the shift with which H Δz + Δs = −shift says λ ∘ (WΔz + W⁻¹Δs) = −complementarity.
    private func symmetricShift(_ complementarity: [Double]) -> [Double] {
        scaling.apply(scaling.cone.divide(complementarity, by: scaling.lambda))
    }

    /// Solves P Δx + AᵀΔz + qΔτ = −shrink·rx, AΔx + Δs − bΔτ = −shrink·rz, the linearised gap row, and
    /// H Δz + Δs = −shift, κΔτ + τΔκ = −tauKappa.
    private func direction(shrink: Double, shift: [Double], tauKappa: Double) -> SearchDirection {
        var rz = shift
        axpy(-shrink, residuals.z, into: &rz)
        let (x1, z1) = system.solve(rx: residuals.x.map { -shrink * $0 }, rz: rz)
        let (tau, kappa) = (point.tau, point.kappa)
        var numerator = shrink * residuals.tau - tauKappa / tau + dot(problem.linear, x1) + dot(problem.bounds, z1)
        numerator += 2 * dot(residuals.quadraticTimesX, x1) / tau
        let deltaTau = numerator / denominator
        var x = x1
        axpy(deltaTau, constant.x, into: &x)
        var z = z1
        axpy(deltaTau, constant.z, into: &z)
        // Δs from the primal row, not from HΔz, keeps the primal residual shrinking to rounding.
        var s = problem.rows.times(x)
        for i in 0..<s.count { s[i] = deltaTau * problem.bounds[i] - shrink * residuals.z[i] - s[i] }
        for block in problem.blocks where block.kind == .zero {
            for i in block.rows { s[i] = 0 }
        }
        return SearchDirection(x: x, s: s, z: z, tau: deltaTau, kappa: -(tauKappa + kappa * deltaTau) / tau)
    }
}
