internal import Matrices

/// A part of the search: some variables are out, some are in, the rest may choose.
struct CardinalityNode {
    /// The variables that are not out, ascending.
    var variables: [Int]
    /// Whether each of them is in already.
    var isIn: [Bool]
    /// No point below has a lower objective.
    var bound: Double
    /// The order of creation, which breaks ties and so makes the search repeatable.
    var sequence: Int
    /// The diagonal to begin with, one entry for each variable.
    var diagonal: [Double]?

    /// The node without some of its variables.
    func dropping(_ places: Set<Int>) -> CardinalityNode {
        guard !places.isEmpty else { return self }
        var result = self
        let kept = variables.indices.filter { !places.contains($0) }
        result.variables = kept.map { variables[$0] }
        result.isIn = kept.map { isIn[$0] }
        result.diagonal = diagonal.map { all in kept.map { all[$0] } }
        return result
    }
}

/// The state of a search over supports, and its steps.
struct CardinalitySearch {
    /// What became of a node's relaxation.
    enum Verdict {
        case closed
        case stopped
        /// The node with all that its bound settled, and the choices of its relaxation.
        case open(CardinalityNode, PerspectiveRelaxation.Outcome)
    }

    private let program: CardinalityProgram
    private let settings: CardinalitySettings
    private let exchange: SupportExchange
    private var exactly: SupportProgram
    private var queue: [CardinalityNode] = []
    private var best: SupportProgram.Answer?
    /// Σ|qᵢxᵢ| at the best point.
    private var partSize = 0.0
    private var closedBound = Double.infinity
    private var created = 0
    private var nodes = 0
    private var iterations = 0
    private var root: CardinalityRoot?

    init(_ program: CardinalityProgram, settings: CardinalitySettings) {
        self.program = program
        self.settings = settings
        exchange = SupportExchange(program, settings: settings)
        exactly = SupportProgram(program)
        let variables = (0..<program.variableCount).filter { j in
            program.always.contains(j) || program.lower[j] <= program.upper[j]
        }
        let isIn = variables.map { program.always.contains($0) }
        insert(CardinalityNode(variables: variables, isIn: isIn, bound: -.infinity, sequence: 0))
    }

    var reachedLimit: Bool { nodes >= settings.maximumNodes }

    /// The objective from which on a node is not worth a look; a little short of the gap, so that rounding does not miss it.
    private var cutoff: Double {
        guard let best else { return .infinity }
        return best.objective - Self.shareOfGap * settings.relativeGap * size(of: best.objective)
    }

    /// The size that gaps are relative to: an objective whose parts cancel counts as a small share of them at least.
    private func size(of objective: Double) -> Double { max(objective.magnitude, Self.leastSize * partSize) }

    private static let shareOfGap = 0.999
    private static let leastSize = 1e-6

    /// The program of a node without its choices: what is open may be anything between 0 and its bounds.
    private func withoutChoices(_ node: CardinalityNode) -> ParametricProgram {
        var lower = [Double](repeating: 0, count: program.variableCount)
        var upper = lower
        for (place, j) in node.variables.enumerated() {
            lower[j] = node.isIn[place] ? program.lower[j] : min(0, program.lower[j])
            upper[j] = node.isIn[place] ? program.upper[j] : max(0, program.upper[j])
        }
        return ParametricProgram(
            curvature: .dense(program.quadratic),
            linear: program.linear,
            lower: lower,
            upper: upper,
            rows: program.rows
        )
    }

    // MARK: Steps

    /// The largest variables of the relaxation without choices, and what exchanges make of them.
    mutating func startWithLargest(shouldStop: () -> Bool) {
        guard let root = queue.first else { return }
        guard let solver = try? ActiveSetSolver(withoutChoices(root)),
            let solution = try? solver.solve(shouldStop: shouldStop)
        else { return }
        tryLargest(solution.point.map(\.magnitude), shouldStop: shouldStop)
    }

    /// The node with the lowest bound that may still hold something better.
    mutating func nextNode() -> CardinalityNode? {
        while let node = removeFirst() {
            if node.bound < cutoff { return node }
            closedBound = min(closedBound, node.bound)
        }
        return nil
    }

