/// The cone K, a product of blocks, and what the interior-point method asks of it.
struct ProductCone: Sendable {
    let blocks: [ConeBlock]
    /// ν: nonnegative rows plus second-order cones; μ = sᵀz / ν on the central path.
    let degree: Int

    init(_ blocks: [ConeBlock]) {
        self.blocks = blocks
        degree = blocks.reduce(0) {
            switch $1.kind {
            case .zero: $0
            case .nonnegative: $0 + $1.rows.count
            case .secondOrder: $0 + 1
            }
        }
    }

    /// The smallest distance to the boundary over the blocks other than zero blocks; infinite when there is none.
    func margin(_ v: [Double]) -> Double {
        var smallest = Double.infinity
        for block in blocks {
            switch block.kind {
            case .zero: continue
            case .nonnegative: for i in block.rows { smallest = min(smallest, v[i]) }
            case .secondOrder: smallest = min(smallest, SecondOrderCone.margin(v, block.rows))
            }
        }
        return smallest
    }

    /// Adds α times the identity element e of K.
    func addIdentity(_ alpha: Double, to v: inout [Double]) {
        for block in blocks {
            switch block.kind {
            case .zero: continue
            case .nonnegative: for i in block.rows { v[i] += alpha }
            case .secondOrder: v[block.rows.lowerBound] += alpha
            }
        }
    }

    /// The largest α with v + α d in K; zero blocks do not limit it.
    func stepToBoundary(_ v: [Double], _ d: [Double]) -> Double {
        var step = Double.infinity
        for block in blocks {
            switch block.kind {
            case .zero: continue
            case .nonnegative: for i in block.rows where d[i] < 0 { step = min(step, -v[i] / d[i]) }
            case .secondOrder: step = min(step, SecondOrderCone.stepToBoundary(v, d, block.rows))
            }
        }
        return step
    }

    /// a ∘ b; 0 on zero blocks.
    func product(_ a: [Double], _ b: [Double]) -> [Double] {
        var result = [Double](repeating: 0, count: a.count)
        for block in blocks {
            switch block.kind {
            case .zero: continue
            case .nonnegative: for i in block.rows { result[i] = a[i] * b[i] }
            case .secondOrder: SecondOrderCone.product(a, b, block.rows, into: &result)
            }
        }
        return result
    }

    /// The v with λ ∘ v = d; 0 on zero blocks.
    func divide(_ d: [Double], by lambda: [Double]) -> [Double] {
        var result = [Double](repeating: 0, count: d.count)
        for block in blocks {
            switch block.kind {
            case .zero: continue
            case .nonnegative: for i in block.rows { result[i] = d[i] / lambda[i] }
            case .secondOrder: SecondOrderCone.divide(d, by: lambda, block.rows, into: &result)
            }
        }
        return result
    }
}
