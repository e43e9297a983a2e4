internal import LinearAlgebra
internal import Matrices

/// The linear system of a step after the local columns were eliminated, cone by cone, and what brings them back.
///
/// Each cone has a small symmetric block K of its own columns and of its stiff directions, coupled by E to what stays. The
/// rest is factored as M − Σ Eᵀ K⁻¹ E; with K = Σ λ q qᵀ that is two products of matrices, one for each sign of λ.
struct EliminatedSystem {
    /// For each block, where its unknowns, its inverse, its support and its couplings begin; one more at the end.
    private var starts: [(unknowns: Int, inverse: Int, support: Int, coupling: Int)] = [(0, 0, 0, 0)]
    /// Places of the blocks' unknowns in the whole system.
    private var blockUnknowns: [Int] = []
    /// K⁻¹ of each block, square.
    private var inverses: [Double] = []
    /// Unknowns that stay and are coupled to each block.
    private var supports: [Int] = []
    /// E of each block, over its support, row by row.
    private var couplings: [Double] = []
    /// Places of the unknowns that stay in the whole system.
    private let unknowns: [Int]
    /// nil when nothing stays.
    private var factorization: LDLFactorization?

    /// Eliminates, or returns nil when something cannot be factored.
    ///
    /// - Parameters:
    ///   - parts: the blocks and their couplings, scaled, by places in the whole system.
    ///   - unknowns: the places of what stays.
    ///   - matrix: the system of what stays, scaled, lower triangle.
    init?(_ parts: [LocalPart], unknowns: [Int], matrix: consuming DenseMatrix) {
        self.unknowns = unknowns
        var (positive, negative): ([Update], [Update]) = ([], [])
        for part in parts {
            guard let eigen = try? SymmetricEigen(part.matrix) else { return nil }
            for (k, eigenvalue) in eigen.values.enumerated() {
                guard eigenvalue != 0 else { return nil }
                var row = [Double](repeating: 0, count: part.support.count)
                for i in part.coupling.indices { axpy(eigen.vectors[i, k], part.coupling[i], into: &row) }
                let scale = 1 / eigenvalue.magnitude.squareRoot()
                for j in row.indices { row[j] *= scale }
                let update = Update(support: part.support, values: row)
                if eigenvalue > 0 { positive.append(update) } else { negative.append(update) }
            }
            add(part, eigen)
        }
        Self.add(positive, scaledBy: -1, to: &matrix)
        Self.add(negative, scaledBy: 1, to: &matrix)
        if !unknowns.isEmpty {
            guard let factorization = try? LDLFactorization(matrix) else { return nil }
            self.factorization = factorization
        }
    }

    /// A row whose outer product is added.
    private struct Update {
        let support: [Int]
        let values: [Double]
    }

    private static func add(_ updates: [Update], scaledBy sign: Double, to matrix: inout DenseMatrix) {
        guard !updates.isEmpty, matrix.rows > 0 else { return }
        var rows = DenseMatrix(rows: updates.count, columns: matrix.rows)
        for (position, update) in updates.enumerated() {
            for (j, value) in zip(update.support, update.values) {
                rows.elements[j * updates.count + position] += value
            }
        }
        rows.addGram(scaledBy: sign, to: &matrix)
    }

    /// Takes in one block: K⁻¹ = Σ q qᵀ / λ.
    private mutating func add(_ part: LocalPart, _ eigen: SymmetricEigen) {
        let order = part.unknowns.count
        for j in 0..<order {
            for i in 0..<order {
                var sum = 0.0
                for k in 0..<order { sum += eigen.vectors[i, k] * eigen.vectors[j, k] / eigen.values[k] }
                inverses.append(sum)
            }
        }
        blockUnknowns += part.unknowns
        supports += part.support
        for row in part.coupling { couplings += row }
        starts.append((blockUnknowns.count, inverses.count, supports.count, couplings.count))
    }

    /// The solution of the scaled system, in the order of its unknowns.
    func solve(_ right: [Double]) -> [Double] {
        var solution = [Double](repeating: 0, count: right.count)
        var rest = unknowns.map { right[$0] }
        for block in 0..<(starts.count - 1) {
            let (start, end) = (starts[block], starts[block + 1])
            let (order, width) = (end.unknowns - start.unknowns, end.support - start.support)
            for i in 0..<order {
                var value = 0.0
                for k in 0..<order {
                    value += inverses[start.inverse + i * order + k] * right[blockUnknowns[start.unknowns + k]]
                }
                solution[blockUnknowns[start.unknowns + i]] = value
                let row = start.coupling + i * width
                for j in 0..<width { rest[supports[start.support + j]] -= couplings[row + j] * value }
            }
        }
        let shared = factorization?.solve(rest) ?? []
        for (k, place) in unknowns.enumerated() { solution[place] = shared[k] }
        for block in 0..<(starts.count - 1) {
            let (start, end) = (starts[block], starts[block + 1])
            let (order, width) = (end.unknowns - start.unknowns, end.support - start.support)
            for k in 0..<order {
                let row = start.coupling + k * width
                var pull = 0.0
                for j in 0..<width { pull += couplings[row + j] * shared[supports[start.support + j]] }
                for i in 0..<order {
                    solution[blockUnknowns[start.unknowns + i]] -= inverses[start.inverse + i * order + k] * pull
                }
            }
        }
        return solution
    }
}

/// One cone's local columns and stiff directions as a block of the scaled system.
struct LocalPart {
    /// Places of its unknowns in the whole system.
    let unknowns: [Int]
    /// Lower triangle of the block.
    let matrix: DenseMatrix
    /// Unknowns that stay and are coupled to it, counted among those; one may occur twice.
    let support: [Int]
    /// The coupling, a row for each unknown of the block, over the support.
    let coupling: [[Double]]
}