    /// Solves a node whose support is settled; false when it is not.
    mutating func settle(_ node: CardinalityNode) -> Bool {
        let counted = node.variables.indices.filter { node.isIn[$0] && !program.always.contains(node.variables[$0]) }
        let open = node.variables.indices.filter { !node.isIn[$0] }
        let isFull = counted.count >= program.mostIn
        // All that is open may be in at once, and being in costs nothing.
        let isFree =
            counted.count + open.count <= program.mostIn
            && open.allSatisfy { program.lower[node.variables[$0]] <= 0 && program.upper[node.variables[$0]] >= 0 }
        guard isFull || isFree || open.isEmpty else { return false }
        let places = isFull ? node.variables.indices.filter { node.isIn[$0] } : Array(node.variables.indices)
        switch exactly.solve(places.map { node.variables[$0] }) {
        case .infeasible: break
        case .unsolved: closedBound = min(closedBound, node.bound)
        case .solved(let answer):
            closedBound = min(closedBound, max(node.bound, answer.objective - answer.suboptimality))
            accept(answer)
        }
        return true
    }

    /// Whether nothing meets the rows even without the choices of a node, which its relaxation does not tell: the bound that
    /// it proves only grows, and the search would go through all supports.
    func isEmpty(_ node: CardinalityNode, shouldStop: () -> Bool) -> Bool {
        // With a point at hand the parts without any are few, and their bounds rise above the point's objective.
        guard best == nil else { return false }
        do throws(ActiveSetFailure) {
            _ = try ActiveSetSolver(withoutChoices(node)).solve(shouldStop: shouldStop)
            return false
        } catch {
            return error == .infeasible
        }
    }

    /// Solves the relaxation of a node, and takes out and in what its bound settles.
    mutating func relax(_ node: CardinalityNode, shouldStop: () -> Bool) -> Verdict {
        let part = PerspectiveProgram(program, variables: node.variables, isIn: node.isIn, settings: settings)
        nodes += 1
        guard var relaxation = PerspectiveRelaxation(part, diagonal: node.diagonal, settings: settings) else {
            // Without a bound of its own the node keeps its parent's.
            let even = part.isIn.map { $0 ? 1.0 : 0.5 }
            let bound = PerspectiveBound(value: node.bound, prices: even)
            return .open(node, PerspectiveRelaxation.Outcome(bound: bound, choices: even, diagonal: even, steps: 0))
        }
        let outcome = relaxation.solve(cutoff: cutoff, shouldStop: shouldStop)
        iterations += outcome.steps
        if nodes == 1, let proof = outcome.proof { root = wholeProgram(proof, part) }
        if outcome.isStopped { return .stopped }
        var node = node
        node.bound = max(node.bound, outcome.bound.value)
        guard node.bound < cutoff else {
            closedBound = min(closedBound, node.bound)
            return .closed
        }
        return .open(node, outcome)
    }

    /// Tries the variables that are furthest in.
    mutating func round(_ node: CardinalityNode, _ outcome: PerspectiveRelaxation.Outcome, shouldStop: () -> Bool) {
        var share = [Double](repeating: 0, count: program.variableCount)
        for (place, j) in node.variables.enumerated() { share[j] = outcome.choices[place] }
        tryLargest(share, shouldStop: shouldStop)
    }

    /// Takes out and in what a bound settles, and splits the node on the choice that matters most.
    mutating func branch(_ node: CardinalityNode, _ outcome: PerspectiveRelaxation.Outcome) {
        let part = PerspectiveProgram(program, variables: node.variables, isIn: node.isIn, settings: settings)
        let settled = part.settled(by: outcome.bound, cutoff: cutoff)
        // What is settled out or in holds nothing better than the cutoff.
        if !settled.out.isEmpty || !settled.in.isEmpty { closedBound = min(closedBound, cutoff) }
        var reduced = node
        reduced.diagonal = outcome.diagonal.map { settings.inheritedDiagonal * $0 }
        for place in settled.in { reduced.isIn[place] = true }
        let isMuchReduced = Double(settled.out.count) >= settings.worthwhileReduction * Double(node.variables.count)
        let open = part.free.filter { !settled.out.contains($0) && !settled.in.contains($0) }
        func worth(_ place: Int) -> Double {
            let share = outcome.choices[place]
            return min(share, 1 - share) * (outcome.bound.prices[place].magnitude + .leastNormalMagnitude)
        }
        let choice = open.max { (worth($0), $1) < (worth($1), $0) }
        guard let choice, !isMuchReduced else {
            insert(reduced.dropping(settled.out))
            return
        }
        insert(reduced.dropping(settled.out.union([choice])))
        reduced.isIn[choice] = true
        insert(reduced.dropping(settled.out))
    }

