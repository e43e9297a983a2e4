internal import LinearAlgebra

/// The first iterate: the minimiser with K replaced by a quadratic penalty, moved into the cone.
enum StartingPoint {
    static func make(
        _ problem: PreparedProblem,
        cone: ProductCone,
        assembly: KKTAssembly,
        settings: SolverSettings
    ) -> Iterate? {
        let m = problem.rowCount
        var identity = [Double](repeating: 0, count: m)
        cone.addIdentity(1, to: &identity)
        guard
            let scaling = NesterovToddScaling(cone: cone, s: identity, z: identity),
            let system = KKTSystem(problem, assembly: assembly, scaling: scaling, settings: settings)
        else { return nil }
        let minusLinear = problem.linear.map { -$0 }
        var (x, z) = system.solve(rx: minusLinear, rz: problem.bounds)
        var s = z.map { -$0 }
        if !problem.hasQuadratic {
            // For a linear program that point mixes both sides; each is found by its own least squares.
            let primal = system.solve(rx: [Double](repeating: 0, count: x.count), rz: problem.bounds)
            let dual = system.solve(rx: minusLinear, rz: [Double](repeating: 0, count: m))
            (x, s, z) = (primal.x, primal.z.map { -$0 }, dual.z)
        }
        for block in problem.blocks where block.kind == .zero {
            for i in block.rows { s[i] = 0 }
        }
        moveInside(cone, &s)
        moveInside(cone, &z)
        return Iterate(x: x, s: s, z: z, tau: 1, kappa: 1)
    }

    /// Shifts v along the identity so that it is inside by at least one, if it is not inside already.
    private static func moveInside(_ cone: ProductCone, _ v: inout [Double]) {
        let margin = cone.margin(v)
        guard margin.isFinite else { return }
        // A margin far below the size of v is as good as the boundary.
        if margin < 1e-2 * max(1, normInfinity(v)) { cone.addIdentity(1 - min(margin, 0), to: &v) }
    }
}
