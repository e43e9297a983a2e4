internal import Glibc

/// The exponential cone: the closure of {(x, y, z) : y > 0, y exp(x/y) ≤ z}.
///
/// K* is the closure of {(u, v, w) : u < 0, −u exp(v/u − 1) ≤ w}, and
/// f*(u, v, w) = −log r − log(−u) − log w with r = v − u − u log(−w/u).
/// - SeeAlso: Dahl & Andersen, Mathematical Programming 194 (2022), section 3; the barrier is theirs with K and K*
///   exchanged, as in Goulart & Chen (2024), so that its derivatives are at hand where the method needs them.
package struct ExponentialCone: NonsymmetricCone {
    package init() {}

    package var center: Vector3 { Vector3(-1.051_383_943_750_229, 0.556_409_618_604_338, 1.258_967_886_464_460) }

    package func isInside(_ s: Vector3) -> Bool {
        s.y > 0 && s.z > 0 && s.y * log(s.z / s.y) > s.x
    }

    package func isInsideDual(_ z: Vector3) -> Bool {
        z.x < 0 && z.z > 0 && z.y - z.x - z.x * log(-z.z / z.x) > 0
    }

    package func distanceOutside(_ s: Vector3) -> Double {
        // To the face y = 0, x ≤ 0 ≤ z; else up along z or back along x.
        var least = max(s.y.magnitude, s.x, -s.z)
        if s.y > 0 {
            least = min(least, s.y * exp(s.x / s.y) - s.z)
            if s.z > 0 { least = min(least, s.x - s.y * log(s.z / s.y)) }
        }
        return max(0, least)
    }

    package func distanceOutsideDual(_ z: Vector3) -> Double {
        // To the face u = 0, v, w ≥ 0; else up along w or v.
        var least = max(z.x.magnitude, -z.y, -z.z)
        if z.x < 0 {
            least = min(least, -z.x * exp(z.y / z.x - 1) - z.z)
            if z.z > 0 { least = min(least, z.x + z.x * log(-z.z / z.x) - z.y) }
        }
        return max(0, least)
    }

    /// g = x − y log(z/y).
    package func boundary(at s: Vector3) -> BoundaryDerivatives? {
        guard s.y > 0, s.z > 0 else { return nil }
        let logarithm = log(s.z / s.y)
        return BoundaryDerivatives(
            value: s.x - s.y * logarithm,
            gradient: Vector3(1, 1 - logarithm, -s.y / s.z),
            bend: Vector3(0, 1, -s.y / s.z) / s.y.squareRoot()
        )
    }

    package func roundedInside(_ s: Vector3) -> Vector3 {
        guard s.y > 0, s.z > 0 else { return s }
        return Vector3(min(s.x, s.y * log(s.z / s.y)), s.y, s.z)
    }

    package func roundedInsideDual(_ z: Vector3) -> Vector3 {
        guard z.x < 0, z.z > 0 else { return z }
        return Vector3(z.x, max(z.y, z.x + z.x * log(-z.z / z.x)), z.z)
    }

    package func boundaryMultiplier(s: Vector3, z: Vector3) -> Double { -z.x }

    package func dualBarrier(at z: Vector3) -> BarrierDerivatives {
        let (u, w) = (z.x, z.z)
        let logarithm = log(-w / u)
        let r = z.y - u - u * logarithm
        let slope = Vector3(-logarithm, 1, -u / w) / r
        // ∇²r = (1/u) (1, 0, −u/w)(1, 0, −u/w)ᵀ: negative semidefinite.
        let bend = Vector3(1, 0, -u / w)
        let curvature = Matrix3(bend / (u * r), .zero, bend / (-w * r))
        let byU = Matrix3(Vector3(-1 / (u * u), 0, 0), .zero, Vector3(0, 0, 1 / (w * w)))
        let byW = Matrix3(Vector3(0, 0, 1 / (w * w)), .zero, Vector3(1 / (w * w), 0, -2 * u / (w * w * w)))
        return BarrierDerivatives(
            slope: slope,
            curvature: curvature,
            third: (byU.scaled(by: 1 / r), .zero, byW.scaled(by: 1 / r)),
            weights: Vector3(1, 0, 1),
            reciprocals: Vector3(1 / u, 0, 1 / w),
            squares: (slope, bend / (-u * r).squareRoot(), Vector3(1 / u, 0, 0), Vector3(0, 0, 1 / w), .zero)
        )
    }

    /// By δ + log(1 + δ) = log(z/y) − x/y (Dahl & Andersen write ω = 1 + δ, Wright's function).
    package func shadow(of s: Vector3) -> Vector3 {
        let delta = Self.excess(log(s.z / s.y) - s.x / s.y)
        let u = -1 / (delta * s.y)
        let w = (1 + 1 / delta) / s.z
        // 1/r = y and log(−w/u) = −x/y − δ give v without a logarithm.
        return Vector3(u, 2 / s.y + u * (1 - s.x / s.y), w)
    }

    /// The root δ > 0 of δ + log(1 + δ) = β, for β > 0.
    ///
    /// The left side is concave, and β/2 is below the root, so that Newton's steps only go up.
    private static func excess(_ beta: Double) -> Double {
        var delta = beta / 2
        for _ in 0..<maximumNewtonSteps {
            let step = (beta - delta - log1p(delta)) * (1 + delta) / (2 + delta)
            delta += step
            if step <= newtonTolerance * delta { break }
        }
        return delta
    }

    private static let maximumNewtonSteps = 40
    private static let newtonTolerance = 1e-16
}

extension Matrix3 {
    /// α M.
    func scaled(by alpha: Double) -> Matrix3 { Matrix3(first * alpha, second * alpha, third * alpha) }
}
