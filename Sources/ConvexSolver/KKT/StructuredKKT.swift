internal import LinearAlgebra
internal import Matrices

/// The KKT matrix of one interior-point step with the curvature in parts, eliminated down to a small dense matrix.
///
/// With M the block-diagonal part, U the columns that couple the blocks (border, factors, wide rows) and C the compliance
/// of those columns, the small matrix is S = K₀ − UᵀM⁻¹U, K₀ = diag(M_border, −C): Woodbury's formula in the form that
/// needs no inverse of C, so that equality rows (C = 0) are rows like others.
///
/// - SeeAlso: Goldfarb & Scheinberg, Mathematical Programming 99 (2004), on keeping this stable.
struct StructuredKKT {
    private let structure: KKTStructure
    /// Lower Cholesky factors of M's blocks: of a single variable, or of the first of two.
    private let pivot: [Double]
    /// For the first of two: the entry below the pivot.
    private let below: [Double]
    /// U, n × (border + columns); 0 in the rows of border variables but for `borderRows`.
    private let coupling: DenseMatrix
    /// The rows of U that belong to border variables, by position.
    private let borderRows: DenseMatrix
    private let factorization: LDLFactorization
    private let scales: [Double]
    /// Where the equality rows, the kept rows and the stiff directions stand among the unknowns of S.
    private let answers: [Int]

    /// Assembles and factors the system; nil when a block is not positive or S cannot be factored.
    init?(_ problem: PreparedProblem, _ structure: KKTStructure, scaling: ConeScaling, settings: SolverSettings) {
        self.structure = structure
        let n = structure.variableCount
        let borderCount = structure.border.count
        let cones = structure.cones.map { ConeColumns(problem, scaling, $0) }
        guard
            let blocks = Self.blocks(problem, structure, cones, scaling: scaling, settings: settings)
        else { return nil }
        pivot = blocks.pivot
        below = blocks.below

        // Columns: border, then the fixed ones, then three of each cone.
        let fixed = structure.wide.columns
        var coupling = DenseMatrix(
            rows: n,
            columns: borderCount,
            columnMajor: blocks.borderCoupling
        ).elements
        coupling.reserveCapacity(n * (borderCount + fixed + 3 * cones.count))
        coupling += structure.wide.elements
        var compliance = [Double](repeating: 0, count: fixed)
        for f in 0..<structure.factorCount { compliance[f] = 1 / structure.curvature.weight }
        for (k, row) in structure.keptRows.enumerated() {
            compliance[structure.factorCount + structure.equalityRows.count + k] = scaling.w[row] * scaling.w[row]
        }
        for cone in cones {
            for (_, column) in cone.cone.wide { compliance[column] = cone.middleCompliance }
            coupling += cone.axis + cone.sum + cone.stiff
            compliance += [-cone.middleCompliance, cone.smallCompliance, cone.stiffCompliance]
        }
        let total = borderCount + compliance.count
        // Rows of border variables leave U: they are unknowns of S, not of the blocks.
        var borderRows = DenseMatrix(rows: borderCount, columns: total)
        for (position, column) in structure.border.enumerated() {
            for c in borderCount..<total {
                borderRows[position, c] = coupling[c * n + column]
                coupling[c * n + column] = 0
            }
        }
        self.borderRows = borderRows
        self.coupling = DenseMatrix(rows: n, columns: total, columnMajor: coupling)
        let first = structure.factorCount + borderCount
        var answers = Array(first..<(first + structure.equalityRows.count + structure.keptRows.count))
        for position in cones.indices { answers.append(borderCount + fixed + 3 * position + 2) }
        self.answers = answers

        var small = DenseMatrix(rows: total, columns: total)
        for i in 0..<borderCount {
            for j in 0...i { small[i, j] = blocks.borderCurvature[i, j] }
            for c in borderCount..<total { small[c, i] = borderRows[i, c] }
        }
        for (k, value) in compliance.enumerated() { small[borderCount + k, borderCount + k] = -value }
        Self.whitened(self.coupling, pivot: pivot, below: below, partner: structure.partner)
            .addGram(scaledBy: -1, to: &small)
        guard let (scaled, scales) = Self.scaled(small, borderCount: borderCount, settings),
            let factorization = try? LDLFactorization(scaled)
        else { return nil }
        self.scales = scales
        self.factorization = factorization
    }

