internal import LinearAlgebra
internal import Matrices

/// The KKT matrix of one interior-point step of a program in stages, eliminated chain by chain down to a small matrix.
///
/// With M the chains, U the columns that couple them (border, factors, wide rows) and C the compliance of those columns,
/// the small matrix is S = K₀ − UᵀM⁻¹U as in ``StructuredKKT``. M's inverse between two stages is diagonal over the
/// chains, so that UᵀM⁻¹U is a product of matrices for each pair of stages.
///
/// Elimination of a chain adds positive numbers only: a leaf with weight d on a tie ρ leaves the tie ρd/(ρp² + d), and a
/// link c on a tie e leaves c·e/(c + e) on the next, whatever the barrier makes of ρ and d.
struct StagedKKT {
    private let structure: StagedStructure
    private let chains: StagedChains
    /// For each stage the columns of U with entries in it, and U over its links and leaves.
    private let stages: [StageColumns]
    /// The rows of U that belong to border variables.
    private let total: Int
    private let factorization: LDLFactorization
    private let scales: [Double]
    /// Where the equality rows, the kept rows and the stiff directions stand among the unknowns of S.
    private let answers: [Int]

    /// Assembles and factors the system; nil when a pivot is not positive or S cannot be factored.
    init?(_ problem: PreparedProblem, _ structure: StagedStructure, scaling: ConeScaling, settings: SolverSettings) {
        self.structure = structure
        let borderCount = structure.border.count
        let cones = structure.cones.map { ConeColumns(problem, scaling, $0) }
        guard let chains = StagedChains(problem, structure, cones, scaling: scaling, settings: settings) else {
            return nil
        }
        self.chains = chains
        let fixed = structure.wide.count
        var compliance = [Double](repeating: 0, count: fixed)
        for f in 0..<structure.factorCount { compliance[f] = 1 / structure.curvature.weight }
        for (k, row) in structure.keptRows.enumerated() {
            compliance[structure.factorCount + structure.equalityRows.count + k] = scaling.w[row] * scaling.w[row]
        }
        // Whole columns that change from one iteration to the next, each with the stages it has entries in.
        var moving: [(column: Int, stages: [Int], values: [Double])] = []
        let everywhere = Array(structure.links.indices)
        for (position, column) in chains.borderCoupling.enumerated() { moving.append((position, everywhere, column)) }
        for (position, cone) in cones.enumerated() {
            for (_, column) in cone.cone.wide { compliance[column] = cone.middleCompliance }
            let first = borderCount + fixed + 3 * position
            for (k, values) in [cone.axis, cone.sum, cone.stiff].enumerated() {
                moving.append((first + k, structure.stagesOfCone[position], values))
            }
            compliance += [-cone.middleCompliance, cone.smallCompliance, cone.stiffCompliance]
        }
        total = borderCount + compliance.count
        let first = structure.factorCount + borderCount
        var answers = Array(first..<(first + structure.equalityRows.count + structure.keptRows.count))
        for position in cones.indices { answers.append(borderCount + fixed + 3 * position + 2) }
        self.answers = answers
        stages = structure.links.indices.map { StageColumns(structure, stage: $0, moving: moving) }

        var small = DenseMatrix(rows: total, columns: total)
        for i in 0..<borderCount {
            for j in 0...i { small[i, j] = chains.borderCurvature[i, j] }
            let column = structure.border[i]
            for (c, wide) in structure.wide.enumerated() {
                for (row, value) in zip(wide.rows, wide.values) where row == column {
                    small[borderCount + c, i] = value
                }
            }
            for entry in moving.dropFirst(borderCount) { small[entry.column, i] = entry.values[column] }
        }
        for (k, value) in compliance.enumerated() { small[borderCount + k, borderCount + k] = -value }
        chains.subtractProduct(stages, structure, from: &small)
        guard let (scaled, scales) = StructuredKKT.scaled(small, borderCount: borderCount, settings),
            let factorization = try? LDLFactorization(scaled)
        else { return nil }
        self.scales = scales
        self.factorization = factorization
    }

