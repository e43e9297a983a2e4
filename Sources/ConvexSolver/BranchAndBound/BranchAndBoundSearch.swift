/// The state of a search, and its steps.
struct BranchAndBoundSearch {
    /// What the relaxation of a node came to.
    enum Relaxed {
        /// A point, a lower bound, and the exact solution when the method that found it gives one.
        case solved(x: [Double], bound: Double, exact: ConicSolution?)
        case infeasible
        case unbounded
        case stopped
        /// No method found an answer: it proves nothing.
        case unsolved
    }

    /// What a relaxation says about its node.
    enum Verdict: Equatable {
        /// Nothing below it is worth looking at.
        case closed
        /// Solutions below it are at least `bound`.
        case open(bound: Double)
        case unbounded
        case stopped
    }

    private let relaxation: NodeRelaxation
    private var program: NodeProgram?
    private let rule: BranchingRule
    private let settings: SolverSettings
    private let objectiveFloor: Double
    private var costs: PseudoCosts
    /// Where the node at hand ended, for its children to begin.
    private var start = DualWorkingSet()
    private var queue = NodeQueue()
    private var incumbent: Incumbent?
    private var nodes = 0
    private var treeNodes = 0
    private var interiorIterations = 0
    private var created = 1
    /// The lowest bound of all nodes closed without being solved out: no solution is below it or the incumbent.
    private var closedBound = Double.infinity

    init(
        _ problem: ConicProblem,
        disjunctions: [Disjunction],
        mostOn: Int?,
        implied: [LinearRow],
        settings: SolverSettings
    ) {
        relaxation = NodeRelaxation(problem, disjunctions: disjunctions, settings: settings)
        program = NodeProgram(problem, disjunctions: disjunctions, implied: implied, settings: settings)
        let scale = ProblemScale(PreparedProblem(problem))
        objectiveFloor = scale.objectiveFloor
        rule = BranchingRule(
            disjunctions,
            mostOn: mostOn,
            variableScale: scale.variable,
            tolerance: settings.disjunctionTolerance
        )
        self.settings = settings
        costs = PseudoCosts(disjunctionCount: disjunctions.count)
        let sides = [DisjunctionSide?](repeating: nil, count: disjunctions.count)
        queue.insert(Node(sides: rule.completed(sides), bound: -.infinity, sequence: 0))
    }

    var reachedLimit: Bool { nodes >= settings.maximumNodes }

    // MARK: Steps

    /// The next node that may still hold something better than the incumbent.
    mutating func nextNode() -> Node? {
        while let node = queue.next() {
            if node.bound < cutoff { return node }
            closedBound = min(closedBound, node.bound)
        }
        return nil
    }

    /// Solves the relaxation of a node: by the quick method, and exactly when that leaves hope for a new incumbent.
    mutating func relax(_ node: Node, shouldStop: () -> Bool) throws(SolverError) -> Relaxed {
        switch program?.solve(node.sides, from: node.start) {
        case .solved(let x, let bound) where !node.isDecided || bound >= cutoff:
            nodes += 1
            return .solved(x: x, bound: bound, exact: nil)
        case .infeasible:
            nodes += 1
            return .infeasible
        case .solved, .undecided, nil: break
        }
        let solution = try solve(node.sides, shouldStop: shouldStop)
        switch solution.status {
        case .solved, .almostSolved:
            let bound = solution.objective - solution.relativeGap * solution.objective.magnitude
            return .solved(x: solution.primal, bound: bound, exact: solution)
        case .primalInfeasible: return .infeasible
        case .dualInfeasible: return .unbounded
        case .stopped: return .stopped
        case .iterationLimit, .stalled: return .unsolved
        }
    }

    /// Solves the relaxation with the given sides decided, exactly.
    private mutating func solve(
        _ sides: [DisjunctionSide?],
        shouldStop: () -> Bool
    ) throws(SolverError) -> ConicSolution {
        let solution = try relaxation.solve(sides, shouldStop: shouldStop)
        nodes += 1
        interiorIterations += solution.iterations
        return solution
    }