    /// The solution for a right-hand side of variables, equality rows, kept rows and stiff directions, in that order.
    func solve(_ right: [Double]) -> [Double] {
        let n = structure.variableCount
        var own = Array(right[..<n])
        var reduced = [Double](repeating: 0, count: coupling.columns)
        for (position, column) in structure.border.enumerated() {
            reduced[position] = own[column]
            own[column] = 0
        }
        for (k, place) in answers.enumerated() { reduced[place] = right[n + k] }
        var solution = own
        solveBlocks(&solution)
        axpy(-1, coupling.transposedTimes(solution), into: &reduced)
        for k in reduced.indices { reduced[k] *= scales[k] }
        var unknowns = factorization.solve(reduced)
        for k in unknowns.indices { unknowns[k] *= scales[k] }
        var x = own
        axpy(-1, coupling.times(unknowns), into: &x)
        solveBlocks(&x)
        for (position, column) in structure.border.enumerated() { x[column] = unknowns[position] }
        return x + answers.map { unknowns[$0] }
    }

    /// M⁻¹ v.
    private func solveBlocks(_ v: inout [Double]) {
        for i in v.indices {
            let j = structure.partner[i]
            if j < 0 {
                v[i] /= pivot[i] * pivot[i]
            } else if i < j {
                let head = v[i] / pivot[i]
                let tail = (v[j] - below[i] * head) / pivot[j]
                v[j] = tail / pivot[j]
                v[i] = (head - below[i] * v[j]) / pivot[i]
            }
        }
    }

    /// L⁻¹ U, column by column.
    private static func whitened(
        _ coupling: DenseMatrix,
        pivot: [Double],
        below: [Double],
        partner: [Int]
    ) -> DenseMatrix {
        var result = coupling
        let n = coupling.rows
        let inverse = pivot.map { 1 / $0 }
        result.elements.withUnsafeMutableBufferPointer { entries in
            for c in 0..<coupling.columns {
                let start = c * n
                for i in 0..<n { entries[start + i] *= inverse[i] }
                for i in 0..<n where partner[i] > i {
                    // The second of two still holds what its own pivot divided: take the first's part from it.
                    entries[start + partner[i]] -= below[i] * entries[start + i] * inverse[partner[i]]
                }
            }
        }
        return result
    }

    /// S with a unit diagonal, and regularized: the border adds curvature, everything else compliance.
    static func scaled(
        _ small: DenseMatrix,
        borderCount: Int,
        _ settings: SolverSettings
    ) -> (matrix: DenseMatrix, scales: [Double])? {
        let order = small.rows
        var matrix = small
        var scales = [Double](repeating: 1, count: order)
        for k in 0..<order {
            var size = small[k, k].magnitude
            if size == 0 {
                for i in (k + 1)..<max(order, k + 1) { size = max(size, small[i, k].magnitude) }
                for j in 0..<k { size = max(size, small[k, j].magnitude) }
            }
            guard size.isFinite else { return nil }
            scales[k] = size > 0 ? 1 / size.squareRoot() : 1
        }
        for j in 0..<order {
            for i in j..<order { matrix[i, j] *= scales[i] * scales[j] }
            matrix[j, j] += j < borderCount ? settings.staticRegularization : -settings.equalityRegularization
        }
        return (matrix, scales)
    }
}

extension StructuredKKT {
    /// M's blocks as Cholesky factors, with what they and the border do to each other.
    private struct Blocks {
        var pivot: [Double]
        var below: [Double]
        /// M between blocks and border, n × border.
        var borderCoupling: [Double]
        /// M over the border.
        var borderCurvature: DenseMatrix
    }

