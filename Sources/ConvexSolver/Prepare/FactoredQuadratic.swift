internal import LinearAlgebra
internal import Matrices

/// A curvature kept in its parts, P = ω RᵀR + diag(d).
///
/// It can be scaled by powers of two without a rounding: columns are R's and d's, the objective's scale is ω's and d's.
struct FactoredQuadratic: Sendable {
    /// R, k × n.
    private(set) var root: DenseMatrix
    /// d, n, none of them negative.
    private(set) var diagonal: [Double]
    /// ω, positive.
    private(set) var weight: Double

    /// An eigenvalue of the factors' covariance below this share of the largest is rounding.
    private static let negligible = 1e-15

    /// Takes a factor curvature apart; nil when the eigenvalues of F cannot be computed.
    init?(_ model: FactorCurvature) {
        guard let eigen = try? SymmetricEigen(model.factorCovariance) else { return nil }
        let largest = eigen.values.last ?? 0
        let kept = eigen.values.indices.filter { eigen.values[$0] > largest * Self.negligible }
        var scaled = DenseMatrix(rows: model.exposures.rows, columns: kept.count)
        for (position, index) in kept.enumerated() {
            let length = eigen.values[index].squareRoot()
            for f in 0..<scaled.rows { scaled[f, position] = eigen.vectors[f, index] * length }
        }
        root = scaled.times(model.exposures, transposingSelf: true)
        diagonal = model.residual
        weight = 1
    }

    /// No curvature at all.
    static func none(variableCount n: Int) -> FactoredQuadratic {
        FactoredQuadratic(
            root: DenseMatrix(rows: 0, columns: n),
            diagonal: [Double](repeating: 0, count: n),
            weight: 1
        )
    }

    private init(root: DenseMatrix, diagonal: [Double], weight: Double) {
        self.root = root
        self.diagonal = diagonal
        self.weight = weight
    }

    /// k.
    var rank: Int { root.rows }

    /// P_jj.
    func diagonalEntry(_ j: Int) -> Double {
        var sum = 0.0
        for value in root.column(j) { sum += value * value }
        return weight * sum + diagonal[j]
    }

    /// P_ij.
    func entry(_ i: Int, _ j: Int) -> Double {
        var sum = 0.0
        for (left, right) in zip(root.column(i), root.column(j)) { sum += left * right }
        return weight * sum + (i == j ? diagonal[i] : 0)
    }

    /// The largest magnitude of an entry: of a positive semidefinite matrix it is on the diagonal.
    var largestEntry: Double { diagonal.indices.reduce(0) { max($0, diagonalEntry($1)) } }

    /// P x.
    func times(_ x: [Double]) -> [Double] {
        var result = root.transposedTimes(root.times(x))
        for j in result.indices { result[j] = weight * result[j] + diagonal[j] * x[j] }
        return result
    }

    /// P_jj times the square of each column's factor, and P_ij in proportion.
    mutating func scale(columns factors: [Double]) {
        let k = rank
        for (j, factor) in factors.enumerated() where factor != 1 {
            for f in 0..<k { root.elements[j * k + f] *= factor }
            diagonal[j] *= factor * factor
        }
    }

    /// P times a positive factor.
    mutating func scale(by factor: Double) {
        weight *= factor
        for j in diagonal.indices { diagonal[j] *= factor }
    }

    /// P over the given variables.
    func selecting(_ variables: [Int]) -> FactoredQuadratic {
        FactoredQuadratic(
            root: root.selecting(rows: Array(0..<rank), columns: variables),
            diagonal: variables.map { diagonal[$0] },
            weight: weight
        )
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
            if !hasNonsymmetricCone, let model = curvature.inParts {
                guard let parts = FactoredQuadratic(model) else { return nil }
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
