/// The scaling of one nonsymmetric cone at a pair of interior points: H with H z = s and H z̃ = s̃.
///
/// s̃ = −∇f*(z) and z̃ = −∇f(s) are the shadows; on the central path they are s/μ and z/μ, and H is μ∇²f*(z). Off it
/// H is the rank-two update of μ∇²f*(z) that restores both equations: with δs = s − μs̃, δz = z − μz̃ and a ⟂ z, z̃
///
///     H   = s sᵀ / sᵀz + δs δsᵀ / δsᵀδz + t a aᵀ,
///     H⁻¹ = z zᵀ / sᵀz + δz δzᵀ / δsᵀδz + ã ãᵀ / t,  ã ⟂ s, δs, aᵀã = 1,  t = μ / aᵀ(∇²f*(z))⁻¹a.
/// - SeeAlso: Tunçel, Foundations of Computational Mathematics 1 (2001); Dahl & Andersen, Mathematical Programming 194
///   (2022), section 5, with K and K* exchanged.
package struct NonsymmetricScaling: Sendable {
    /// Orthogonal unit eigenvectors of H⁻¹, as columns.
    package let directions: Matrix3
    /// Its eigenvalues.
    package let weights: Vector3
    /// −s̃ = ∇f*(z).
    let gradient: Vector3
    private let barrier: BarrierDerivatives
    private let factor: TriangularFactor3

    /// Makes the scaling, or nil when s or z is not inside the cone as far as rounding tells.
    package init?(_ cone: any NonsymmetricCone, s: Vector3, z: Vector3) {
        guard cone.isInside(s), cone.isInsideDual(z) else { return nil }
        let barrier = cone.dualBarrier(at: z)
        let shadow = cone.shadow(of: s)
        guard let factor = barrier.hessianFactor, shadow.isFinite, barrier.gradient.isFinite else { return nil }
        self.barrier = barrier
        self.factor = factor
        gradient = barrier.gradient
        let roots = Self.updatedRoots(s: s, z: z, shadowOfZ: -gradient, shadowOfS: shadow, factor: factor)
        var columns = roots ?? Self.barrierRoots(factor, mu: s.dot(z) / Double(nonsymmetricDegree))
        columns.orthogonalizeColumns()
        let lengths = Vector3(columns.first.norm, columns.second.norm, columns.third.norm)
        guard lengths.min() > 0, lengths.isFinite else { return nil }
        directions = Matrix3(columns.first / lengths.x, columns.second / lengths.y, columns.third / lengths.z)
        weights = lengths * lengths
    }

    /// The three vectors whose outer products sum to H⁻¹; nil near the central path, where the update is 0/0.
    private static func updatedRoots(
        s: Vector3,
        z: Vector3,
        shadowOfZ: Vector3,
        shadowOfS: Vector3,
        factor: TriangularFactor3
    ) -> Matrix3? {
        let degree = Double(nonsymmetricDegree)
        let product = s.dot(z)
        let mu = product / degree
        let shadowMu = shadowOfZ.dot(shadowOfS) / degree
        guard product > 0, mu * shadowMu - 1 > centralDistance else { return nil }
        let (deltaS, deltaZ) = (s - shadowOfZ * mu, z - shadowOfS * mu)
        let deltaProduct = deltaS.dot(deltaZ)
        guard deltaProduct > roundedProduct * s.norm * z.norm else { return nil }
        let normal = z.cross(shadowOfS)
        guard normal.norm > 0 else { return nil }
        let a = normal / normal.norm
        let root = factor.solveTransposed(a).norm
        let dual = s.cross(deltaS)
        let angle = a.dot(dual)
        guard angle != 0, root > 0 else { return nil }
        let columns = Matrix3(
            z / product.squareRoot(),
            deltaZ / deltaProduct.squareRoot(),
            dual / angle * (root / mu.squareRoot())
        )
        return columns.first.isFinite && columns.second.isFinite && columns.third.isFinite ? columns : nil
    }

    /// The columns of R⁻¹ / √μ, RᵀR = ∇²f*(z).
    private static func barrierRoots(_ factor: TriangularFactor3, mu: Double) -> Matrix3 {
        let scale = 1 / mu.squareRoot()
        return Matrix3(
            factor.solve(Vector3(scale, 0, 0)),
            factor.solve(Vector3(0, scale, 0)),
            factor.solve(Vector3(0, 0, scale))
        )
    }

    /// μμ̃ − 1 below which a point counts as central: half the digits, since the update divides what is left of δs.
    private static let centralDistance = 1.5e-8
    /// The same for δsᵀδz, relative to the sizes of s and z: what rounding leaves of it near the boundary.
    private static let roundedProduct = 1e-12

    /// H v.
    package func times(_ v: Vector3) -> Vector3 { directions.times(directions.transposedTimes(v) / weights) }

    /// H⁻¹ v.
    package func inverseTimes(_ v: Vector3) -> Vector3 { directions.times(directions.transposedTimes(v) * weights) }

    /// vᵀ H v.
    func squaredLength(_ v: Vector3) -> Double {
        let parts = directions.transposedTimes(v)
        return (parts * parts / weights).sum()
    }

    /// What a step must take off s to get from one point of the central path to the second order towards another.
    ///
    /// −½ ∇³f*(z)[Δz, (∇²f*(z))⁻¹ Δs] for the predictor (Δs, Δz): for a half-line, with −log z, the usual Δs Δz / z.
    /// - SeeAlso: Dahl & Andersen (2022), section 4.
    package func secondOrderTerm(s: Vector3, z: Vector3) -> Vector3 {
        barrier.thirdTimes(z, factor.solve(factor.solveTransposed(s))) * -0.5
    }
}
