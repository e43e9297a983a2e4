internal import LinearAlgebra
internal import Matrices

/// A curvature kept in its parts, P = ω RᵀR + diag(d).
///
/// R is one matrix, or one a stage. It can be scaled by powers of two without a rounding: columns are R's and d's, the objective's scale is ω's and d's.
struct FactoredQuadratic: Sendable {
    /// The factors of variables that follow each other; those of a program in stages are a stage each.
    struct Block: Sendable {
        /// The variables.
        var columns: Range<Int>
        /// R, k × as many.
        var root: DenseMatrix
    }

    /// R, block-diagonal.
    private(set) var blocks: [Block]
    /// d, n, none of them negative.
    private(set) var diagonal: [Double]
    /// ω, positive.
    private(set) var weight: Double
    /// The block of each variable.
    private var blockOfColumn: [Int]

    /// An eigenvalue of the factors' covariance below this share of the largest is rounding.
    private static let negligible = 1e-15

    /// Takes factor curvatures apart, one a stage; nil when the eigenvalues of F cannot be computed.
    init?(_ models: [FactorCurvature]) {
        var blocks: [Block] = []
        var diagonal: [Double] = []
        for model in models {
            guard let root = Self.root(of: model) else { return nil }
            let first = diagonal.count
            diagonal += model.residual
            blocks.append(Block(columns: first..<diagonal.count, root: root))
        }
        self.init(blocks: blocks, diagonal: diagonal, weight: 1)
    }

    private static func root(of model: FactorCurvature) -> DenseMatrix? {
        guard model.exposures.rows > 0 else { return DenseMatrix(rows: 0, columns: model.residual.count) }
        guard let eigen = try? SymmetricEigen(model.factorCovariance) else { return nil }
        let largest = eigen.values.last ?? 0
        let kept = eigen.values.indices.filter { eigen.values[$0] > largest * negligible }
        var scaled = DenseMatrix(rows: model.exposures.rows, columns: kept.count)
        for (position, index) in kept.enumerated() {
            let length = eigen.values[index].squareRoot()
            for f in 0..<scaled.rows { scaled[f, position] = eigen.vectors[f, index] * length }
        }
        return scaled.times(model.exposures, transposingSelf: true)
    }

    /// No curvature at all.
    static func none(variableCount n: Int) -> FactoredQuadratic {
        FactoredQuadratic(
            blocks: [Block(columns: 0..<n, root: DenseMatrix(rows: 0, columns: n))],
            diagonal: [Double](repeating: 0, count: n),
            weight: 1
        )
    }

    private init(blocks: [Block], diagonal: [Double], weight: Double) {
        self.blocks = blocks
        self.diagonal = diagonal
        self.weight = weight
        blockOfColumn = blocks.enumerated().flatMap { [Int](repeating: $0.offset, count: $0.element.columns.count) }
    }

    /// k, of all blocks together.
    var rank: Int { blocks.reduce(0) { $0 + $1.root.rows } }

    /// The rows of R with their entries.
    var wideRows: [(columns: [Int], values: [Double])] {
        blocks.flatMap { block in
            (0..<block.root.rows).map { f in
                (Array(block.columns), (0..<block.root.columns).map { block.root[f, $0] })
            }
        }
    }

    /// P_jj.
    func diagonalEntry(_ j: Int) -> Double {
        let block = blocks[blockOfColumn[j]]
        var sum = 0.0
        for value in block.root.column(j - block.columns.lowerBound) { sum += value * value }
        return weight * sum + diagonal[j]
    }

    /// P_ij.
    func entry(_ i: Int, _ j: Int) -> Double {
        guard blockOfColumn[i] == blockOfColumn[j] else { return 0 }
        let block = blocks[blockOfColumn[i]]
        let first = block.columns.lowerBound
        var sum = 0.0
        for (left, right) in zip(block.root.column(i - first), block.root.column(j - first)) { sum += left * right }
        return weight * sum + (i == j ? diagonal[i] : 0)
    }

    /// The largest magnitude of an entry: of a positive semidefinite matrix it is on the diagonal.
    var largestEntry: Double { diagonal.indices.reduce(0) { max($0, diagonalEntry($1)) } }

    /// P x.
    func times(_ x: [Double]) -> [Double] {
        var result: [Double] = []
        result.reserveCapacity(x.count)
        for block in blocks {
            result += block.root.transposedTimes(block.root.times(Array(x[block.columns])))
        }
        for j in result.indices { result[j] = weight * result[j] + diagonal[j] * x[j] }
        return result
    }

