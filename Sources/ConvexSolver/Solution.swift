/// How a solve ended.
///
/// Infeasible is an answer, not an error: it comes with a certificate the caller can check.
public enum SolverStatus: Equatable, Sendable {
    /// Residuals and gap are within the tolerance.
    case solved
    /// Progress ended early, but residuals and gap are within the reduced tolerance.
    case almostSolved
    /// `dual` is a certificate: Aᵀz = 0, bᵀz < 0, z ∈ K*.
    case primalInfeasible
    /// `primal` is a certificate of unboundedness: Px = 0, qᵀx < 0, −Ax ∈ K.
    case dualInfeasible
    /// The iteration limit was reached.
    case iterationLimit
    /// `shouldStop` answered true.
    case stopped
    /// No step made progress.
    case stalled
}

/// A point, its multipliers, and how far they are from optimal.
///
/// With a certificate the objective is infinite (+∞ when infeasible, −∞ when unbounded), the vector that proves it is
/// scaled so that the product it lowers is −1, the other vectors are 0, and the residual holds the certificate's defect.
public struct ConicSolution: Equatable, Sendable {
    /// How the solve ended.
    public var status: SolverStatus
    /// x, n.
    public var primal: [Double]
    /// s, m.
    public var slack: [Double]
    /// z, m: Px + q + Aᵀz = 0, z ∈ K*.
    public var dual: [Double]
    /// ½xᵀPx + qᵀx.
    public var objective: Double
    /// ‖Ax + s − b‖∞ relative to the data.
    public var primalResidual: Double
    /// ‖Px + q + Aᵀz‖∞ relative to the data.
    public var dualResidual: Double
    /// (primal − dual objective) relative to the larger of them.
    public var relativeGap: Double
    /// Iterations taken.
    public var iterations: Int

    /// Makes a solution of its parts.
    public init(
        status: SolverStatus,
        primal: [Double],
        slack: [Double],
        dual: [Double],
        objective: Double,
        primalResidual: Double,
        dualResidual: Double,
        relativeGap: Double,
        iterations: Int
    ) {
        self.status = status
        self.primal = primal
        self.slack = slack
        self.dual = dual
        self.objective = objective
        self.primalResidual = primalResidual
        self.dualResidual = dualResidual
        self.relativeGap = relativeGap
        self.iterations = iterations
    }
}

/// A problem that cannot be solved as given; the caller must change it.
public enum SolverError: Error, Equatable, Sendable {
    /// A part has another size than the rest asks for.
    case dimensionMismatch(what: String, expected: Int, actual: Int)
    /// A part holds a NaN or an infinity.
    case notFinite(what: String, index: Int)
    /// A part that may not be negative is.
    case negative(what: String, index: Int)
    /// A part is outside the range in which it has a meaning.
    case outOfRange(what: String, index: Int)
}
