internal import LinearAlgebra
internal import Matrices

/// A convex program whose rows are kept by their entries and whose curvature may be a factor model.
///
/// It says what a ``ConicProblem`` says, in the memory of what is there: minimise ½xᵀPx + qᵀx subject to Ax + s = b,
/// s ∈ K, K the product of `cones` in the order of the rows.
public struct SparseProgram: Sendable {
    /// A row of A: its entries, each column once.
    public struct Row: Sendable {
        /// The columns that have an entry.
        public var columns: [Int]
        /// The entries.
        public var coefficients: [Double]

        /// Makes a row of its entries.
        public init(columns: [Int], coefficients: [Double]) {
            self.columns = columns
            self.coefficients = coefficients
        }
    }

    /// P over all variables; nil for a linear objective.
    public var curvature: Curvature?
    /// q, n.
    public var linear: [Double]
    /// The rows of A.
    public var rows: [Row]
    /// b, m.
    public var bounds: [Double]
    /// The cones whose product is K; their dimensions sum to m.
    public var cones: [Cone]

    /// Makes a program of its parts; the solver checks that they fit together.
    public init(curvature: Curvature?, linear: [Double], rows: [Row], bounds: [Double], cones: [Cone]) {
        self.curvature = curvature
        self.linear = linear
        self.rows = rows
        self.bounds = bounds
        self.cones = cones
    }

    /// n, the number of variables.
    public var variableCount: Int { linear.count }

    /// The same program with P and A as matrices, for methods that need them.
    public var multipliedOut: ConicProblem {
        let n = variableCount
        var constraints = DenseMatrix(rows: rows.count, columns: n)
        for (i, row) in rows.enumerated() {
            for (column, value) in zip(row.columns, row.coefficients) { constraints[i, column] += value }
        }
        return ConicProblem(
            quadratic: curvature?.multipliedOut ?? DenseMatrix(rows: n, columns: n),
            linear: linear,
            constraints: constraints,
            bounds: bounds,
            cones: cones
        )
    }
}

extension Curvature {
    /// The numbers it is made of, each part with its name.
    fileprivate var stored: [(values: [Double], what: String)] {
        switch self {
        case .dense(let matrix): [(matrix.elements, "P")]
        case .factors(let model):
            [(model.exposures.elements, "B"), (model.factorCovariance.elements, "F"), (model.residual, "D")]
        case .padded(let base, _, let constant): base.stored + [([constant], "the constant of P")]
        case .stages(let stages): stages.flatMap(\.stored)
        }
    }

    /// The curvature as factor models, one a stage; nil for a matrix.
    ///
    /// A constant on every entry is a factor to which all are exposed.
    var inParts: [FactorCurvature]? {
        switch self {
        case .dense: return nil
        case .factors(let model): return [model]
        case .stages(let stages):
            var models: [FactorCurvature] = []
            for stage in stages {
                guard let parts = stage.inParts, parts.count == 1 else { return nil }
                models += parts
            }
            return models
        case .padded(let base, let more, let constant):
            guard let parts = base.inParts, parts.count == 1, let model = parts.first, constant >= 0 else { return nil }
            let (k, n) = (model.exposures.rows, model.residual.count + more)
            var exposures = DenseMatrix(rows: k + 1, columns: n)
            for j in 0..<n {
                exposures[k, j] = 1
                guard j < model.residual.count else { continue }
                for f in 0..<k { exposures[f, j] = model.exposures[f, j] }
            }
            var factors = DenseMatrix(rows: k + 1, columns: k + 1)
            for g in 0..<k {
                for f in 0..<k { factors[f, g] = model.factorCovariance[f, g] }
            }
            factors[k, k] = constant
            return [
                FactorCurvature(
                    exposuresTransposed: exposures,
                    factorCovariance: factors,
                    residual: model.residual + [Double](repeating: 0, count: more)
                )
            ]
        }
    }

    /// P as a matrix.
    var multipliedOut: DenseMatrix {
        if case .dense(let matrix) = self { return matrix }
        var result = DenseMatrix(rows: order, columns: order)
        for j in 0..<order {
            var column = [Double](repeating: 0, count: order)
            [Int32(j)].withUnsafeBufferPointer { addProduct(held: $0, values: [1], into: &column) }
            for i in 0..<order { result[i, j] = column[i] }
        }
        return result
    }
}

extension Validation {
    /// Throws the first mistake found.
    static func check(_ program: SparseProgram) throws(SolverError) {
        let n = program.variableCount
        func expect(_ actual: Int, _ expected: Int, _ what: String) throws(SolverError) {
            guard actual != expected else { return }
            throw SolverError.dimensionMismatch(what: what, expected: expected, actual: actual)
        }
        func finite(_ values: [Double], _ what: String) throws(SolverError) {
            for (index, value) in values.enumerated() where !value.isFinite {
                throw SolverError.notFinite(what: what, index: index)
            }
        }
        if let curvature = program.curvature {
            try expect(curvature.order, n, "order of P")
            for (values, what) in curvature.stored { try finite(values, what) }
        }
        try expect(program.bounds.count, program.rows.count, "entries of b")
        for row in program.rows {
            try expect(row.coefficients.count, row.columns.count, "coefficients of a row")
            for column in row.columns where !(0..<n).contains(column) {
                throw SolverError.dimensionMismatch(what: "column of a row", expected: n, actual: column)
            }
            try finite(row.coefficients, "A")
        }
        guard program.cones.allSatisfy({ $0.dimension >= 0 }) else {
            throw SolverError.dimensionMismatch(what: "smallest cone dimension", expected: 0, actual: -1)
        }
        try checkExponents(program.cones)
        try expect(program.cones.reduce(0) { $0 + $1.dimension }, program.rows.count, "dimension of the cones")
        try finite(program.linear, "q")
        try finite(program.bounds, "b")
    }
}