    /// Adds the curvature, bounds, local rows and cones' single rows up, block by block.
    private static func blocks(
        _ problem: PreparedProblem,
        _ structure: KKTStructure,
        _ cones: [ConeColumns],
        scaling: ConeScaling,
        settings: SolverSettings
    ) -> Blocks? {
        let n = structure.variableCount
        let borderCount = structure.border.count
        var diagonal = structure.curvature.diagonal.map { $0 + settings.primalRegularization }
        for cone in cones { cone.addSingleRows(of: problem, to: &diagonal) }
        var coupling = [Double](repeating: 0, count: n * borderCount)
        var curvature = DenseMatrix(rows: borderCount, columns: borderCount)
        for (position, column) in structure.border.enumerated() { curvature[position, position] = diagonal[column] }
        // Rank-one terms of the blocks of two, kept apart so that their determinants do not cancel.
        var ties: [Int: [(weight: Double, first: Double, second: Double)]] = [:]
        for row in structure.localRows {
            let weight = 1 / (scaling.w[row.row] * scaling.w[row.row])
            if let second = row.second {
                let isOrdered = row.first < second.column
                ties[min(row.first, second.column), default: []].append(
                    isOrdered ? (weight, row.firstValue, second.value) : (weight, second.value, row.firstValue)
                )
            } else {
                diagonal[row.first] += weight * row.firstValue * row.firstValue
            }
            for (position, value) in row.border {
                coupling[position * n + row.first] += weight * row.firstValue * value
                if let second = row.second { coupling[position * n + second.column] += weight * second.value * value }
                for (other, otherValue) in row.border where other <= position {
                    curvature[position, other] += weight * value * otherValue
                }
            }
        }
        var pivot = [Double](repeating: 1, count: n)
        var below = [Double](repeating: 0, count: n)
        let isBorder = Set(structure.border)
        for i in 0..<n where !isBorder.contains(i) {
            let j = structure.partner[i]
            guard j > i || j < 0 else { continue }
            guard j > i else {
                guard diagonal[i] > 0, diagonal[i].isFinite else { return nil }
                pivot[i] = diagonal[i].squareRoot()
                continue
            }
            guard let factor = factor(diagonal[i], diagonal[j], ties[i] ?? []) else { return nil }
            (pivot[i], below[i], pivot[j]) = factor
        }
        return Blocks(pivot: pivot, below: below, borderCoupling: coupling, borderCurvature: curvature)
    }

    /// The Cholesky factor of diag(a, b) + Σ ρ (p, q)(p, q)ᵀ, its determinant summed from positive terms.
    private static func factor(
        _ a: Double,
        _ b: Double,
        _ ties: [(weight: Double, first: Double, second: Double)]
    ) -> (Double, Double, Double)? {
        var (first, corner, determinant) = (a, 0.0, a * b)
        for (k, tie) in ties.enumerated() {
            first += tie.weight * tie.first * tie.first
            corner += tie.weight * tie.first * tie.second
            determinant += tie.weight * (tie.first * tie.first * b + tie.second * tie.second * a)
            for other in ties[..<k] {
                let cross = tie.first * other.second - tie.second * other.first
                determinant += tie.weight * other.weight * cross * cross
            }
        }
        guard first > 0, determinant > 0, first.isFinite, determinant.isFinite else { return nil }
        let pivot = first.squareRoot()
        return (pivot, corner / pivot, (determinant / first).squareRoot())
    }
}

/// What a second-order cone adds at one scaling: η⁻² (A₁ᵀA₁ − ggᵀ) + λ₂ (a₀ + g)(a₀ + g)ᵀ/2, and its stiff direction.
struct ConeColumns {
    let cone: KKTStructure.Cone
    /// g = A₁ᵀŵ, a₀ + g, (a₀ − g)/√2.
    let axis: [Double]
    let sum: [Double]
    let stiff: [Double]
    /// η², 2/λ₂, 1/λ₁.
    let middleCompliance: Double
    let smallCompliance: Double
    let stiffCompliance: Double

    init(_ problem: PreparedProblem, _ scaling: ConeScaling, _ cone: KKTStructure.Cone) {
        self.cone = cone
        let rows = problem.blocks[cone.block].rows
        var g = [Double](repeating: 0, count: problem.variableCount)
        for row in rows.dropFirst() { problem.rows.addRow(row, scaledBy: scaling.axis[row], into: &g) }
        var head = [Double](repeating: 0, count: problem.variableCount)
        problem.rows.addRow(rows.lowerBound, scaledBy: 1, into: &head)
        axis = g
        sum = zip(head, g).map { $0 + $1 }
        stiff = zip(head, g).map { ($0 - $1) * 0.5.squareRoot() }
        let eigenvalues = scaling.eigenvalues(ofBlock: cone.block)
        middleCompliance = scaling.eta[cone.block] * scaling.eta[cone.block]
        smallCompliance = 2 / eigenvalues.small
        stiffCompliance = 1 / eigenvalues.large
    }

    /// Adds what the cone's rows with a single variable weigh to the diagonal of the condensed matrix.
    func addSingleRows(of problem: PreparedProblem, to diagonal: inout [Double]) {
        for row in cone.single {
            let entry = problem.rows.starts[row]
            let value = problem.rows.values[entry]
            diagonal[problem.rows.columns[entry]] += value * value / middleCompliance
        }
    }
}