    /// Decides what a relaxation means for its node.
    mutating func judge(_ relaxed: Relaxed, of node: Node) -> Verdict {
        treeNodes += 1
        switch relaxed {
        case .infeasible: return .closed
        case .stopped: return .stopped
        case .unbounded: return node.isDecided ? .unbounded : .open(bound: -.infinity)
        case .solved(_, let relaxedBound, _):
            let bound = max(node.bound, relaxedBound)
            if let decision = node.decision, node.bound.isFinite {
                costs.record(
                    decision.disjunction,
                    decision.side,
                    gain: relaxedBound - node.bound,
                    violation: decision.violation
                )
            }
            guard bound < cutoff else {
                closedBound = min(closedBound, bound)
                return .closed
            }
            return .open(bound: bound)
        case .unsolved:
            // An unsolved node proves nothing: its parent's bound stays.
            guard node.isDecided else { return .open(bound: node.bound) }
            closedBound = min(closedBound, node.bound)
            return .closed
        }
    }

    /// Tries the nearer side of every open disjunction at once, at the root and now and then.
    mutating func roundIfDue(
        _ relaxed: Relaxed,
        of node: Node,
        shouldStop: () -> Bool
    ) throws(SolverError) {
        let isDue = treeNodes == 1 || treeNodes % settings.heuristicInterval == 0
        guard isDue, !node.isDecided, case .solved(let x, _, _) = relaxed else { return }
        try consider(rule.rounded(node.sides, at: x), shouldStop: shouldStop)
    }

    /// The disjunction to decide next; nil when the relaxation satisfies all of them.
    ///
    /// The one whose two sides are expected to raise the bound most, by what deciding it has cost so far. Of those that
    /// have hardly been decided yet, the most violated are tried on both sides.
    mutating func branching(_ relaxed: Relaxed, of node: Node, bound: Double) -> BranchingRule.Candidate? {
        start = program?.working ?? DualWorkingSet()
        program?.keep()
        guard case .solved(let x, _, let exact) = relaxed else {
            return node.sides.firstIndex { $0 == nil }.map { BranchingRule.Candidate(disjunction: $0, off: 0, on: 1) }
        }
        let candidates = rule.unsettled(node.sides, at: x)
        guard exact == nil, candidates.count > 1 else { return candidates.first }
        var best: (candidate: BranchingRule.Candidate, score: Double)?
        var trials = settings.branchingTrials
        for candidate in candidates {
            var gains = (
                off: costs.estimate(candidate.disjunction, .off, violation: candidate.off),
                on: costs.estimate(candidate.disjunction, .on, violation: candidate.on)
            )
            if trials > 0, costs.reliability(candidate.disjunction) < settings.branchingReliability {
                trials -= 1
                gains.off = tried(candidate, .off, of: node, bound: bound)
                gains.on = tried(candidate, .on, of: node, bound: bound)
                // A side that holds nothing leaves one child only.
                if gains.off == .infinity || gains.on == .infinity { return candidate }
            }
            let least = settings.leastGain * max(bound.magnitude, objectiveFloor)
            let score = max(gains.off, least) * max(gains.on, least)
            if score > best?.score ?? -1 { best = (candidate, score) }
        }
        return best?.candidate
    }

    /// The rise of the bound when a side is decided, infinite when nothing better than the incumbent is left.
    private mutating func tried(
        _ candidate: BranchingRule.Candidate,
        _ side: DisjunctionSide,
        of node: Node,
        bound: Double
    ) -> Double {
        var sides = node.sides
        sides[candidate.disjunction] = side
        sides = rule.completed(sides)
        let violation = candidate.violation(side)
        switch program?.solve(sides, from: start) {
        case .infeasible: return .infinity
        case .solved(_, let childBound):
            costs.record(candidate.disjunction, side, gain: childBound - bound, violation: violation)
            return childBound >= cutoff ? .infinity : childBound - bound
        case .undecided, nil: return costs.estimate(candidate.disjunction, side, violation: violation)
        }
    }

