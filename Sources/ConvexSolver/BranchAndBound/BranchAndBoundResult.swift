/// How a search ended.
public enum BranchAndBoundStatus: Equatable, Sendable {
    /// The incumbent is the best there is, up to the optimality gap.
    case optimal
    /// The search ended early because the gap reached the one asked for.
    case withinGap
    /// No choice of sides has a solution.
    case infeasible
    /// Some choice of sides has solutions without a lower bound.
    case unbounded
    /// A limit ended the search; the incumbent is the best found.
    case stoppedWithIncumbent
    /// A limit ended the search before any solution was found.
    case stoppedWithoutIncumbent
}

/// What a search found.
public struct BranchAndBoundResult: Equatable, Sendable {
    /// How the search ended.
    public var status: BranchAndBoundStatus
    /// The incumbent, or nil without one.
    ///
    /// Its rows are those of the problem, followed by the equations and then the inequalities of the chosen sides.
    public var solution: ConicSolution?
    /// The chosen side of each disjunction; empty without an incumbent.
    public var sides: [DisjunctionSide]
    /// A proven lower bound on the objective.
    public var bound: Double
    /// (incumbent − bound) relative to the larger of them; infinite without an incumbent.
    public var relativeGap: Double
    /// Nodes solved, the heuristic's among them.
    public var nodes: Int
    /// Interior-point iterations over all nodes.
    public var iterations: Int

    /// Makes a result of its parts.
    public init(
        status: BranchAndBoundStatus,
        solution: ConicSolution?,
        sides: [DisjunctionSide],
        bound: Double,
        relativeGap: Double,
        nodes: Int,
        iterations: Int
    ) {
        self.status = status
        self.solution = solution
        self.sides = sides
        self.bound = bound
        self.relativeGap = relativeGap
        self.nodes = nodes
        self.iterations = iterations
    }
}
