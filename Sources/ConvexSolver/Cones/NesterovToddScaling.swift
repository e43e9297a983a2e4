/// The Nesterov–Todd scaling W at a pair of interior points: W z = W⁻¹ s = λ. W is symmetric; on zero blocks it is 0.
///
/// Nonnegative rows: W = √(s / z). Second-order cones: W = η (w₀, w₁ᵀ; w₁, I + w₁w₁ᵀ / (1 + w₀)) with wᵀJw = 1.
/// - SeeAlso: Nesterov & Todd, SIAM J. Optimization 8 (1998); formulas as in Vandenberghe, The CVXOPT linear and
///   quadratic cone program solvers (2010), section 4.
struct NesterovToddScaling: Sendable {
    let cone: ProductCone
    /// √(s/z) on nonnegative rows; w on second-order blocks; 0 on zero blocks.
    private(set) var w: [Double]
    /// η of each block; 1 for other kinds.
    private(set) var eta: [Double]
    /// λ, the scaled point.
    private(set) var lambda: [Double]

    /// Makes the scaling, or nil when s or z is not inside the cone.
    init?(cone: ProductCone, s: [Double], z: [Double]) {
        self.cone = cone
        w = [Double](repeating: 0, count: s.count)
        lambda = [Double](repeating: 0, count: s.count)
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
            }
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
        let (s0, z0) = (s[first] / sLength, z[first] / zLength)
        let length = (sLength * zLength).squareRoot()
        lambda[first] = gamma * length
        for i in (first + 1)..<rows.upperBound {
            let numerator = (gamma + z0) * s[i] / sLength + (gamma + s0) * z[i] / zLength
            lambda[i] = length * numerator / (s0 + z0 + 2 * gamma)
        }
        return true
    }

    /// W v.
    func apply(_ v: [Double]) -> [Double] { transform(v, inverse: false) }

    /// W⁻¹ v; 0 on zero blocks.
    func applyInverse(_ v: [Double]) -> [Double] { transform(v, inverse: true) }

    /// H v = W² v.
    func applySquared(_ v: [Double]) -> [Double] { apply(apply(v)) }

    /// H⁻¹ v = W⁻² v.
    func applyInverseSquared(_ v: [Double]) -> [Double] { applyInverse(applyInverse(v)) }

    private func transform(_ v: [Double], inverse: Bool) -> [Double] {
        var result = [Double](repeating: 0, count: v.count)
        for (index, block) in cone.blocks.enumerated() {
            switch block.kind {
            case .zero: continue
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
