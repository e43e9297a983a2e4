internal import LinearAlgebra
internal import Matrices

/// How each row enters the KKT matrix, decided once for a problem.
///
/// Cone rows are eliminated where that is harmless: M = P + Aᵀ H⁻¹ A over them. Bounds on one variable touch the diagonal
/// only; rows with few entries are added entry by entry; rows with many are gathered for one BLAS call. Three kinds of
/// row stay: equalities, rows so stiff that their H⁻¹ would drown the curvature of P, and for each second-order cone the
/// one direction in which it becomes stiff near its boundary. The three eigenvectors of H⁻¹ on a nonsymmetric cone make
/// three rows, each treated like a nonnegative one.
struct KKTAssembly: Sendable {
    /// Rows of zero blocks.
    let equalityRows: [Int]
    /// Indices of second-order blocks.
    let secondOrderBlocks: [Int]
    private let boundRows: [Int]
    private let generalRows: [Int]
    /// Lower triangle of A₁ᵀA₁ for each second-order block.
    private let tailGrams: [DenseMatrix]
    /// How a problem with its curvature in parts is solved instead.
    let structure: KKTStructure?
    /// How one in stages is solved instead.
    let staged: StagedStructure?
    /// The rows of each nonsymmetric block; nil where its columns are eliminated on their own.
    private let nonsymmetricRows: [NonsymmetricRows?]
    /// Columns to be eliminated cone by cone, if there are enough of them; the rest of the assembly is without them.
    let local: LocalColumns?

    /// A row is gathered when this many times its entries exceed n: BLAS is about this much faster an entry, squared.
    private static let gatherFactor = 3

    init(_ full: PreparedProblem, settings: SolverSettings) {
        local = LocalColumns(full, settings: settings)
        let problem = local?.reduced ?? full
        var equality: [Int] = []
        var bound: [Int] = []
        var general: [Int] = []
        var secondOrder: [Int] = []
        var nonsymmetric: [NonsymmetricRows?] = []
        for (index, block) in problem.blocks.enumerated() {
            switch block.kind {
            case .zero: equality.append(contentsOf: block.rows)
            case .secondOrder: secondOrder.append(index)
            case .exponential, .power:
                let isLocal = local?.isBlock[nonsymmetric.count] ?? false
                nonsymmetric.append(isLocal ? nil : NonsymmetricRows(problem.rows, block.rows))
            case .nonnegative:
                for row in block.rows {
                    let isCoupling = local?.isCoupling[row] ?? false
                    let isBound = problem.rows.count(of: row) <= 1 && !isCoupling
                    if isBound { bound.append(row) } else { general.append(row) }
                }
            }
        }
        equalityRows = equality
        boundRows = bound
        generalRows = general
        secondOrderBlocks = secondOrder
        nonsymmetricRows = nonsymmetric
        let staged = problem.factored.flatMap { StagedStructure(problem, $0) }
        self.staged = staged
        structure = staged == nil ? problem.factored.map { KKTStructure(problem, $0) } : nil
        tailGrams = problem.factored == nil ? secondOrder.map { Self.tailGram(problem, problem.blocks[$0].rows) } : []
    }

    private static func tailGram(_ problem: PreparedProblem, _ rows: Range<Int>) -> DenseMatrix {
        var tail = DenseMatrix(rows: rows.count - 1, columns: problem.variableCount)
        for row in rows.dropFirst() {
            for k in problem.rows.entries(of: row) {
                tail[row - rows.lowerBound - 1, problem.rows.columns[k]] = problem.rows.values[k]
            }
        }
        return tail.gram()
    }

