internal import Matrices

/// Branch and bound over the changes of holdings: each node leaves an interval of changes to each.
///
/// A node's bound is Lagrange's function at the multipliers of its relaxation, minimised over the very changes allowed;
/// a node whose relaxation cannot be solved keeps its parent's bound and is split all the same, so that nothing is lost.
struct PlanTree {
    /// What a search came to.
    struct Outcome {
        var changes: [Double]?
        var bound: Double
        var solves: Int
        var nodes: Int
    }

    private struct Node {
        var box: PlanBox
        var bound: Double
        var sequence: Int
        var start: RelaxationStart
        /// The weights of the parent's relaxation.
        var weights: [Double]
    }

    /// Quadratic programs that a node may take on average.
    private static let solvesPerNode = 8

    private let problem: PlanProblem
    private let settings: PlanSearchSettings
    private let nodeLimit: Int
    private var open: [Node] = []
    private var incumbent: (changes: [Double], objective: Double)?
    private var closedBound = Double.infinity
    private var solves = 0
    private var nodes = 0
    private var created = 0
    private var local = PlanLocalSearch(looks: 400_000)

    init(_ problem: PlanProblem, settings: PlanSearchSettings, movableCount: Int) {
        self.problem = problem
        self.settings = settings
        let size = Double(max(1, movableCount))
        let affordable = movableCount <= settings.smallBook ? .infinity : settings.nodeBudget / (size * size)
        nodeLimit = Int(min(Double(settings.maximumNodes), affordable))
    }

    /// Searches from the root until the gap is closed or the work is used up.
    mutating func run(
        root: RelaxedPlan,
        bound: Double,
        box: PlanBox,
        incumbent found: PlanState?,
        shouldStop: () -> Bool
    ) -> Outcome {
        if let found, found.score.isFeasible { incumbent = (found.changes, found.score.objective) }
        let start = incumbent?.objective
        push(Node(box: box, bound: bound, sequence: 0, start: root.start, weights: root.weights))
        while let node = pop() {
            guard node.bound < cutoff else {
                closedBound = min(closedBound, node.bound)
                continue
            }
            guard nodes < nodeLimit, solves / Self.solvesPerNode < nodeLimit, !shouldStop() else {
                closedBound = min(closedBound, node.bound)
                break
            }
            nodes += 1
            look(at: node, shouldStop)
        }
        var proven = min(closedBound, incumbent?.objective ?? .infinity)
        for node in open { proven = min(proven, node.bound) }
        let isNew = incumbent.map { $0.objective < start ?? .infinity } ?? false
        return Outcome(
            changes: isNew ? incumbent?.changes : nil,
            bound: proven == .infinity ? bound : proven,
            solves: solves,
            nodes: nodes
        )
    }

    /// Above this a node holds nothing better than the gap allows.
    private var cutoff: Double {
        guard let incumbent else { return .infinity }
        let scale = max(abs(incumbent.objective), PlanSearchSettings.objectiveFloor)
        return incumbent.objective - settings.relativeGap * scale
    }

    private mutating func look(at node: Node, _ shouldStop: () -> Bool) {
        var node = node
        guard let box = tightened(node.box) else { return }
        node.box = box
        if zip(box.lower, box.upper).allSatisfy(==) {
            settle(box.lower)
            return
        }
        var relaxation = PlanRelaxation(problem, box: box)
        relaxation.accuracy = 1e-3
        relaxation.maximumRounds = 3
        relaxation.turnoverTrials = 3
        if let relaxed = relaxation.solve(from: node.start, shouldStop: shouldStop) {
            solves += relaxed.solves
            node.bound = max(node.bound, problem.bound(box, multipliers: relaxed.multipliers))
            node.start = relaxed.start
            node.weights = relaxed.weights
            guard node.bound < cutoff else {
                closedBound = min(closedBound, node.bound)
                return
            }
            if nodes % 16 == 1 { round(relaxed.weights, box, shouldStop) }
        }
        branch(node)
    }

    /// Takes a plan whose changes are all decided.
    private mutating func settle(_ changes: [Double]) {
        let score = PlanState(problem, changes: changes).score
        guard score.isFeasible, score.objective < incumbent?.objective ?? .infinity else { return }
        incumbent = (changes, score.objective)
    }

    private mutating func round(_ weights: [Double], _ box: PlanBox, _ shouldStop: () -> Bool) {
        let changes = weights.indices.map { index in
            problem.domains[index].nearest(change(of: index, to: weights[index])) ?? 0
        }
        var state = PlanState(problem, changes: changes)
        let movable = (0..<problem.count).filter { problem.domains[$0].canTrade }
        local.improve(&state, movable: movable, shouldStop: shouldStop)
        settle(state.changes)
    }

    private func change(of index: Int, to weight: Double) -> Double {
        (weight - problem.currentWeights[index]) / problem.unitWeights[index]
    }

    // MARK: Branching

    /// Takes changes out of a box that are not allowed, and those that too many trades leave no room for; nil when
    /// nothing is left.
    private func tightened(_ box: PlanBox) -> PlanBox? {
        var box = box
        var decided = 0
        for index in 0..<problem.count {
            let domain = problem.domains[index]
            guard let lower = domain.ceil(box.lower[index]), let upper = domain.floor(box.upper[index]), lower <= upper
            else { return nil }
            box.lower[index] = lower
            box.upper[index] = upper
            if lower > 0 || upper < 0 { decided += 1 }
        }
        guard let limit = problem.tradeLimit else { return canFund(box) ? box : nil }
        guard decided <= limit else { return nil }
        if decided == limit {
            for index in 0..<problem.count where box.lower[index] <= 0 && box.upper[index] >= 0 {
                guard problem.domains[index].allowsNone else { return nil }
                box.lower[index] = 0
                box.upper[index] = 0
            }
        }
        return canFund(box) ? box : nil
    }

