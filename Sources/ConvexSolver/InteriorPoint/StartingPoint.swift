internal import LinearAlgebra

/// The first iterate: the minimiser with K replaced by a quadratic penalty, moved into the cone.
///
/// With a nonsymmetric cone it is x = 0 and s = z = e instead, which is on the central path: methods for such cones
/// converge from near it only.
struct StartingPoint {
    let iterate: Iterate
    /// A direction in which neither P nor A sees anything, if q does: the problem is then unbounded.
    let freeRay: [Double]
    /// A combination of equality rows that cancels on the left, if b does not: they then contradict each other.
    let contradiction: [Double]

    /// Makes the point, or nil when the system cannot be factored.
    init?(
        _ problem: PreparedProblem,
        cone: ProductCone,
        assembly: KKTAssembly,
        settings: SolverSettings
    ) {
        let n = problem.variableCount
        let m = problem.rowCount
        var identity = [Double](repeating: 0, count: m)
        cone.addIdentity(1, to: &identity)
        guard
            let scaling = ConeScaling(cone: cone, s: identity, z: identity),
            let system = KKTSystem(problem, assembly: assembly, scaling: scaling, settings: settings)
        else { return nil }
        let primal = system.solve(rx: [Double](repeating: 0, count: n), rz: problem.bounds)
        let dual = system.solve(rx: problem.linear.map { -$0 }, rz: [Double](repeating: 0, count: m))
        // A singular system shows in these two solutions: the part of the data that it cannot reach comes out divided
        // by the regularization, as a vector that dwarfs everything else. Solving for that vector once more purifies it.
        let noRows = [Double](repeating: 0, count: m)
        freeRay = system.solve(rx: Self.normalized(dual.x), rz: noRows).x
        let origin = [Double](repeating: 0, count: n)
        let equalityPart = Self.restricted(primal.z, to: assembly.equalityRows)
        let purified = system.solve(rx: origin, rz: Self.normalized(equalityPart)).z
        contradiction = Self.restricted(purified, to: assembly.equalityRows).map { -$0 }

        guard cone.nonsymmetric.isEmpty else {
            iterate = Iterate(x: origin, s: identity, z: identity, tau: 1, kappa: 1)
            return
        }
        var (x, s, z) = (primal.x, primal.z.map { -$0 }, dual.z)
        if problem.hasQuadratic {
            // With curvature the penalty problem ties both sides together; a linear program is better split.
            axpy(1, dual.x, into: &x)
            axpy(1, primal.z, into: &z)
            s = z.map { -$0 }
        }
        for block in problem.blocks where block.kind == .zero {
            for i in block.rows { s[i] = 0 }
        }
        Self.moveInside(cone, &s, relativeMargin: settings.startingMargin)
        Self.moveInside(cone, &z, relativeMargin: settings.startingMargin)
        iterate = Iterate(x: x, s: s, z: z, tau: 1, kappa: 1)
    }

    private static func normalized(_ v: [Double]) -> [Double] {
        let norm = normInfinity(v)
        return norm > 0 && norm.isFinite ? v.map { $0 / norm } : v
    }

    private static func restricted(_ v: [Double], to rows: [Int]) -> [Double] {
        var result = [Double](repeating: 0, count: v.count)
        for row in rows { result[row] = v[row] }
        return result
    }

    /// Shifts v along the identity so that it is inside by at least one, if it is not inside already.
    private static func moveInside(_ cone: ProductCone, _ v: inout [Double], relativeMargin: Double) {
        let margin = cone.margin(v)
        guard margin.isFinite else { return }
        // A margin far below the size of v is as good as the boundary.
        if margin < relativeMargin * max(1, normInfinity(v)) { cone.addIdentity(1 - min(margin, 0), to: &v) }
    }
}
