internal import LinearAlgebra

/// The scaling H = W² at a pair of interior points: H z = s.
///
/// On symmetric cones it is Nesterov and Todd's: W is symmetric and W z = W⁻¹ s = λ. On zero blocks it is 0. On
/// nonsymmetric blocks only H has a meaning (``NonsymmetricScaling``).
///
/// Nonnegative rows: W = √(s / z). Second-order cones: W = η (w₀, w₁ᵀ; w₁, I + w₁w₁ᵀ / (1 + w₀)) with wᵀJw = 1.
/// - SeeAlso: Nesterov & Todd, SIAM J. Optimization 8 (1998); formulas as in Vandenberghe, The CVXOPT linear and
///   quadratic cone program solvers (2010), section 4.
struct ConeScaling: Sendable {
    let cone: ProductCone
    /// √(s/z) on nonnegative rows; w on second-order blocks; 0 on zero blocks.
    private(set) var w: [Double]
    /// η of each block; 1 for other kinds.
    private(set) var eta: [Double]
    /// ŵ, the unit vector along w₁, on the tails of second-order blocks; 0 elsewhere.
    private(set) var axis: [Double]
    /// λ, the scaled point.
    private(set) var lambda: [Double]
    /// H on the nonsymmetric blocks, in the order of `cone.nonsymmetric`.
    private(set) var nonsymmetric: [NonsymmetricScaling] = []

    /// Makes the scaling, or nil when s or z is not inside the cone.
    init?(cone: ProductCone, s: [Double], z: [Double]) {
        self.cone = cone
        w = [Double](repeating: 0, count: s.count)
        axis = w
        lambda = w
        eta = [Double](repeating: 1, count: cone.blocks.count)
        for (index, block) in cone.blocks.enumerated() {
            switch block.kind {
            case .zero: continue
            case .nonnegative:
                for i in block.rows {
                    guard s[i] > 0, z[i] > 0 else { return nil }
                    w[i] = (s[i] / z[i]).squareRoot()
                    lambda[i] = (s[i] * z[i]).squareRoot()
                }
            case .secondOrder:
                guard setSecondOrder(index, block.rows, s: s, z: z) else { return nil }
            case .exponential, .power: continue
            }
        }
        for (curved, first) in cone.nonsymmetric {
            let (primal, dual) = (Vector3(s, at: first), Vector3(z, at: first))
            guard let scaling = NonsymmetricScaling(curved, s: primal, z: dual) else { return nil }
            nonsymmetric.append(scaling)
        }
    }

    private mutating func setSecondOrder(_ index: Int, _ rows: Range<Int>, s: [Double], z: [Double]) -> Bool {
        let first = rows.lowerBound
        let sDeterminant = SecondOrderCone.determinant(s, rows)
        let zDeterminant = SecondOrderCone.determinant(z, rows)
        guard s[first] > 0, z[first] > 0, sDeterminant > 0, zDeterminant > 0 else { return false }
        let (sLength, zLength) = (sDeterminant.squareRoot(), zDeterminant.squareRoot())
        var inner = 0.0
        for i in rows { inner += s[i] * z[i] }
        let gamma = ((1 + inner / (sLength * zLength)) / 2).squareRoot()
        for i in rows {
            let mirrored = (i == first ? z[i] : -z[i]) / zLength
            w[i] = (s[i] / sLength + mirrored) / (2 * gamma)
        }
        // wᵀJw = 1 up to rounding; the first entry is set so that it holds exactly.
        let tail = SecondOrderCone.tailNorm(w, rows)
        w[first] = (1 + tail * tail).squareRoot()
        eta[index] = (sLength / zLength).squareRoot()
        if tail > 0 {
            for i in rows.dropFirst() { axis[i] = w[i] / tail }
        } else {
            axis[first + 1] = 1  // w₁ = 0: every direction will do
        }
        let (s0, z0) = (s[first] / sLength, z[first] / zLength)
        let length = (sLength * zLength).squareRoot()
        lambda[first] = gamma * length
        for i in (first + 1)..<rows.upperBound {
            let numerator = (gamma + z0) * s[i] / sLength + (gamma + s0) * z[i] / zLength
            lambda[i] = length * numerator / (s0 + z0 + 2 * gamma)
        }
        return true
    }

    /// W v; 0 on nonsymmetric blocks.
    func apply(_ v: [Double]) -> [Double] { transform(v, inverse: false) }

    /// W⁻¹ v; 0 on zero and nonsymmetric blocks.
    func applyInverse(_ v: [Double]) -> [Double] { transform(v, inverse: true) }

    /// H v = W² v.
    func applySquared(_ v: [Double]) -> [Double] {
        var result = apply(apply(v))
        for (scaling, first) in zip(nonsymmetric, cone.nonsymmetric.lazy.map(\.first)) {
            scaling.times(Vector3(v, at: first)).store(in: &result, at: first)
        }
        return result
    }

