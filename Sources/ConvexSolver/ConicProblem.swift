public import Matrices

/// A convex program: minimise ½xᵀPx + qᵀx subject to Ax + s = b, s ∈ K.
///
/// K is the product of `cones`, in the order of the rows of A.
public struct ConicProblem: Sendable {
    /// P, n × n, symmetric positive semidefinite; both triangles are stored.
    public var quadratic: DenseMatrix
    /// q, n.
    public var linear: [Double]
    /// A, m × n.
    public var constraints: DenseMatrix
    /// b, m.
    public var bounds: [Double]
    /// The cones whose product is K; their dimensions sum to m.
    public var cones: [Cone]

    /// Makes a problem of its parts; the solver checks that they fit together.
    public init(
        quadratic: DenseMatrix,
        linear: [Double],
        constraints: DenseMatrix,
        bounds: [Double],
        cones: [Cone]
    ) {
        self.quadratic = quadratic
        self.linear = linear
        self.constraints = constraints
        self.bounds = bounds
        self.cones = cones
    }

    /// n, the number of variables.
    public var variableCount: Int { linear.count }
    /// m, the number of rows.
    public var rowCount: Int { bounds.count }
}

/// A convex cone, of a given dimension.
public enum Cone: Equatable, Sendable {
    /// {0}: equality rows.
    case zero(Int)
    /// The nonnegative orthant: inequality rows aᵀx ≤ b.
    case nonnegative(Int)
    /// {(t, u) : ‖u‖ ≤ t}, first coordinate t.
    case secondOrder(Int)
    /// The closure of {(x, y, z) : y > 0, y exp(x/y) ≤ z}.
    case exponential
    /// {(x, y, z) : x^α y^(1−α) ≥ |z|, x, y ≥ 0} for an exponent α strictly between 0 and 1.
    case power(Double)

    /// The number of rows it takes.
    public var dimension: Int {
        switch self {
        case .zero(let dimension), .nonnegative(let dimension), .secondOrder(let dimension): dimension
        case .exponential, .power: 3
        }
    }
}
