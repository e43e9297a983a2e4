/// Minimises a convex quadratic function over points of which only a few entries may differ from zero, with a proof.
///
/// Best first: a node's bound is that of its perspective relaxation with the best diagonal, and settles by its prices most
/// of the choices at once; incumbents come from exchanges in the supports that relaxations suggest. Deterministic.
/// - SeeAlso: docs/mathematics.md, "Few of many".
public struct CardinalitySolver: Sendable {
    private let program: CardinalityProgram
    private let settings: CardinalitySettings

    /// Prepares a search; nothing is computed yet.
    public init(_ program: CardinalityProgram, settings: CardinalitySettings = CardinalitySettings()) {
        self.program = program
        self.settings = settings
    }

    /// Searches until the gap is closed or a limit is reached.
    ///
    /// - Parameter shouldStop: asked once a Newton step; true ends the search with the best found so far.
    /// - Throws: ``SolverError`` when the parts of the program do not fit together or are not finite.
    /// - Returns: the best point found, with a proven bound and gap.
    public func solve(shouldStop: () -> Bool = { false }) throws(SolverError) -> CardinalityResult {
        try program.check()
        var search = CardinalitySearch(program, settings: settings)
        search.startWithLargest(shouldStop: shouldStop)
        while let node = search.nextNode() {
            if search.reachedLimit || shouldStop() { return search.stopped(at: node) }
            if search.settle(node) || search.isEmpty(node, shouldStop: shouldStop) { continue }
            switch search.relax(node, shouldStop: shouldStop) {
            case .closed: continue
            case .stopped: return search.stopped(at: node)
            case .open(let node, let outcome):
                search.round(node, outcome, shouldStop: shouldStop)
                search.branch(node, outcome)
            }
        }
        return search.finished()
    }
}