    /// vᵀ H v.
    func squaredLength(_ v: [Double]) -> Double {
        let scaled = apply(v)
        var sum = dot(scaled, scaled)
        for (scaling, first) in zip(nonsymmetric, cone.nonsymmetric.lazy.map(\.first)) {
            sum += scaling.squaredLength(Vector3(v, at: first))
        }
        return sum
    }

    /// Writes into the nonsymmetric blocks of a shift what the linearised H Δz + Δs must make up for.
    ///
    /// s + σμ ∇f*(z), and the second-order terms of the predictor if one is given.
    func setNonsymmetricShift(_ shift: inout [Double], s: [Double], target: Double, affine: SearchDirection?) {
        for (scaling, first) in zip(nonsymmetric, cone.nonsymmetric.lazy.map(\.first)) {
            var value = Vector3(s, at: first) + scaling.gradient * target
            if let affine {
                value += scaling.secondOrderTerm(s: Vector3(affine.s, at: first), z: Vector3(affine.z, at: first))
            }
            value.store(in: &shift, at: first)
        }
    }

    // MARK: The spectrum of H⁻¹ on a second-order block

    // H⁻¹ = λ₁ v vᵀ + λ₂ v₂ v₂ᵀ + η⁻² (I − v vᵀ − v₂ v₂ᵀ) with v = (1, −ŵ)/√2, v₂ = (1, ŵ)/√2. On the boundary λ₁ grows
    // without limit while the rest stays mild.

    /// λ₁ = ρ²/η² and λ₂ = 1/(ρ²η²), ρ = w₀ + ‖w₁‖.
    func eigenvalues(ofBlock index: Int) -> (large: Double, small: Double) {
        let rows = cone.blocks[index].rows
        let rho = w[rows.lowerBound] + SecondOrderCone.tailNorm(w, rows)
        let scale = eta[index] * eta[index]
        return (rho * rho / scale, 1 / (rho * rho * scale))
    }

    /// vᵀu for the stiff direction of a block.
    func stiffComponent(_ u: [Double], block index: Int) -> Double {
        let rows = cone.blocks[index].rows
        var inner = 0.0
        for i in rows.dropFirst() { inner += axis[i] * u[i] }
        return (u[rows.lowerBound] - inner) * 0.5.squareRoot()
    }

    /// Adds α v for the stiff direction of a block.
    func addStiffDirection(_ alpha: Double, block index: Int, to u: inout [Double]) {
        let rows = cone.blocks[index].rows
        let scaled = alpha * 0.5.squareRoot()
        u[rows.lowerBound] += scaled
        for i in rows.dropFirst() { u[i] -= scaled * axis[i] }
    }

    /// H⁻¹ u without the stiff direction of second-order blocks; 0 on zero and nonsymmetric blocks.
    func applyMildInverseSquared(_ u: [Double]) -> [Double] {
        var result = [Double](repeating: 0, count: u.count)
        for (index, block) in cone.blocks.enumerated() {
            switch block.kind {
            case .zero, .exponential, .power: continue
            case .nonnegative: for i in block.rows { result[i] = u[i] / (w[i] * w[i]) }
            case .secondOrder:
                let middle = 1 / (eta[index] * eta[index])
                let small = eigenvalues(ofBlock: index).small
                var inner = 0.0
                for i in block.rows.dropFirst() { inner += axis[i] * u[i] }
                let head = small * (u[block.rows.lowerBound] + inner) / 2
                result[block.rows.lowerBound] = head
                for i in block.rows.dropFirst() { result[i] = middle * (u[i] - inner * axis[i]) + head * axis[i] }
            }
        }
        return result
    }

    private func transform(_ v: [Double], inverse: Bool) -> [Double] {
        var result = [Double](repeating: 0, count: v.count)
        for (index, block) in cone.blocks.enumerated() {
            switch block.kind {
            case .zero, .exponential, .power: continue
            case .nonnegative:
                if inverse {
                    for i in block.rows { result[i] = v[i] / w[i] }
                } else {
                    for i in block.rows { result[i] = v[i] * w[i] }
                }
            case .secondOrder:
                let first = block.rows.lowerBound
                // W⁻¹ is W with w₁ negated and η inverted.
                let sign = inverse ? -1.0 : 1.0
                let scale = inverse ? 1 / eta[index] : eta[index]
                var inner = 0.0
                for i in (first + 1)..<block.rows.upperBound { inner += sign * w[i] * v[i] }
                let factor = v[first] + inner / (1 + w[first])
                result[first] = scale * (w[first] * v[first] + inner)
                for i in (first + 1)..<block.rows.upperBound { result[i] = scale * (v[i] + factor * sign * w[i]) }
            }
        }
        return result
    }
}