    /// Eliminates what may be eliminated at one scaling.
    ///
    /// - Parameters:
    ///   - problem: the problem; without its local columns if there are some.
    ///   - scaling: H at the iterate.
    ///   - settings: when a row is too stiff.
    /// - Returns: M and the rows that stay.
    func condense(_ problem: PreparedProblem, _ scaling: ConeScaling, settings: SolverSettings)
        -> CondensedMatrix
    {
        let n = problem.variableCount
        var matrix = problem.quadratic
        if nonsymmetricRows.isEmpty {
            for j in 0..<n { matrix.elements[j * n + j] += settings.primalRegularization }
        }
        for row in boundRows where problem.rows.count(of: row) == 1 {
            let k = problem.rows.starts[row]
            let value = problem.rows.values[k] / scaling.w[row]
            matrix.elements[problem.rows.columns[k] * (n + 1)] += value * value
        }
        var stiffRows: [Int] = []
        var gathered: [Int] = []
        for row in generalRows {
            let largest = problem.rows.largestMagnitude(row: row) / scaling.w[row]
            if largest * largest > settings.stiffness || local?.isCoupling[row] ?? false {
                stiffRows.append(row)
            } else if problem.rows.count(of: row) * Self.gatherFactor > n {
                gathered.append(row)
            } else {
                addSparseRow(row, problem, scaling, to: &matrix)
            }
        }
        if !gathered.isEmpty { addGathered(gathered, problem, scaling, to: &matrix) }
        var stiffDirections: [[Double]] = []
        for position in secondOrderBlocks.indices {
            stiffDirections.append(addSecondOrder(position, problem, scaling, to: &matrix))
        }
        let keptDirections = addNonsymmetric(scaling, settings: settings, to: &matrix)
        var size = 1.0
        if !nonsymmetricRows.isEmpty {
            // On the way to a certificate of unboundedness all of H⁻¹ vanishes, and then M is small beside equality rows.
            let isMild = stiffRows.isEmpty && keptDirections.isEmpty && stiffDirections.isEmpty
            if isMild { size = Self.size(of: matrix) }
            Self.regularize(&matrix, size * settings.primalRegularization)
        }
        return CondensedMatrix(
            matrix: matrix,
            stiffRows: stiffRows,
            stiffDirections: stiffDirections,
            keptDirections: keptDirections,
            size: size
        )
    }

    private func addSparseRow(
        _ row: Int,
        _ problem: PreparedProblem,
        _ scaling: ConeScaling,
        to matrix: inout DenseMatrix
    ) {
        let n = problem.variableCount
        let inverse = 1 / (scaling.w[row] * scaling.w[row])
        let entries = problem.rows.entries(of: row)
        for first in entries {
            let scaled = inverse * problem.rows.values[first]
            let start = problem.rows.columns[first] * n
            // Columns ascend within a row, so these entries are in the lower triangle.
            for second in first..<entries.upperBound {
                matrix.elements[start + problem.rows.columns[second]] += scaled * problem.rows.values[second]
            }
        }
    }

    private func addGathered(
        _ rows: [Int],
        _ problem: PreparedProblem,
        _ scaling: ConeScaling,
        to matrix: inout DenseMatrix
    ) {
        var block = DenseMatrix(rows: rows.count, columns: problem.variableCount)
        for (position, row) in rows.enumerated() {
            let inverse = 1 / scaling.w[row]
            for k in problem.rows.entries(of: row) {
                block.elements[problem.rows.columns[k] * rows.count + position] = inverse * problem.rows.values[k]
            }
        }
        block.addGram(to: &matrix)
    }

    /// The largest entry of a diagonal, at most 1; 1 if there is none.
    static func size(of matrix: DenseMatrix) -> Double {
        let largest = (0..<matrix.columns).reduce(0) { max($0, matrix.elements[$1 * (matrix.columns + 1)]) }
        return largest > 0 ? min(largest, 1) : 1
    }

    /// Adds to the diagonal.
    static func regularize(_ matrix: inout DenseMatrix, _ regularization: Double) {
        for j in 0..<matrix.columns { matrix.elements[j * (matrix.columns + 1)] += regularization }
    }