    /// The solution for a right-hand side of variables, equality rows, kept rows and stiff directions, in that order.
    func solve(_ right: [Double]) -> [Double] {
        let n = structure.variableCount
        var own = Array(right[..<n])
        var reduced = [Double](repeating: 0, count: total)
        for (position, column) in structure.border.enumerated() {
            reduced[position] = own[column]
            own[column] = 0
        }
        for (k, place) in answers.enumerated() { reduced[place] = right[n + k] }
        var solution = own
        chains.solve(&solution, structure)
        for stage in stages { stage.subtractTransposedProduct(solution, from: &reduced) }
        for k in reduced.indices { reduced[k] *= scales[k] }
        var unknowns = factorization.solve(reduced)
        for k in unknowns.indices { unknowns[k] *= scales[k] }
        var x = own
        for stage in stages { stage.subtractProduct(unknowns, from: &x) }
        chains.solve(&x, structure)
        for (position, column) in structure.border.enumerated() { x[column] = unknowns[position] }
        return x + answers.map { unknowns[$0] }
    }
}

/// U over one stage: over its links, by chain, and over its leaves.
struct StageColumns {
    /// The columns of U with entries in the links.
    let linkColumns: [Int]
    /// The columns with entries in the leaves.
    let leafColumns: [Int]
    /// Over chains and `linkColumns`.
    let overLinks: DenseMatrix
    /// Over leaves and `leafColumns`.
    let overLeaves: DenseMatrix
    private let links: [Int]
    private let leaves: [Int]

    init(
        _ structure: StagedStructure,
        stage: Int,
        moving: [(column: Int, stages: [Int], values: [Double])]
    ) {
        links = structure.links[stage]
        leaves = structure.leaves[stage]
        let borderCount = structure.border.count
        let present = structure.columns(ofStage: stage)
        let own = moving.filter { $0.stages.contains(stage) }
        linkColumns = own.map(\.column) + present.links.map { borderCount + $0 }
        leafColumns = own.map(\.column) + present.leaves.map { borderCount + $0 }
        var overLinks = DenseMatrix(rows: structure.chainCount, columns: linkColumns.count)
        var overLeaves = DenseMatrix(rows: leaves.count, columns: leafColumns.count)
        for (place, entry) in own.enumerated() {
            let (firstLink, firstLeaf) = (place * structure.chainCount, place * leaves.count)
            for (k, column) in links.enumerated() where column >= 0 {
                overLinks.elements[firstLink + k] = entry.values[column]
            }
            for (k, column) in leaves.enumerated() { overLeaves.elements[firstLeaf + k] = entry.values[column] }
        }
        for (place, column) in present.links.enumerated() {
            let wide = structure.wide[column]
            for (row, value) in zip(wide.rows, wide.values) where structure.stage[row] == stage {
                guard structure.chain[row] >= 0 else { continue }
                overLinks.elements[(own.count + place) * structure.chainCount + structure.chain[row]] = value
            }
        }
        for (place, column) in present.leaves.enumerated() {
            let wide = structure.wide[column]
            for (row, value) in zip(wide.rows, wide.values) where structure.stage[row] == stage {
                guard structure.leafPlace[row] >= 0 else { continue }
                overLeaves.elements[(own.count + place) * leaves.count + structure.leafPlace[row]] = value
            }
        }
        self.overLinks = overLinks
        self.overLeaves = overLeaves
    }

    /// target ← target − Uᵀv.
    func subtractTransposedProduct(_ v: [Double], from target: inout [Double]) {
        let links = overLinks.transposedTimes(links.map { $0 >= 0 ? v[$0] : 0 } + padding)
        for (column, value) in zip(linkColumns, links) { target[column] -= value }
        let leaves = overLeaves.transposedTimes(leaves.map { v[$0] })
        for (column, value) in zip(leafColumns, leaves) { target[column] -= value }
    }

    /// v ← v − Uy.
    func subtractProduct(_ y: [Double], from v: inout [Double]) {
        let onLinks = overLinks.times(linkColumns.map { y[$0] })
        for (k, column) in links.enumerated() where column >= 0 { v[column] -= onLinks[k] }
        let onLeaves = overLeaves.times(leafColumns.map { y[$0] })
        for (k, column) in leaves.enumerated() { v[column] -= onLeaves[k] }
    }

    /// Chains that begin after this stage.
    private var padding: [Double] { [Double](repeating: 0, count: overLinks.rows - links.count) }
}
