internal import LinearAlgebra
internal import Matrices

/// M of one interior-point step, factored: every chain with its leaves.
struct StagedChains {
    /// The pivot of each leaf and link; 1 for the border.
    private var pivot: [Double]
    /// For a leaf what its elimination adds to its first and second link; for a link to the next one.
    private var below: [Double]
    private var belowSecond: [Double]
    /// For a link the one after it, for a leaf its first link; −1 for none.
    private var next: [Int]
    /// The second link of a leaf; −1 for none.
    private var second: [Int]
    /// M between chains and border, a column for each border variable.
    private(set) var borderCoupling: [[Double]]
    /// M over the border.
    private(set) var borderCurvature: DenseMatrix

    /// Factors M; nil when a pivot is not positive.
    init?(
        _ problem: PreparedProblem,
        _ structure: StagedStructure,
        _ cones: [ConeColumns],
        scaling: ConeScaling,
        settings: SolverSettings
    ) {
        let n = structure.variableCount
        var diagonal = structure.curvature.diagonal.map { $0 + settings.primalRegularization }
        for cone in cones { cone.addSingleRows(of: problem, to: &diagonal) }
        borderCoupling = structure.border.map { _ in [Double](repeating: 0, count: n) }
        borderCurvature = DenseMatrix(rows: structure.border.count, columns: structure.border.count)
        for (position, column) in structure.border.enumerated() {
            borderCurvature[position, position] = diagonal[column]
        }
        pivot = [Double](repeating: 1, count: n)
        below = [Double](repeating: 0, count: n)
        belowSecond = below
        next = [Int](repeating: -1, count: n)
        second = next
        for tie in structure.singles {
            let weight = 1 / (scaling.w[tie.row] * scaling.w[tie.row])
            diagonal[tie.first.column] += weight * tie.first.value * tie.first.value
            addBorder(tie, weight)
        }
        // What a link is tied to the next one with, once leaves are gone.
        var strength = [Double](repeating: 0, count: n)
        var entries = [(own: Double, next: Double)](repeating: (0, 0), count: n)
        for tie in structure.ties {
            let weight = 1 / (scaling.w[tie.row] * scaling.w[tie.row])
            addBorder(tie, weight)
            var rest = weight
            if let leaf = tie.leaf {
                let own = diagonal[leaf.column]
                let whole = own + weight * leaf.value * leaf.value
                guard own > 0, whole.isFinite else { return nil }
                pivot[leaf.column] = whole
                next[leaf.column] = tie.first.column
                below[leaf.column] = weight * leaf.value * tie.first.value / whole
                if let link = tie.second {
                    second[leaf.column] = link.column
                    belowSecond[leaf.column] = weight * leaf.value * link.value / whole
                }
                rest = weight * (own / whole)
            }
            if let link = tie.second {
                let column = tie.first.column
                if next[column] < 0 { entries[column] = (tie.first.value, link.value) }
                next[column] = link.column
                // Ties of the same two links are multiples of the first one: their weights add up.
                let multiple = tie.first.value / entries[column].own
                strength[column] += rest * multiple * multiple
            } else {
                diagonal[tie.first.column] += rest * tie.first.value * tie.first.value
            }
        }
        for links in structure.links {
            for column in links where column >= 0 {
                let own = diagonal[column]
                let (value, other) = entries[column]
                let whole = own + strength[column] * value * value
                guard own > 0, whole.isFinite else { return nil }
                pivot[column] = whole
                guard next[column] >= 0 else { continue }
                below[column] = strength[column] * value * other / whole
                diagonal[next[column]] += strength[column] * other * other * (own / whole)
            }
        }
    }

    /// Adds a row's products with border columns.
    private mutating func addBorder(_ tie: StagedStructure.Tie, _ weight: Double) {
        for (position, value) in tie.border {
            for entry in [tie.leaf, tie.first, tie.second] {
                if let entry { borderCoupling[position][entry.column] += weight * entry.value * value }
            }
            for (other, otherValue) in tie.border where other <= position {
                borderCurvature[position, other] += weight * value * otherValue
            }
        }
    }

    /// v ← M⁻¹ v; the border stays as it is.
    func solve(_ v: inout [Double], _ structure: StagedStructure) {
        for leaves in structure.leaves {
            for column in leaves {
                v[next[column]] -= below[column] * v[column]
                if second[column] >= 0 { v[second[column]] -= belowSecond[column] * v[column] }
            }
        }
        for links in structure.links {
            for column in links where column >= 0 && next[column] >= 0 { v[next[column]] -= below[column] * v[column] }
        }
        for links in structure.links.reversed() {
            for column in links where column >= 0 {
                v[column] /= pivot[column]
                if next[column] >= 0 { v[column] -= below[column] * v[next[column]] }
            }
        }
        for leaves in structure.leaves {
            for column in leaves {
                v[column] = v[column] / pivot[column] - below[column] * v[next[column]]
                if second[column] >= 0 { v[column] -= belowSecond[column] * v[second[column]] }
            }
        }
    }