    /// Whether the limits on the sum of the weights can be met at all.
    private func canFund(_ box: PlanBox) -> Bool {
        var (least, most) = (0.0, 0.0)
        for index in 0..<problem.count {
            least += problem.weight(of: index, after: box.lower[index])
            most += problem.weight(of: index, after: box.upper[index])
        }
        let slack = 1e-9
        guard least <= 1 - problem.cashFloor + slack else { return false }
        // Costs make cash less, so that they can only help here.
        return most + mostCost(box) >= 1 - problem.cashCeiling - slack
    }

    private func mostCost(_ box: PlanBox) -> Double {
        var money = 0.0
        for index in 0..<problem.count {
            money += max(problem.charges[index].cost(box.lower[index]), problem.charges[index].cost(box.upper[index]))
        }
        return money / problem.portfolioValue
    }

    /// Splits the interval of the holding whose relaxed trade is least like an allowed one.
    private mutating func branch(_ node: Node) {
        var chosen: (index: Int, score: Double, below: Double, above: Double)?
        for index in 0..<problem.count where node.box.lower[index] < node.box.upper[index] {
            guard let (score, below, above) = split(index, node) else { continue }
            if score > chosen?.score ?? -1 { chosen = (index, score, below, above) }
        }
        guard let chosen else {
            // Every interval is as small as it gets: its ends stand for it.
            settle(node.box.lower)
            closedBound = min(closedBound, node.bound)
            return
        }
        var lower = node
        lower.box.upper[chosen.index] = chosen.below
        var upper = node
        upper.box.lower[chosen.index] = chosen.above
        push(lower)
        push(upper)
    }

    /// Where to split an interval, and how much that promises; nil where it is too small to be.
    private func split(_ index: Int, _ node: Node) -> (score: Double, below: Double, above: Double)? {
        let domain = problem.domains[index]
        let (low, high) = (node.box.lower[index], node.box.upper[index])
        let wish = min(max(change(of: index, to: node.weights[index]), low), high)
        let volatility = problem.covariance[index, index].squareRoot()
        let unit = problem.unitWeights[index]
        let slack = 1e-9 * max(1, high - low)
        // To trade or not: where a fixed charge or a least trade keeps small trades away.
        if low <= 0, high >= 0, domain.allowsNone {
            let charge = problem.charges[index]
            if wish > slack, let first = domain.ceil(.leastNormalMagnitude), first <= high {
                let gap = wish < first || charge.fixed > 0 || problem.tradeLimit != nil
                if gap, low < high { return (volatility * wish * unit + charge.charge(first), 0, first) }
            } else if wish < -slack, let last = domain.floor(-Double.leastNormalMagnitude), last >= low {
                let gap = wish > last || charge.fixed > 0 || problem.tradeLimit != nil
                if gap, low < high { return (volatility * -wish * unit + charge.charge(last), last, 0) }
            }
        }
        if let below = domain.floor(wish), let above = domain.ceil(wish), below < above, below >= low, above <= high {
            let distance = min(wish - below, above - wish) * unit * volatility
            if distance > 0 || domain.lotSize != nil { return (distance, below, above) }
        }
        return middle(index, low, high, wish: wish)
    }

    /// Splits an interval whose relaxed trade is allowed, at that trade or in the middle.
    private func middle(
        _ index: Int,
        _ low: Double,
        _ high: Double,
        wish: Double
    ) -> (score: Double, below: Double, above: Double)? {
        let domain = problem.domains[index]
        guard (high - low) * problem.unitWeights[index] > Self.smallestInterval else { return nil }
        if domain.lotSize != nil {
            guard let at = domain.nearest(wish) else { return nil }
            if let above = domain.next(after: at, step: 0), above <= high { return (0, at, above) }
            guard let below = domain.previous(before: at, step: 0), below >= low else { return nil }
            return (0, below, at)
        }
        let at = wish > low + 0.1 * (high - low) && wish < high - 0.1 * (high - low) ? wish : (low + high) / 2
        guard let below = domain.floor(at), let above = domain.ceil(at), below >= low, above <= high else { return nil }
        return (0, below, above)
    }

    /// An interval of fractions narrower than this is a point.
    private static let smallestInterval = 1e-9

    // MARK: Queue

    /// A binary heap: the lowest bound first, of equal ones the newest.
    private mutating func push(_ node: Node) {
        var node = node
        created += 1
        node.sequence = created
        open.append(node)
        var child = open.count - 1
        while child > 0, precedes(open[child], open[(child - 1) / 2]) {
            open.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    private mutating func pop() -> Node? {
        guard let first = open.first else { return nil }
        let last = open.removeLast()
        guard !open.isEmpty else { return first }
        open[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < open.count && precedes(open[child], open[least]) { least = child }
            if least == parent { return first }
            open.swapAt(parent, least)
            parent = least
        }
    }

    private func precedes(_ left: Node, _ right: Node) -> Bool {
        (left.bound, right.sequence) < (right.bound, left.sequence)
    }
}
