/// The cone K, a product of blocks, and what the interior-point method asks of it.
struct ProductCone: Sendable {
    let blocks: [ConeBlock]
    /// ν: nonnegative rows, second-order cones, and three for each nonsymmetric cone; μ = sᵀz / ν on the central path.
    let degree: Int
    /// The nonsymmetric cones, each with its first row.
    let nonsymmetric: [(cone: any NonsymmetricCone, first: Int)]

    init(_ blocks: [ConeBlock]) {
        self.blocks = blocks
        degree = blocks.reduce(0) {
            switch $1.kind {
            case .zero: $0
            case .nonnegative: $0 + $1.rows.count
            case .secondOrder: $0 + 1
            case .exponential, .power: $0 + nonsymmetricDegree
            }
        }
        nonsymmetric = blocks.compactMap { block in
            block.kind.nonsymmetricCone.map { (cone: $0, first: block.rows.lowerBound) }
        }
    }

    /// The smallest distance to the boundary over the nonnegative and second-order blocks; infinite when there is none.
    func margin(_ v: [Double]) -> Double {
        var smallest = Double.infinity
        for block in blocks {
            switch block.kind {
            case .zero, .exponential, .power: continue
            case .nonnegative: for i in block.rows { smallest = min(smallest, v[i]) }
            case .secondOrder: smallest = min(smallest, SecondOrderCone.margin(v, block.rows))
            }
        }
        return smallest
    }

    /// Adds α times e, the identity element of symmetric cones and the central point of the others.
    func addIdentity(_ alpha: Double, to v: inout [Double]) {
        for (cone, first) in nonsymmetric { (Vector3(v, at: first) + cone.center * alpha).store(in: &v, at: first) }
        for block in blocks {
            switch block.kind {
            case .zero, .exponential, .power: continue
            case .nonnegative: for i in block.rows { v[i] += alpha }
            case .secondOrder: v[block.rows.lowerBound] += alpha
            }
        }
    }

    /// The largest α ≤ 1 with v + α d in K, or in K*; zero blocks do not limit it.
    func stepToBoundary(_ v: [Double], _ d: [Double], dual: Bool) -> Double {
        var step = 1.0
        for block in blocks {
            switch block.kind {
            case .zero, .exponential, .power: continue
            case .nonnegative: for i in block.rows where d[i] < 0 { step = min(step, -v[i] / d[i]) }
            case .secondOrder: step = min(step, SecondOrderCone.stepToBoundary(v, d, block.rows))
            }
        }
        for (cone, first) in nonsymmetric {
            step = cone.stepToBoundary(Vector3(v, at: first), Vector3(d, at: first), dual: dual, limit: step)
        }
        return step
    }

    /// a ∘ b; 0 on zero and nonsymmetric blocks.
    func product(_ a: [Double], _ b: [Double]) -> [Double] {
        var result = [Double](repeating: 0, count: a.count)
        for block in blocks {
            switch block.kind {
            case .zero, .exponential, .power: continue
            case .nonnegative: for i in block.rows { result[i] = a[i] * b[i] }
            case .secondOrder: SecondOrderCone.product(a, b, block.rows, into: &result)
            }
        }
        return result
    }

    /// The v with λ ∘ v = d; 0 on zero and nonsymmetric blocks.
    func divide(_ d: [Double], by lambda: [Double]) -> [Double] {
        var result = [Double](repeating: 0, count: d.count)
        for block in blocks {
            switch block.kind {
            case .zero, .exponential, .power: continue
            case .nonnegative: for i in block.rows { result[i] = d[i] / lambda[i] }
            case .secondOrder: SecondOrderCone.divide(d, by: lambda, block.rows, into: &result)
            }
        }
        return result
    }
}
