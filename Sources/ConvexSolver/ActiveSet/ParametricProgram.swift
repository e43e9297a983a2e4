/// A convex quadratic program with few rows whose linear term moves along a line:
///
///     minimise   ½ xᵀPx + (q + λ p)ᵀx + Σ cᵢ |xᵢ − aᵢ|
///     subject to lower ≤ x ≤ upper,  rowLower ≤ Ax ≤ rowUpper,  Σ |xᵢ − aᵢ| ≤ τ
///
/// The absolute values are kinks at the points aᵢ and stay kinks: no variable is split.
public struct ParametricProgram: Sendable {
    /// P, n × n, positive semidefinite.
    public var curvature: Curvature
    /// q, n.
    public var linear: [Double]
    /// p, n; nil when nothing moves.
    public var direction: [Double]?
    /// Lower bounds, n, finite.
    public var lower: [Double]
    /// Upper bounds, n, finite.
    public var upper: [Double]
    /// The rows of A with their bounds.
    public var rows: [Row]
    /// The kinks, nil when there are none.
    public var kinks: Kinks?

    /// One general row, lower ≤ aᵀx ≤ upper; equal bounds make an equation, infinite ones no bound.
    public struct Row: Sendable {
        /// a, n.
        public var coefficients: [Double]
        /// The lower bound, −∞ for none.
        public var lower: Double
        /// The upper bound, +∞ for none.
        public var upper: Double

        /// Makes a row of its parts.
        public init(coefficients: [Double], lower: Double, upper: Double) {
            self.coefficients = coefficients
            self.lower = lower
            self.upper = upper
        }
    }

    /// Costs proportional to |xᵢ − aᵢ|, and a limit on their sum.
    public struct Kinks: Sendable {
        /// a, n, each within its bounds.
        public var positions: [Double]
        /// c, n, none of them negative.
        public var costs: [Double]
        /// τ, +∞ for none.
        public var limit: Double

        /// Makes kinks of their parts.
        public init(positions: [Double], costs: [Double], limit: Double = .infinity) {
            self.positions = positions
            self.costs = costs
            self.limit = limit
        }
    }

    /// Makes a program of its parts; the solver checks that they fit together.
    public init(
        curvature: Curvature,
        linear: [Double],
        direction: [Double]? = nil,
        lower: [Double],
        upper: [Double],
        rows: [Row],
        kinks: Kinks? = nil
    ) {
        self.curvature = curvature
        self.linear = linear
        self.direction = direction
        self.lower = lower
        self.upper = upper
        self.rows = rows
        self.kinks = kinks
    }

    /// n.
    public var variableCount: Int { linear.count }
}
