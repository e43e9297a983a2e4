/// How far a step may go.
enum StepLength {
    /// The largest α ≤ 1 that keeps s, z, τ and κ in their cones.
    static func maximum(_ point: Iterate, _ direction: SearchDirection, cone: ProductCone) -> Double {
        var step = min(
            cone.stepToBoundary(point.s, direction.s, dual: false),
            cone.stepToBoundary(point.z, direction.z, dual: true)
        )
        if direction.tau < 0 { step = min(step, -point.tau / direction.tau) }
        if direction.kappa < 0 { step = min(step, -point.kappa / direction.kappa) }
        return step
    }

    /// The largest step, from `longest` down, that ends near the central path in every nonsymmetric cone: μ μ̃ ≤ 1/β.
    ///
    /// μ is that of the whole iterate, μ̃ that of the cone's shadows. Symmetric cones need no such care.
    static func central(
        _ point: Iterate,
        _ direction: SearchDirection,
        longest: Double,
        cone: ProductCone,
        settings: SolverSettings
    ) -> Double {
        guard !cone.nonsymmetric.isEmpty else { return longest }
        var step = longest
        while step > settings.smallestStep {
            var end = point
            end.advance(step, along: direction)
            if isCentral(end, cone: cone, centrality: settings.centrality) { return step }
            step *= settings.centralStepFactor
        }
        return step
    }

    private static func isCentral(_ point: Iterate, cone: ProductCone, centrality: Double) -> Bool {
        let limit = 1 / (centrality * point.complementarity(degree: cone.degree))
        guard limit > 0 else { return false }
        return cone.nonsymmetric.allSatisfy { curved, first in
            let (s, z) = (Vector3(point.s, at: first), Vector3(point.z, at: first))
            guard curved.isInside(s), curved.isInsideDual(z) else { return false }
            let shadows = curved.shadowComplementarity(s: s, z: z)
            return shadows > 0 && shadows <= limit
        }
    }
}
