/// How far a step may go.
enum StepLength {
    /// The largest α ≤ 1 that keeps s, z, τ and κ in their cones.
    static func maximum(_ point: Iterate, _ direction: SearchDirection, cone: ProductCone) -> Double {
        var step = min(1, cone.stepToBoundary(point.s, direction.s), cone.stepToBoundary(point.z, direction.z))
        if direction.tau < 0 { step = min(step, -point.tau / direction.tau) }
        if direction.kappa < 0 { step = min(step, -point.kappa / direction.kappa) }
        return step
    }
}