    /// A proof over the variables of a part, over all variables: those that are left out are 0.
    private func wholeProgram(_ proof: PerspectiveRelaxation.Proof, _ part: PerspectiveProgram) -> CardinalityRoot {
        let none = [Double](repeating: 0, count: program.variableCount)
        var root = CardinalityRoot(diagonal: none, point: none, rows: proof.rows)
        for (place, variable) in part.variables.enumerated() {
            root.point[variable] = proof.point[place]
            // What was added for a factor to exist is taken off again.
            if !part.isIn[place] { root.diagonal[variable] = max(0, proof.diagonal[place] - part.shift) }
        }
        return root
    }

    // MARK: Incumbent

    /// Improves the support of the largest of the given shares, if it was not seen before.
    private mutating func tryLargest(_ shares: [Double], shouldStop: () -> Bool) {
        let optional = shares.indices.filter { !program.always.contains($0) && program.lower[$0] <= program.upper[$0] }
        let largest = optional.sorted { (shares[$1], $0) < (shares[$0], $1) }.prefix(program.mostIn)
        let support = (largest.filter { shares[$0] > 0 } + program.always).sorted()
        guard !exactly.isKnown(support) else { return }
        guard let found = exchange.improve(support, exactly: &exactly, shouldStop: shouldStop) else { return }
        accept(found.answer)
    }

    private mutating func accept(_ answer: SupportProgram.Answer) {
        guard answer.objective < best?.objective ?? .infinity else { return }
        best = answer
        partSize = answer.point.indices.reduce(0) { $0 + (program.linear[$1] * answer.point[$1]).magnitude }
    }

    // MARK: Queue

    private mutating func insert(_ node: CardinalityNode) {
        var node = node
        node.sequence = created
        created += 1
        queue.append(node)
        var child = queue.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard Self.precedes(queue[child], queue[parent]) else { break }
            queue.swapAt(child, parent)
            child = parent
        }
    }

    private mutating func removeFirst() -> CardinalityNode? {
        guard let first = queue.first, let last = queue.popLast() else { return nil }
        guard !queue.isEmpty else { return first }
        queue[0] = last
        var parent = 0
        while true {
            var smallest = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < queue.count && Self.precedes(queue[child], queue[smallest]) { smallest = child }
            guard smallest != parent else { return first }
            queue.swapAt(parent, smallest)
            parent = smallest
        }
    }

    private static func precedes(_ a: CardinalityNode, _ b: CardinalityNode) -> Bool {
        a.bound != b.bound ? a.bound < b.bound : a.sequence < b.sequence
    }

    // MARK: Results

    /// The result when no open node is left.
    func finished() -> CardinalityResult {
        guard let best else {
            return result(closedBound == .infinity ? .infeasible : .stoppedWithoutIncumbent, bound: closedBound)
        }
        let bound = min(closedBound, best.objective)
        let gap = relativeGap(to: bound)
        if gap <= settings.optimalityGap { return result(.optimal, bound: bound) }
        return result(gap <= settings.relativeGap ? .withinGap : .stoppedWithIncumbent, bound: bound)
    }

    /// The result when a limit ends the search before `node` was done.
    func stopped(at node: CardinalityNode) -> CardinalityResult {
        let open = min(queue.first?.bound ?? .infinity, node.bound, closedBound)
        guard let best else { return result(.stoppedWithoutIncumbent, bound: open) }
        let bound = min(open, best.objective)
        let isClosed = relativeGap(to: bound) <= settings.relativeGap
        return isClosed ? finished() : result(.stoppedWithIncumbent, bound: bound)
    }

    private func relativeGap(to bound: Double) -> Double {
        guard let best else { return .infinity }
        let difference = best.objective - bound
        guard difference > 0 else { return 0 }
        return difference / max(size(of: best.objective), bound.magnitude)
    }

    private func result(_ status: BranchAndBoundStatus, bound: Double) -> CardinalityResult {
        CardinalityResult(
            status: status,
            point: best?.point ?? [],
            objective: best?.objective ?? .infinity,
            bound: bound,
            relativeGap: relativeGap(to: bound),
            infeasibility: best?.infeasibility ?? 0,
            nodes: nodes,
            iterations: iterations,
            supports: exactly.solved,
            root: root
        )
    }
}
