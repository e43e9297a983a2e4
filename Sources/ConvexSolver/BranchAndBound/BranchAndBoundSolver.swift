/// Minimises a convex objective where each of several disjunctions must hold on one of its sides.
///
/// Best-first search with dives: after branching the search follows the nearer side until the dive ends, and then takes
/// up the open node with the lowest bound. Deterministic; memory grows with the open nodes only.
/// - SeeAlso: Land & Doig, Econometrica 28 (1960); Dakin, Computer Journal 8 (1965).
public struct BranchAndBoundSolver: Sendable {
    private let problem: ConicProblem
    private let disjunctions: [Disjunction]
    private let implied: [LinearRow]
    private let mostOn: Int?
    private let settings: SolverSettings

    /// Prepares a search; nothing is computed yet.
    ///
    /// - Parameters:
    ///   - problem: what holds whatever is chosen.
    ///   - disjunctions: the choices.
    ///   - mostOn: how many disjunctions may be on their `on` side; nil for any number.
    ///   - implied: rows that every solution meets and its relaxations may not: they make bounds tighter.
    ///   - settings: the constants that steer the search.
    public init(
        _ problem: ConicProblem,
        disjunctions: [Disjunction],
        mostOn: Int? = nil,
        implied: [LinearRow] = [],
        settings: SolverSettings = SolverSettings()
    ) {
        self.problem = problem
        self.disjunctions = disjunctions
        self.mostOn = mostOn
        self.implied = implied
        self.settings = settings
    }

    /// Searches until the gap is closed or a limit is reached.
    ///
    /// - Parameter shouldStop: asked once an interior-point iteration; true ends the search with the best found so far.
    /// - Throws: ``SolverError`` when the parts of the problem or of a disjunction do not fit together or are not finite.
    /// - Returns: the best solution found, with a proven bound and gap.
    public func solve(shouldStop: () -> Bool = { false }) throws(SolverError) -> BranchAndBoundResult {
        try Validation.check(problem)
        try Validation.check(disjunctions, variableCount: problem.variableCount)
        try Validation.check([Disjunction(off: implied, on: [])], variableCount: problem.variableCount)
        var search = BranchAndBoundSearch(
            problem,
            disjunctions: disjunctions,
            mostOn: mostOn,
            implied: implied,
            settings: settings
        )
        while let node = search.nextNode() {
            if search.reachedLimit || shouldStop() { return search.stopped(at: node) }
            let relaxation = try search.relax(node, shouldStop: shouldStop)
            switch search.judge(relaxation, of: node) {
            case .stopped: return search.stopped(at: node)
            case .unbounded: return search.unbounded()
            case .closed: continue
            case .open(let bound):
                guard let choice = search.branching(relaxation, of: node, bound: bound) else {
                    if try search.accept(relaxation, of: node, bound: bound, shouldStop: shouldStop) { continue }
                    search.branchOnFirstOpen(node, bound: bound)
                    continue
                }
                try search.roundIfDue(relaxation, of: node, shouldStop: shouldStop)
                search.branch(node, on: choice, bound: bound)
            }
        }
        return search.finished()
    }
}