    /// target ← target − UᵀM⁻¹U, lower triangle.
    func subtractProduct(_ stages: [StageColumns], _ structure: StagedStructure, from target: inout DenseMatrix) {
        for (index, stage) in stages.enumerated() { subtractLeaves(structure.leaves[index], stage, from: &target) }
        let reduced = linkColumns(stages, structure)
        var inverse: [[Double]] = []
        // Stages from the last: (M⁻¹)ₜₜ = 1/pivot + l²(M⁻¹)ₜ₊₁,ₜ₊₁ and (M⁻¹)ₜᵤ = −l(M⁻¹)ₜ₊₁,ᵤ, each a number a chain.
        for t in structure.links.indices.reversed() {
            let links = structure.links[t]
            var rows: [[Double]] = [[Double](repeating: 0, count: structure.chainCount)]
            rows += inverse.map { _ in rows[0] }
            for (k, column) in links.enumerated() where column >= 0 {
                rows[0][k] = 1 / pivot[column]
                guard next[column] >= 0 else { continue }
                let l = below[column]
                rows[0][k] += l * l * inverse[0][k]
                for u in inverse.indices { rows[u + 1][k] = -l * inverse[u][k] }
            }
            inverse = rows
            for (u, weights) in rows.enumerated() where weights.contains(where: { $0 != 0 }) {
                subtract(reduced[t], reduced[t + u], weights, isDiagonal: u == 0, from: &target)
            }
        }
    }

    private func subtractLeaves(_ leaves: [Int], _ stage: StageColumns, from target: inout DenseMatrix) {
        guard !leaves.isEmpty, !stage.leafColumns.isEmpty else { return }
        var scaled = stage.overLeaves
        for (k, column) in leaves.enumerated() {
            let factor = 1 / pivot[column].squareRoot()
            for c in 0..<scaled.columns { scaled.elements[c * scaled.rows + k] *= factor }
        }
        let gram = scaled.gram()
        for (j, right) in stage.leafColumns.enumerated() {
            for (i, left) in stage.leafColumns.enumerated() where left >= right { target[left, right] -= gram[i, j] }
        }
    }

    /// U over the links of each stage once the leaves are eliminated, with the columns it has entries in.
    private func linkColumns(
        _ stages: [StageColumns],
        _ structure: StagedStructure
    ) -> [(columns: [Int], matrix: DenseMatrix)] {
        var reduced: [(columns: [Int], matrix: DenseMatrix)] = []
        for (t, stage) in stages.enumerated() {
            var columns = stage.linkColumns
            var known = Set(columns)
            for source in t...min(t + 1, stages.count - 1) {
                for column in stages[source].leafColumns where known.insert(column).inserted { columns.append(column) }
            }
            let more = (columns.count - stage.linkColumns.count) * structure.chainCount
            let matrix = DenseMatrix(
                rows: structure.chainCount,
                columns: columns.count,
                columnMajor: stage.overLinks.elements + [Double](repeating: 0, count: more)
            )
            reduced.append((columns, matrix))
        }
        for (t, stage) in stages.enumerated() {
            for place in [t - 1, t] where place >= 0 {
                let position = Dictionary(
                    reduced[place].columns.enumerated().map { ($0.element, $0.offset) },
                    uniquingKeysWith: { first, _ in first }
                )
                let targets = stage.leafColumns.map { position[$0] ?? -1 }
                for (k, leaf) in structure.leaves[t].enumerated() {
                    for (link, factor) in [(next[leaf], below[leaf]), (second[leaf], belowSecond[leaf])]
                    where link >= 0 && structure.stage[link] == place {
                        let chain = structure.chain[link]
                        for (c, target) in targets.enumerated() where target >= 0 {
                            let value = stage.overLeaves.elements[c * stage.overLeaves.rows + k]
                            reduced[place].matrix.elements[target * structure.chainCount + chain] -= factor * value
                        }
                    }
                }
            }
        }
        return reduced
    }

    /// target ← target − (XᵀGY + its transpose), or XᵀGX for a stage with itself.
    private func subtract(
        _ left: (columns: [Int], matrix: DenseMatrix),
        _ right: (columns: [Int], matrix: DenseMatrix),
        _ weights: [Double],
        isDiagonal: Bool,
        from target: inout DenseMatrix
    ) {
        var scaled = right.matrix
        let rows = scaled.rows
        for c in 0..<scaled.columns {
            for k in 0..<rows { scaled.elements[c * rows + k] *= isDiagonal ? weights[k].squareRoot() : weights[k] }
        }
        let product = isDiagonal ? scaled.gram() : left.matrix.times(scaled, transposingSelf: true)
        let order = target.rows
        var next = 0
        for other in right.columns {
            for own in left.columns {
                let value = product.elements[next]
                next += 1
                if own > other {
                    target.elements[other * order + own] -= value
                } else if own == other {
                    target.elements[own * (order + 1)] -= isDiagonal ? value : 2 * value
                } else if !isDiagonal {
                    target.elements[own * order + other] -= value
                }
            }
        }
    }
}
