/// A convex quadratic program with few rows whose linear term and costs move along a line.
///
///     minimise   ½ xᵀPx + (q + λ p)ᵀx + Σ (cᵢ + λ dᵢ) |xᵢ − aᵢ|
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
        /// d, n, none of them negative; nil when the costs do not move.
        public var costDirection: [Double]?
        /// τ, +∞ for none.
        public var limit: Double

        /// Makes kinks of their parts.
        public init(
            positions: [Double],
            costs: [Double],
            costDirection: [Double]? = nil,
            limit: Double = .infinity
        ) {
            self.positions = positions
            self.costs = costs
            self.costDirection = costDirection
            self.limit = limit
        }

        /// Whether a kink is one: something makes the slope jump there.
        func isFelt(_ j: Int) -> Bool { costs[j] > 0 || limit < .infinity || costDirection.map { $0[j] > 0 } ?? false }
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

    /// The program at one parameter, in which nothing moves.
    func at(_ parameter: Double) -> ParametricProgram {
        var fixed = self
        fixed.direction = nil
        fixed.kinks?.costDirection = nil
        guard parameter != 0 else { return fixed }
        if let direction { for j in direction.indices { fixed.linear[j] += parameter * direction[j] } }
        if let direction = kinks?.costDirection {
            for j in direction.indices { fixed.kinks?.costs[j] += parameter * direction[j] }
        }
        return fixed
    }

    /// n.
    public var variableCount: Int { linear.count }
}
