public import Matrices

/// A piecewise linear program: minimise cᵀx + Σ qₜ max(ℓₜᵀx − eₜ, 0) under rows and bounds.
///
/// One hinge a scenario: shortfalls, absolute deviations (two hinges) and worst cases all have this form. The rows are
/// Ax ≤ b, of which the first `equationCount` hold with equality.
public struct HingeProgram: Sendable {
    /// c, n.
    public var linear: [Double]
    /// L, T × n: row t is ℓₜ.
    public var hinges: DenseMatrix
    /// e, T.
    public var offsets: [Double]
    /// q, T, none negative.
    public var weights: [Double]
    /// A, m × n.
    public var rows: DenseMatrix
    /// b, m.
    public var bounds: [Double]
    /// How many of the rows, from the first, are equations.
    public var equationCount: Int
    /// Lower bounds of x, −∞ where there is none.
    public var lower: [Double]
    /// Upper bounds of x, +∞ where there is none.
    public var upper: [Double]

    /// Makes a program of its parts; the solver checks that they fit together.
    public init(
        linear: [Double],
        hinges: DenseMatrix,
        offsets: [Double],
        weights: [Double],
        rows: DenseMatrix,
        bounds: [Double],
        equationCount: Int,
        lower: [Double],
        upper: [Double]
    ) {
        self.linear = linear
        self.hinges = hinges
        self.offsets = offsets
        self.weights = weights
        self.rows = rows
        self.bounds = bounds
        self.equationCount = equationCount
        self.lower = lower
        self.upper = upper
    }

    /// n, the number of variables.
    public var variableCount: Int { linear.count }
    /// T, the number of hinges.
    public var hingeCount: Int { offsets.count }
    /// m, the number of rows.
    public var rowCount: Int { bounds.count }

    /// The same program with a variable above each hinge, for the interior-point method: variables x and T slacks.
    ///
    /// Rows in order: the program's own, the hinges, the slacks' signs, the finite bounds of x.
    public var conicForm: ConicProblem {
        let (n, count, limits) = (variableCount, hingeCount, rowCount)
        let lowerBounded = (0..<n).filter { lower[$0].isFinite }
        let upperBounded = (0..<n).filter { upper[$0].isFinite }
        let height = limits + 2 * count + lowerBounded.count + upperBounded.count
        var matrix = DenseMatrix(rows: height, columns: n + count)
        for j in 0..<n {
            for i in 0..<limits { matrix[i, j] = rows[i, j] }
            for t in 0..<count { matrix[limits + t, j] = hinges[t, j] }
        }
        for t in 0..<count {
            matrix[limits + t, n + t] = -1
            matrix[limits + count + t, n + t] = -1
        }
        let start = limits + 2 * count
        for (i, j) in lowerBounded.enumerated() { matrix[start + i, j] = -1 }
        for (i, j) in upperBounded.enumerated() { matrix[start + lowerBounded.count + i, j] = 1 }
        let signs = [Double](repeating: 0, count: count)
        return ConicProblem(
            quadratic: DenseMatrix(rows: n + count, columns: n + count),
            linear: linear + weights,
            constraints: matrix,
            bounds: bounds + offsets + signs + lowerBounded.map { -lower[$0] } + upperBounded.map { upper[$0] },
            cones: [.zero(equationCount), .nonnegative(height - equationCount)]
        )
    }

    /// Refuses parts that do not fit together, and numbers that are none.
    func validate() throws(SolverError) {
        let sizes = [
            ("columns of hinges", variableCount, hinges.columns), ("rows of hinges", hingeCount, hinges.rows),
            ("weights", hingeCount, weights.count), ("columns of rows", variableCount, rows.columns),
            ("rows", rowCount, rows.rows), ("lower", variableCount, lower.count), ("upper", variableCount, upper.count),
            ("equations", min(max(equationCount, 0), rowCount), equationCount),
        ]
        for (what, expected, actual) in sizes where expected != actual {
            throw SolverError.dimensionMismatch(what: what, expected: expected, actual: actual)
        }
        let parts = [
            ("linear", linear), ("hinges", hinges.elements), ("offsets", offsets), ("weights", weights),
            ("rows", rows.elements), ("bounds", bounds),
        ]
        for (what, values) in parts {
            if let index = values.firstIndex(where: { !$0.isFinite }) {
                throw SolverError.notFinite(what: what, index: index)
            }
        }
        if let index = weights.firstIndex(where: { $0 < 0 }) {
            throw SolverError.negative(what: "weights", index: index)
        }
        if let index = lower.firstIndex(where: { $0.isNaN || $0 == .infinity }) {
            throw SolverError.notFinite(what: "lower", index: index)
        }
        if let index = upper.firstIndex(where: { $0.isNaN || $0 == -.infinity }) {
            throw SolverError.notFinite(what: "upper", index: index)
        }
    }
}

/// A point of a hinge program with the multipliers that prove how good it is.
public struct HingeSolution: Equatable, Sendable {
    /// How the solve ended.
    public var status: SolverStatus
    /// x, n.
    public var primal: [Double]
    /// y, T: 0 below the kink, qₜ above it, between the two on it.
    public var hingeMultipliers: [Double]
    /// λ, m; with ``SolverStatus/primalInfeasible`` the multipliers that prove it.
    public var rowMultipliers: [Double]
    /// Pivots taken, those of the search for a feasible point included.
    public var iterations: Int
    /// Where the walk ended: a start for a program that differs a little.
    public var vertex: HingeVertex
    /// What the data say of the point.
    public var check: HingeCheck
}

/// A vertex of a hinge program: a point, the variables that are free and the rows that hold them.
public struct HingeVertex: Equatable, Sendable {
    /// x, n.
    public var primal: [Double]
    /// The free variables.
    public var free: [Int]
    /// The hinges on their kink.
    public var hinges: [Int]
    /// The active rows.
    public var rows: [Int]

    /// Makes a vertex of its parts.
    public init(primal: [Double], free: [Int], hinges: [Int], rows: [Int]) {
        self.primal = primal
        self.free = free
        self.hinges = hinges
        self.rows = rows
    }
}
