/// A cone of three rows that no linear map turns into its dual, as the interior point sees it.
///
/// f* is a barrier of K*: logarithmically homogeneous of degree 3, f*(tz) = f*(z) − 3 log t. f is its conjugate, a barrier
/// of K. On the central path s = −μ ∇f*(z) and z = −μ ∇f(s).
package protocol NonsymmetricCone: Sendable {
    /// e, the point with −∇f*(e) = e, inside K and K*.
    var center: Vector3 { get }
    /// Whether s is inside K, not on its boundary.
    func isInside(_ s: Vector3) -> Bool
    /// Whether z is inside K*, not on its boundary.
    func isInsideDual(_ z: Vector3) -> Bool
    /// A move that brings s into K, by its largest entry; 0 in K. The shortest is no longer.
    func distanceOutside(_ s: Vector3) -> Double
    /// The same for z and K*.
    func distanceOutsideDual(_ z: Vector3) -> Double
    /// f* at a point inside K*, by its derivatives.
    func dualBarrier(at z: Vector3) -> BarrierDerivatives
    /// The function whose zero is the smooth part of the boundary of K, at s; nil where there is none.
    func boundary(at s: Vector3) -> BoundaryDerivatives?
    /// s, brought back into K if it is a rounding error outside.
    func roundedInside(_ s: Vector3) -> Vector3
    /// The same for z and K*.
    func roundedInsideDual(_ z: Vector3) -> Vector3
    /// ν of a pair on the boundary, z = −ν∇g(s).
    func boundaryMultiplier(s: Vector3, z: Vector3) -> Double
    /// −∇f(s) for s inside K: the z inside K* with −∇f*(z) = s.
    func shadow(of s: Vector3) -> Vector3
}

/// The degree ν of the barriers of nonsymmetric cones.
let nonsymmetricDegree = 3

/// A convex function g, negative inside a cone and 0 on its boundary, at a point.
package struct BoundaryDerivatives: Sendable {
    package let value: Double
    /// ∇g.
    package let gradient: Vector3
    /// h with ∇²g = h hᵀ: the boundary of a cone of three rows bends one way only.
    package let bend: Vector3
}

extension NonsymmetricCone {
    /// The largest step α ≤ `limit` with v + α d inside K (or K*), for v inside, short of the boundary by a part in
    /// a thousand at most.
    package func stepToBoundary(_ v: Vector3, _ d: Vector3, dual: Bool, limit: Double) -> Double {
        let isReached = { (step: Double) in
            let end = v + d * step
            return dual ? isInsideDual(end) : isInside(end)
        }
        if isReached(limit) { return limit }
        var outside = limit
        var inside = limit / 2
        while !isReached(inside) {
            outside = inside
            inside /= 2
            if inside < Self.leastStep { return 0 }
        }
        while outside - inside > Self.stepAccuracy * outside {
            let middle = (inside + outside) / 2
            if isReached(middle) { inside = middle } else { outside = middle }
        }
        return inside
    }

    /// Below this a step is none.
    private static var leastStep: Double { 1e-12 }
    /// How exactly a step to the boundary is found.
    private static var stepAccuracy: Double { 1e-3 }

    /// μ̃ = s̃ᵀz̃ / 3 of the shadows s̃ = −∇f*(z) and z̃ = −∇f(s); with μ = sᵀz / 3 of the cone μμ̃ ≥ 1, and 1 on the
    /// central path.
    func shadowComplementarity(s: Vector3, z: Vector3) -> Double {
        -dualBarrier(at: z).gradient.dot(shadow(of: s)) / Double(nonsymmetricDegree)
    }
}