    /// Takes a relaxation that satisfies every disjunction; false when that did not settle its node.
    mutating func accept(
        _ relaxed: Relaxed,
        of node: Node,
        bound: Double,
        shouldStop: () -> Bool
    ) throws(SolverError) -> Bool {
        guard case .solved(let x, _, let exact) = relaxed else { return true }
        if node.isDecided, let exact {
            replaceIncumbent(exact, sides: node.sides.compactMap { $0 })
            return true
        }
        // Satisfied within a tolerance is not satisfied: the chosen sides are imposed and the problem solved once more.
        try consider(rule.rounded(node.sides, at: x), shouldStop: shouldStop)
        // Imposing them may have cost more than the gap, or have failed; then other choices are still open.
        guard bound >= cutoff else { return false }
        closedBound = min(closedBound, bound)
        return true
    }

    /// Splits a node; the nearer side is looked at next.
    mutating func branch(_ node: Node, on choice: BranchingRule.Candidate, bound: Double) {
        func child(_ side: DisjunctionSide, sequence: Int) -> Node {
            var child = node.child(choice.disjunction, side, bound: bound, sequence: sequence, start: start)
            child.sides = rule.completed(child.sides)
            child.decision = Node.Decision(
                disjunction: choice.disjunction,
                side: side,
                violation: choice.violation(side)
            )
            return child
        }
        queue.insert(child(choice.nearer.opposite, sequence: created + 1))
        queue.follow(child(choice.nearer, sequence: created))
        created += 2
    }

    /// Splits a node on its first open disjunction.
    mutating func branchOnFirstOpen(_ node: Node, bound: Double) {
        guard let disjunction = node.sides.firstIndex(where: { $0 == nil }) else { return }
        branch(node, on: BranchingRule.Candidate(disjunction: disjunction, off: 0, on: 1), bound: bound)
    }

    // MARK: Incumbent

    private var cutoff: Double { incumbent?.cutoff(relativeGap: settings.relativeGap) ?? .infinity }

    private func isUsable(_ solution: ConicSolution) -> Bool {
        solution.status == .solved || solution.status == .almostSolved
    }

    /// Solves with all sides decided, and keeps the solution if there is one and it is better.
    private mutating func consider(_ sides: [DisjunctionSide], shouldStop: () -> Bool) throws(SolverError) {
        let solution = try solve(sides, shouldStop: shouldStop)
        if isUsable(solution) { replaceIncumbent(solution, sides: sides) }
    }

    private mutating func replaceIncumbent(_ solution: ConicSolution, sides: [DisjunctionSide]) {
        if let incumbent, incumbent.objective <= solution.objective { return }
        incumbent = Incumbent(solution: solution, sides: sides, objectiveFloor: objectiveFloor)
    }

    // MARK: Results

    /// The result when no open node is left.
    func finished() -> BranchAndBoundResult {
        guard let incumbent else {
            // A node that could not be solved leaves the question open.
            let isProven = closedBound == .infinity
            return result(isProven ? .infeasible : .stoppedWithoutIncumbent, bound: closedBound)
        }
        let bound = min(closedBound, incumbent.objective)
        let gap = incumbent.relativeGap(to: bound)
        if gap <= settings.optimalityGap { return result(.optimal, bound: bound) }
        return result(gap <= settings.relativeGap ? .withinGap : .stoppedWithIncumbent, bound: bound)
    }

    /// The result when a limit ends the search before `node` was done.
    func stopped(at node: Node) -> BranchAndBoundResult {
        let open = min(queue.lowestBound, node.bound, closedBound)
        guard let incumbent else { return result(.stoppedWithoutIncumbent, bound: open) }
        return result(.stoppedWithIncumbent, bound: min(open, incumbent.objective))
    }

    /// The result when a decided node has no lower bound.
    func unbounded() -> BranchAndBoundResult { result(.unbounded, bound: -.infinity) }

    private func result(_ status: BranchAndBoundStatus, bound: Double) -> BranchAndBoundResult {
        BranchAndBoundResult(
            status: status,
            solution: incumbent?.solution,
            sides: incumbent?.sides ?? [],
            bound: bound,
            relativeGap: incumbent?.relativeGap(to: bound) ?? .infinity,
            nodes: nodes,
            iterations: interiorIterations + (program?.iterations ?? 0)
        )
    }
}
