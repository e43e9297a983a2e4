internal import Glibc

/// The power cone {(x, y, z) : x^α y^(1−α) ≥ |z|, x, y ≥ 0} for 0 < α < 1.
///
/// K* is {(u, v, w) : (u/α)^α (v/(1−α))^(1−α) ≥ |w|, u, v ≥ 0}, and with p for its left side
/// f*(u, v, w) = −log(p² − w²) − (1 − α) log u − α log v.
/// - SeeAlso: Skajaa & Ye, Mathematical Programming 150 (2015), example 5.1 (Chares' barrier), used for K* as in Goulart & Chen
///   (2024).
package struct PowerCone: NonsymmetricCone {
    /// α.
    package let exponent: Double

    /// The cone of an exponent strictly between 0 and 1.
    package init(exponent: Double) { self.exponent = exponent }

    package var center: Vector3 { Vector3((1 + exponent).squareRoot(), (2 - exponent).squareRoot(), 0) }

    package func isInside(_ s: Vector3) -> Bool { s.x > 0 && s.y > 0 && mean(s.x, s.y) > s.z.magnitude }

    package func isInsideDual(_ z: Vector3) -> Bool { z.x > 0 && z.y > 0 && dualMean(z) > z.z.magnitude }

    package func distanceOutside(_ s: Vector3) -> Double {
        let (x, y) = (max(0, s.x), max(0, s.y))
        return max(-s.x, -s.y, s.z.magnitude - mean(x, y), 0)
    }

    package func distanceOutsideDual(_ z: Vector3) -> Double {
        distanceOutside(Vector3(z.x / exponent, z.y / (1 - exponent), z.z))
    }

    /// x^α y^(1−α).
    private func mean(_ x: Double, _ y: Double) -> Double {
        exponent == 0.5 ? x.squareRoot() * y.squareRoot() : pow(x, exponent) * pow(y, 1 - exponent)
    }

    private func dualMean(_ z: Vector3) -> Double { mean(z.x / exponent, z.y / (1 - exponent)) }

    /// g = |z| − x^α y^(1−α).
    package func boundary(at s: Vector3) -> BoundaryDerivatives? {
        guard s.x > 0, s.y > 0, s.z != 0 else { return nil }
        let p = mean(s.x, s.y)
        return BoundaryDerivatives(
            value: s.z.magnitude - p,
            gradient: Vector3(-exponent * p / s.x, -(1 - exponent) * p / s.y, s.z > 0 ? 1 : -1),
            bend: Vector3(1 / s.x, -1 / s.y, 0) * (exponent * (1 - exponent) * p).squareRoot()
        )
    }

    package func roundedInside(_ s: Vector3) -> Vector3 {
        guard s.x > 0, s.y > 0 else { return s }
        let limit = mean(s.x, s.y)
        return Vector3(s.x, s.y, min(max(s.z, -limit), limit))
    }

    package func roundedInsideDual(_ z: Vector3) -> Vector3 {
        guard z.x > 0, z.y > 0 else { return z }
        let limit = dualMean(z)
        return Vector3(z.x, z.y, min(max(z.z, -limit), limit))
    }

    package func boundaryMultiplier(s: Vector3, z: Vector3) -> Double { z.z.magnitude }

    package func dualBarrier(at z: Vector3) -> BarrierDerivatives {
        let (a, b) = (exponent, 1 - exponent)
        let (u, v, w) = (z.x, z.y, z.z)
        let p = dualMean(z)
        let r = (p - w) * (p + w)
        // φ = p² enters as φ/r; its derivatives are those of u^2a v^2b.
        let ratio = p * p / r
        let slope = Vector3(2 * a * ratio / u, 2 * b * ratio / v, -2 * w / r)
        let (uu, uv, vv) = (2 * a * (2 * a - 1), 4 * a * b, 2 * b * (2 * b - 1))
        let curvature = Matrix3(
            Vector3(uu * ratio / (u * u), uv * ratio / (u * v), 0),
            Vector3(uv * ratio / (u * v), vv * ratio / (v * v), 0),
            Vector3(0, 0, -2 / r)
        )
        let uuv = uu * 2 * b * ratio / (u * u * v)
        let uvv = vv * 2 * a * ratio / (u * v * v)
        let uuu = uu * (2 * a - 2) * ratio / (u * u * u)
        let vvv = vv * (2 * b - 2) * ratio / (v * v * v)
        // −log(p² − w²) = −log(p − w) − log(p + w), and −∇²p = ab p (1/u, −1/v)(1/u, −1/v)ᵀ.
        let bend = Vector3(1 / u, -1 / v, 0) * (a * b * 2).squareRoot() * (p * (p / r)).squareRoot()
        return BarrierDerivatives(
            slope: slope,
            curvature: curvature,
            third: (
                Matrix3(Vector3(uuu, uuv, 0), Vector3(uuv, uvv, 0), .zero),
                Matrix3(Vector3(uuv, uvv, 0), Vector3(uvv, vvv, 0), .zero),
                .zero
            ),
            weights: Vector3(b, a, 0),
            reciprocals: Vector3(1 / u, 1 / v, 0),
            squares: (
                Vector3(a * p / u, b * p / v, -1) / (p - w), Vector3(a * p / u, b * p / v, 1) / (p + w), bend,
                Vector3(b.squareRoot() / u, 0, 0), Vector3(0, a.squareRoot() / v, 0)
            )
        )
    }

    /// With k = 2p²/(p² − w²) = 2 + δ the equations −∇f* = s read x u = αk + 1 − α, y v = (1 − α)k + α, z w = −δ,
    /// and what is left is one equation for δ.
    package func shadow(of s: Vector3) -> Vector3 {
        let (a, b) = (exponent, 1 - exponent)
        guard s.z != 0 else { return Vector3((1 + a) / s.x, (1 + b) / s.y, 0) }
        let size = s.z.magnitude
        let delta = excess(2 * (a * log(s.x / size) + b * log(s.y / size)))
        let k = 2 + delta
        return Vector3((a * k + b) / s.x, (b * k + a) / s.y, -delta / s.z)
    }

    /// The root δ > 0 of 2α log(1 + (1−α)/(αk)) + 2(1−α) log(1 + α/((1−α)k)) + log(k/δ) = β, k = 2 + δ.
    ///
    /// The left side F falls from ∞ to 0. Newton runs on log F as a function of log δ, which is nearly a straight line
    /// for large δ; bisection guards it.
    private func excess(_ beta: Double) -> Double {
        let (a, b) = (exponent, 1 - exponent)
        let target = log(max(beta, Self.leastRatio))
        var (low, high) = (Self.lowestLogarithm, Self.highestLogarithm)
        // Small β: F ≈ 4/δ; large β: F ≈ constant − log δ.
        var t = beta < 1 ? log(4 / max(beta, Self.leastRatio)) : 2 - beta
        for _ in 0..<Self.maximumNewtonSteps {
            t = min(max(t, low), high)
            let delta = exp(t)
            let k = 2 + delta
            let logarithm = delta > 1 ? log1p(2 / delta) : log(k / delta)
            let value = 2 * a * log1p(b / (a * k)) + 2 * b * log1p(a / (b * k)) + logarithm
            let slope = -2 * a * b / (k * (a * k + b)) - 2 * a * b / (k * (b * k + a)) - 2 / (k * delta)
            let difference = log(value) - target
            if difference > 0 { low = t } else { high = t }
            let step = -difference * value / (slope * delta)
            let next = t + step
            let isInside = next > low && next < high
            t = isInside ? next : (low + high) / 2
            if (isInside ? step : high - low).magnitude <= Self.newtonTolerance { break }
        }
        return exp(t)
    }

    private static let maximumNewtonSteps = 80
    private static let newtonTolerance = 1e-15
    private static let leastRatio = 1e-300
    private static let lowestLogarithm = -700.0
    private static let highestLogarithm = 700.0
}
