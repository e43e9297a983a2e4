internal import LinearAlgebra
internal import Matrices

/// The linear system of a step after the local columns were eliminated, cone by cone, and what brings them back.
///
/// Each cone has a small symmetric block K of its own columns and of its stiff directions, coupled by E to what stays. The
/// rest is factored as M − Σ Eᵀ K⁻¹ E; with K = Σ λ q qᵀ that is two products of matrices, one for each sign of λ.
struct EliminatedSystem {
    /// One small block, scaled.
    private struct Block {
        /// Places of its unknowns in the whole system.
        let unknowns: [Int]
        let eigenvalues: [Double]
        let eigenvectors: DenseMatrix
        /// Unknowns that stay and are coupled to it.
        let support: [Int]
        /// E, a row for each unknown of the block, over the support.
        let coupling: [[Double]]

        /// K⁻¹ v.
        func solve(_ v: [Double]) -> [Double] {
            var result = [Double](repeating: 0, count: v.count)
            for (k, eigenvalue) in eigenvalues.enumerated() {
                var inner = 0.0
                for i in v.indices { inner += eigenvectors[i, k] * v[i] }
                for i in v.indices { result[i] += inner / eigenvalue * eigenvectors[i, k] }
            }
            return result
        }
    }

    private let blocks: [Block]
    /// Places of the unknowns that stay in the whole system.
    private let unknowns: [Int]
    /// nil when nothing stays.
    private let factorization: LDLFactorization?

    /// Eliminates, or returns nil when something cannot be factored.
    ///
    /// - Parameters:
    ///   - parts: the blocks and their couplings, scaled, by places in the whole system.
    ///   - unknowns: the places of what stays.
    ///   - matrix: the system of what stays, scaled, lower triangle.
    init?(_ parts: [LocalPart], unknowns: [Int], matrix: consuming DenseMatrix) {
        var blocks: [Block] = []
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
            blocks.append(
                Block(
                    unknowns: part.unknowns,
                    eigenvalues: eigen.values,
                    eigenvectors: eigen.vectors,
                    support: part.support,
                    coupling: part.coupling
                )
            )
        }
        Self.add(positive, scaledBy: -1, to: &matrix)
        Self.add(negative, scaledBy: 1, to: &matrix)
        if unknowns.isEmpty {
            factorization = nil
        } else {
            guard let factorization = try? LDLFactorization(matrix) else { return nil }
            self.factorization = factorization
        }
        self.blocks = blocks
        self.unknowns = unknowns
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

    /// The solution of the scaled system, in the order of its unknowns.
    func solve(_ right: [Double]) -> [Double] {
        var solution = [Double](repeating: 0, count: right.count)
        var rest = unknowns.map { right[$0] }
        var starts: [[Double]] = []
        for block in blocks {
            let start = block.solve(block.unknowns.map { right[$0] })
            for (i, row) in block.coupling.enumerated() {
                for (j, value) in zip(block.support, row) { rest[j] -= value * start[i] }
            }
            starts.append(start)
        }
        let shared = factorization?.solve(rest) ?? []
        for (k, place) in unknowns.enumerated() { solution[place] = shared[k] }
        for (block, start) in zip(blocks, starts) {
            let pull = block.coupling.map { row in
                zip(block.support, row).reduce(0) { $0 + $1.1 * shared[$1.0] }
            }
            let correction = block.solve(pull)
            for (k, place) in block.unknowns.enumerated() { solution[place] = start[k] - correction[k] }
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
