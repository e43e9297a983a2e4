public import Matrices

/// A convex quadratic program in which only a few variables may differ from zero.
///
///     minimise   ½ xᵀPx + qᵀx
///     subject to rowLower ≤ Ax ≤ rowUpper,  xᵢ = 0 or lowerᵢ ≤ xᵢ ≤ upperᵢ,  at most K of the xᵢ are not 0
///
/// A variable that is `always` in has its bounds whatever happens, and does not count.
public struct CardinalityProgram: Sendable {
    /// P, n × n, symmetric positive semidefinite; both triangles are stored.
    public var quadratic: DenseMatrix
    /// q, n.
    public var linear: [Double]
    /// Lower bounds of the variables that are in, n, finite; above 0 for a threshold.
    public var lower: [Double]
    /// Their upper bounds, n, finite.
    public var upper: [Double]
    /// The rows of A with their bounds.
    public var rows: [ParametricProgram.Row]
    /// K, how many variables may be in.
    public var mostIn: Int
    /// The variables that are in whatever is chosen, and do not count.
    public var always: Set<Int>

    /// Makes a program of its parts; the solver checks that they fit together.
    public init(
        quadratic: DenseMatrix,
        linear: [Double],
        lower: [Double],
        upper: [Double],
        rows: [ParametricProgram.Row],
        mostIn: Int,
        always: Set<Int> = []
    ) {
        self.quadratic = quadratic
        self.linear = linear
        self.lower = lower
        self.upper = upper
        self.rows = rows
        self.mostIn = mostIn
        self.always = always
    }

    /// n.
    public var variableCount: Int { linear.count }

    /// ½ xᵀPx + qᵀx.
    func objective(at x: [Double]) -> Double {
        var value = 0.0
        for j in x.indices where x[j] != 0 {
            var slope = 0.0
            for i in x.indices where x[i] != 0 { slope += quadratic[i, j] * x[i] }
            value += x[j] * (0.5 * slope + linear[j])
        }
        return value
    }

    /// Throws the first mistake found.
    func check() throws(SolverError) {
        let n = variableCount
        for (what, count) in [
            ("rows of P", quadratic.rows), ("columns of P", quadratic.columns), ("lower bounds", lower.count),
            ("upper bounds", upper.count),
        ] where count != n { throw SolverError.dimensionMismatch(what: what, expected: n, actual: count) }
        for row in rows where row.coefficients.count != n {
            throw SolverError.dimensionMismatch(
                what: "coefficients of a row",
                expected: n,
                actual: row.coefficients.count
            )
        }
        guard mostIn >= 0 else { throw SolverError.negative(what: "most variables in", index: 0) }
        for (what, values) in [
            ("P", quadratic.elements), ("q", linear), ("lower bounds", lower), ("upper bounds", upper),
            ("A", rows.flatMap(\.coefficients)),
        ] {
            for (index, value) in values.enumerated() where !value.isFinite {
                throw SolverError.notFinite(what: what, index: index)
            }
        }
        for (index, row) in rows.enumerated() where row.lower.isNaN || row.upper.isNaN {
            throw SolverError.notFinite(what: "bounds of rows", index: index)
        }
    }
}

/// What a search over supports found.
public struct CardinalityResult: Equatable, Sendable {
    /// How the search ended.
    public var status: BranchAndBoundStatus
    /// The best point found, exactly 0 where a variable is out; empty without one.
    public var point: [Double]
    /// Its objective; infinite without one.
    public var objective: Double
    /// A proven lower bound on the objective of every point.
    public var bound: Double
    /// (objective − bound) relative to the larger of them; infinite without a point.
    public var relativeGap: Double
    /// The largest violation of a bound or row, relative to the row's numbers.
    public var infeasibility: Double
    /// Relaxations solved.
    public var nodes: Int
    /// Newton steps over all relaxations.
    public var iterations: Int
    /// Supports solved exactly.
    public var supports: Int
    /// What the first relaxation proves its bound with; nil where none was solved.
    public var root: CardinalityRoot?
}

/// What the bound of the whole program, before any choice, follows from.
public struct CardinalityRoot: Equatable, Sendable {
    /// d with P − diag(d) positive semidefinite, n.
    public var diagonal: [Double]
    /// x̂, n.
    public var point: [Double]
    /// ν, one for each row: positive where its lower bound is pushed against.
    public var rows: [Double]
}

/// The constants that steer the search over supports.
public struct CardinalitySettings: Equatable, Sendable {
    /// Gap, relative to the objective, at which the search may end.
    public var relativeGap = 1e-6
    /// A gap up to this is reported as optimal, a larger one as within gap.
    public var optimalityGap = 1e-6
    /// Relaxations at most.
    public var maximumNodes = 100_000
    /// Newton steps of one relaxation at most.
    public var maximumSteps = 60
    /// A relaxation ends when all it may still gain is this share of what it misses the cutoff by.
    public var usefulGain = 0.3
    /// The share of the way to the boundary that a step may go.
    public var stepFraction = 0.95
    /// A step that would leave the positive definite matrices is shortened by this factor.
    public var backtracking = 0.8
    /// A step below this made no progress: the relaxation ends with the bound it has.
    public var smallestStep = 1e-6
    /// Added to the diagonal of P, as a share of its mean, and taken off the bound again: P may be singular.
    public var diagonalShift = 1e-10
    /// The share of its parent's diagonal that a relaxation begins with.
    public var inheritedDiagonal = 0.7
    /// Reducing a node by this share of its variables makes another relaxation worth more than branching.
    public var worthwhileReduction = 0.2
    /// Supports one improvement tries exactly before it gives up.
    public var exchangeTrials = 64
    /// Improvements of one support at most.
    public var maximumExchanges = 200
    /// A relative rise in the objective below this is no improvement.
    public var leastImprovement = 1e-10

    /// The settings the tests hold.
    public init() {}
}