    /// P_jj times the square of each column's factor, and P_ij in proportion.
    mutating func scale(columns factors: [Double]) {
        for index in blocks.indices {
            let k = blocks[index].root.rows
            for (place, j) in blocks[index].columns.enumerated() where factors[j] != 1 {
                for f in 0..<k { blocks[index].root.elements[place * k + f] *= factors[j] }
                diagonal[j] *= factors[j] * factors[j]
            }
        }
    }

    /// P times a positive factor.
    mutating func scale(by factor: Double) {
        weight *= factor
        for j in diagonal.indices { diagonal[j] *= factor }
    }

    /// P over the given variables, which ascend.
    func selecting(_ variables: [Int]) -> FactoredQuadratic {
        var selected: [Block] = []
        var next = 0
        for (index, block) in blocks.enumerated() {
            let own = variables.filter { blockOfColumn[$0] == index }.map { $0 - block.columns.lowerBound }
            let root = block.root.selecting(rows: Array(0..<block.root.rows), columns: own)
            selected.append(Block(columns: next..<(next + own.count), root: root))
            next += own.count
        }
        return FactoredQuadratic(blocks: selected, diagonal: variables.map { diagonal[$0] }, weight: weight)
    }
}

extension PreparedProblem {
    /// Makes a problem of a program whose parts have been validated; nil when P cannot be taken apart.
    init?(_ program: SparseProgram) {
        var quadratic = DenseMatrix(rows: 0, columns: 0)
        var factored: FactoredQuadratic?
        let n = program.variableCount
        // The structured system knows bounds, rows and second-order cones.
        let hasNonsymmetricCone = program.cones.contains { cone in
            switch cone {
            case .exponential, .power: true
            case .zero, .nonnegative, .secondOrder: false
            }
        }
        if let curvature = program.curvature {
            if !hasNonsymmetricCone, let models = curvature.inParts {
                guard let parts = FactoredQuadratic(models) else { return nil }
                factored = parts
            } else {
                quadratic = curvature.multipliedOut
            }
        } else if n > Self.largestDenseLinearProgram, !hasNonsymmetricCone, Self.hasFewWideRows(program) {
            factored = .none(variableCount: n)
        } else {
            quadratic = DenseMatrix(rows: n, columns: n)
        }
        let rows = program.rows.map { row in
            zip(row.columns, row.coefficients).filter { $0.1 != 0 }.map { (column: $0.0, value: $0.1) }
                .sorted { $0.column < $1.column }
        }
        self.init(
            quadratic: quadratic,
            linear: program.linear,
            rows: ConstraintRows(columnCount: program.variableCount, rows: rows),
            bounds: program.bounds,
            blocks: Self.blocks(of: program.cones),
            factored: factored
        )
    }

    /// Linear programs up to this many variables are solved with dense systems, which have a polish and no structure.
    private static let largestDenseLinearProgram = 600

    /// Whether eliminating single variables and pairs leaves little.
    private static func hasFewWideRows(_ program: SparseProgram) -> Bool {
        4 * program.rows.count { $0.columns.count > KKTStructure.shortRow } <= program.variableCount
    }

    /// The largest magnitude of an entry of P.
    var largestCurvature: Double {
        factored?.largestEntry ?? quadratic.elements.reduce(0) { max($0, $1.magnitude) }
    }

    /// The largest magnitude in column j of P; of a factored P that of the diagonal stands for it.
    func largestCurvature(ofColumn j: Int) -> Double {
        factored?.diagonalEntry(j) ?? quadratic.column(j).reduce(0) { max($0, $1.magnitude) }
    }

    /// P_ij.
    func curvature(_ i: Int, _ j: Int) -> Double {
        factored?.entry(i, j) ?? quadratic.elements[j * variableCount + i]
    }

    /// Scales the columns and rows of P.
    mutating func scaleCurvature(columns factors: [Double]) {
        guard hasQuadratic else { return }
        guard factored == nil else {
            factored?.scale(columns: factors)
            return
        }
        let n = variableCount
        for j in 0..<n {
            for i in 0..<n { quadratic.elements[j * n + i] *= factors[i] * factors[j] }
        }
    }

    /// Multiplies P by a positive factor.
    mutating func scaleCurvature(by factor: Double) {
        factored?.scale(by: factor)
        for k in 0..<quadratic.elements.count { quadratic.elements[k] *= factor }
    }

    /// P over the given variables.
    func selectedCurvature(_ variables: [Int]) -> (quadratic: DenseMatrix, factored: FactoredQuadratic?) {
        guard let factored else { return (quadratic.selecting(rows: variables, columns: variables), nil) }
        return (quadratic, factored.selecting(variables))
    }
}