    /// Adds the mild directions of nonsymmetric cones, and returns the stiff ones.
    private func addNonsymmetric(_ scaling: ConeScaling, settings: SolverSettings, to matrix: inout DenseMatrix)
        -> [KeptDirection]
    {
        let n = matrix.columns
        var kept: [KeptDirection] = []
        var gathered: [(columns: [Int], values: [Double])] = []
        for (position, (rows, block)) in zip(nonsymmetricRows, scaling.nonsymmetric).enumerated() {
            guard let rows else { continue }
            for direction in 0..<3 {
                let unit = block.directions[direction]
                let weight = block.weights[direction]
                let values = rows.coefficients.map { $0.dot(unit) }
                let largest = normInfinity(values)
                if weight * largest * largest > settings.stiffness {
                    kept.append(
                        KeptDirection(
                            block: position,
                            direction: direction,
                            columns: rows.columns,
                            values: values,
                            compliance: 1 / weight
                        )
                    )
                } else if rows.columns.count * Self.gatherFactor > n {
                    let root = weight.squareRoot()
                    gathered.append((rows.columns, values.map { root * $0 }))
                } else {
                    for (k, first) in rows.columns.enumerated() {
                        let scaled = weight * values[k]
                        for l in k..<values.count { matrix.elements[first * n + rows.columns[l]] += scaled * values[l] }
                    }
                }
            }
        }
        guard !gathered.isEmpty else { return kept }
        var rows = DenseMatrix(rows: gathered.count, columns: n)
        for (position, row) in gathered.enumerated() {
            for (column, value) in zip(row.columns, row.values) {
                rows.elements[column * gathered.count + position] = value
            }
        }
        rows.addGram(to: &matrix)
        return kept
    }

    /// Adds Aᵀ R A, R being H⁻¹ without its stiff direction v, and returns Aᵀv.
    ///
    /// With the unit vector ŵ along w₁ and g = A₁ᵀŵ: AᵀRA = η⁻² (A₁ᵀA₁ − g gᵀ) + λ₂ (a₀ + g)(a₀ + g)ᵀ / 2 and
    /// Aᵀv = (a₀ − g) / √2.
    private func addSecondOrder(
        _ position: Int,
        _ problem: PreparedProblem,
        _ scaling: ConeScaling,
        to matrix: inout DenseMatrix
    ) -> [Double] {
        let n = problem.variableCount
        let index = secondOrderBlocks[position]
        let rows = problem.blocks[index].rows
        let middle = 1 / (scaling.eta[index] * scaling.eta[index])
        let small = scaling.eigenvalues(ofBlock: index).small
        var g = [Double](repeating: 0, count: n)
        for row in rows.dropFirst() { problem.rows.addRow(row, scaledBy: scaling.axis[row], into: &g) }
        var head = [Double](repeating: 0, count: n)
        problem.rows.addRow(rows.lowerBound, scaledBy: 1, into: &head)
        var sum = head
        axpy(1, g, into: &sum)
        let gram = tailGrams[position]
        for j in 0..<n {
            let (gj, sj) = (middle * g[j], small / 2 * sum[j])
            for i in j..<n { matrix.elements[j * n + i] += middle * gram.elements[j * n + i] - gj * g[i] + sj * sum[i] }
        }
        axpy(-1, g, into: &head)
        return head.map { $0 * 0.5.squareRoot() }
    }
}

/// The KKT matrix after elimination, and the rows that were kept.
struct CondensedMatrix {
    /// M, lower triangle.
    var matrix: DenseMatrix
    /// Nonnegative rows that were not eliminated.
    let stiffRows: [Int]
    /// Aᵀv for each second-order block.
    let stiffDirections: [[Double]]
    /// Directions of nonsymmetric blocks that were not eliminated.
    var keptDirections: [KeptDirection]
    /// What the size of M is measured by: 1, or less where all of M is small.
    var size: Double
}

/// An eigenvector v of H⁻¹ on a nonsymmetric block, as the row vᵀA of the system.
struct KeptDirection {
    /// Which of the nonsymmetric blocks.
    let block: Int
    /// Which of its three eigenvectors.
    let direction: Int
    /// The columns of vᵀA that have entries.
    let columns: [Int]
    /// Those entries.
    let values: [Double]
    /// The reciprocal of the eigenvalue.
    let compliance: Double
}
