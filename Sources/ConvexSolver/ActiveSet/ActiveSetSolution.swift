/// A solution of a parametric program at one parameter, with what proves it.
public struct ActiveSetSolution: Sendable {
    /// x, n.
    public var point: [Double]
    /// The multipliers of the rows: ≥ 0 at an upper bound, ≤ 0 at a lower one, 0 for a row that does not hold.
    public var multipliers: [Double]
    /// The multiplier of the limit on Σ|x − a|; 0 when it does not hold.
    public var limitMultiplier: Double
    /// The parameter λ.
    public var parameter: Double
    /// How far the point and its multipliers are from optimal, recomputed from the data.
    public var check: ActiveSetCheck
    /// How the work was spread.
    public var effort: ActiveSetEffort
    /// What found it.
    public var method = Method.activeSet

    /// The methods that find solutions.
    public enum Method: Sendable {
        case activeSet
        /// Where the active-set method did not finish.
        case interiorPoint
    }
}

/// How much work a solve took.
public struct ActiveSetEffort: Equatable, Sendable {
    /// Rounds of pricing all variables.
    public var pricings = 0
    /// Rounds of the primal–dual guess.
    public var guesses = 0
    /// Events of walks.
    public var steps = 0
    /// Variables that were ever considered.
    public var considered = 0
    /// Free variables at the end.
    public var free = 0
}

/// How a solve that gave no solution ended.
public enum ActiveSetFailure: Error, Equatable, Sendable {
    /// Nothing meets the rows and bounds.
    ///
    /// Of a solve this is certain: a certificate of the interior point was checked against the data. Of a path it is what
    /// the walk found.
    case infeasible
    /// The method could not finish, for this reason; another one should be asked.
    case unfinished(Difficulty)
    /// The parts do not fit together, or a number is not finite.
    case invalid
    /// `shouldStop` answered true.
    case stopped

    /// What kept the method from finishing.
    public enum Difficulty: Equatable, Sendable {
        /// No regular system: P is singular on the free variables, or rows depend on each other.
        case singular
        /// The walk made no progress.
        case stalled
        /// More rounds of pricing than the limit.
        case pricing
        /// The optimality conditions, recomputed from the data, are not met closely enough.
        case inaccurate
        /// No point makes the numerator of the ratio positive.
        case noGain
    }
}
