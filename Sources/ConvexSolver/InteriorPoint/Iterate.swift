internal import LinearAlgebra

/// A point (x, s, z, τ, κ) of the homogeneous embedding; the solution is x/τ, s/τ, z/τ.
struct Iterate {
    var x: [Double]
    var s: [Double]
    var z: [Double]
    var tau: Double
    var kappa: Double

    /// μ, the mean complementarity.
    func complementarity(degree: Int) -> Double { (dot(s, z) + tau * kappa) / Double(degree + 1) }

    /// Moves by α along a direction.
    mutating func advance(_ step: Double, along direction: SearchDirection) {
        axpy(step, direction.x, into: &x)
        axpy(step, direction.s, into: &s)
        axpy(step, direction.z, into: &z)
        tau += step * direction.tau
        kappa += step * direction.kappa
    }

    /// Divides everything by the larger of τ and κ, which leaves the point the same and the numbers in range.
    mutating func normalize() {
        let scale = 1 / max(tau, kappa)
        for j in 0..<x.count { x[j] *= scale }
        for i in 0..<s.count {
            s[i] *= scale
            z[i] *= scale
        }
        tau *= scale
        kappa *= scale
    }
}

/// A step (Δx, Δs, Δz, Δτ, Δκ).
struct SearchDirection {
    var x: [Double]
    var s: [Double]
    var z: [Double]
    var tau: Double
    var kappa: Double
}
