/// Which constraints hold with equality at the solution.
struct ActiveSet: Equatable {
    /// What a curved cone does at the solution.
    enum ConeState: Equatable {
        /// s inside the cone, z = 0.
        case inactive
        /// s and z on the smooth part of the boundary, neither zero.
        case boundary
        /// s = 0.
        case apex
    }

    /// For each row: an equality, or a nonnegative row that is active.
    var isActive: [Bool]
    /// For each block; `inactive` for blocks that are not curved.
    var coneStates: [ConeState]

    /// The guess that a pair of interior points suggests: of s and z, the larger is the one that stays.
    init(_ blocks: [ConeBlock], s: [Double], z: [Double]) {
        isActive = [Bool](repeating: false, count: s.count)
        coneStates = [ConeState](repeating: .inactive, count: blocks.count)
        for (index, block) in blocks.enumerated() {
            switch block.kind {
            case .zero: for i in block.rows { isActive[i] = true }
            case .nonnegative: for i in block.rows { isActive[i] = z[i] > s[i] }
            case .secondOrder: coneStates[index] = Self.state(block.rows, s: s, z: z)
            case .exponential, .power:
                let first = block.rows.lowerBound
                coneStates[index] = Self.state(s: Vector3(s, at: first), z: Vector3(z, at: first))
            }
        }
    }

    /// s and z are nearly orthogonal on the boundary; elsewhere one of them vanishes, with any angle to the other.
    private static func state(s: Vector3, z: Vector3) -> ConeState {
        if s.dot(z) < boundaryCosine * s.norm * z.norm { return .boundary }
        return s.norm > z.norm ? .inactive : .apex
    }

    private static let boundaryCosine = 1e-4

    /// Compares the eigenvalues t ∓ ‖u‖ of s with those of z, crosswise, as complementarity pairs them.
    private static func state(_ rows: Range<Int>, s: [Double], z: [Double]) -> ConeState {
        let (sTail, zTail) = (SecondOrderCone.tailNorm(s, rows), SecondOrderCone.tailNorm(z, rows))
        let (s0, z0) = (s[rows.lowerBound], z[rows.lowerBound])
        if s0 + sTail < z0 - zTail { return .apex }
        if s0 - sTail > z0 + zTail { return .inactive }
        return .boundary
    }
}
