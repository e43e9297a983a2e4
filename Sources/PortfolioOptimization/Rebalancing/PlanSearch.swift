internal import LinearAlgebra
internal import Matrices
internal import PortfolioModel

/// A plan found, and what is proven about it.
struct PlanOutcome: Sendable {
    /// The changes of the holdings, in units.
    var changes: [Double]
    var score: PlanScore
    /// No plan is better than this.
    var bound: Double
    /// Quadratic programs solved.
    var solves: Int
    /// Nodes of the search.
    var nodes: Int

    /// (objective − bound) relative to the objective, or to (1 bp)² where that is larger.
    var relativeGap: Double {
        max(0, score.objective - bound) / max(abs(score.objective), PlanSearchSettings.objectiveFloor)
    }
}

/// How much work a plan is worth.
struct PlanSearchSettings: Equatable, Sendable {
    /// The gap is relative to at least this, (1 bp)².
    static let objectiveFloor = 1e-8

    /// Gap at which the search ends.
    var relativeGap = 1e-4
    /// A holding of a node more costs this much in nodes: nodes = budget / movable².
    var nodeBudget = 6_000.0
    /// Books of so few movable holdings are worth the proof, whatever their nodes cost.
    var smallBook = 8
    /// Nodes at most, in small books.
    var maximumNodes = 6_000
    /// Books of more holdings are relaxed to a lesser accuracy.
    var largestExactRoot = 100
    /// That accuracy, relative: a rounding of their gap.
    var largeRootAccuracy = 1e-4
    /// Books of more movable holdings are not searched by nodes.
    var largestTree = 80
    /// Moves looked at in all: so many, and so many more for each holding.
    var looks = 12_000
    var looksPerHolding = 400
    /// The same for plans of few trades out of many, for each holding and trade.
    var looksPerFewTrades = 200
    /// The same where any fraction may be traded, and the relaxation is nearly the plan.
    var looksPerFraction = 100
    /// A quadratic program counts as so many looks.
    var looksPerSolve = 200
    /// Rounds of change and repair after the first plan.
    var rounds = 300
    /// Exchanges of single trades, where few are allowed of many.
    var fewTradesRounds = 1_500
    /// Rounds of solving on one side of every bend, where fractions are traded.
    var cellRounds = 3
    /// Holdings that a round lets move beyond those traded.
    var roundCandidates = 24

    init() {}

    /// Makes the caller's time the only limit on the work.
    mutating func searchUntilStopped() {
        nodeBudget = 1e12
        maximumNodes = 50_000_000
        looks = .max / 4
        rounds = .max / 2
    }
}

/// Finds whole-lot plans: relax, round, move lots, and prove.
struct PlanSearch {
    let problem: PlanProblem
    let settings: PlanSearchSettings
    var local: PlanLocalSearch
    var solves = 0
    var best: PlanState?
    var random = SplitMix(seed: 0x5EED)

    init(_ problem: PlanProblem, settings: PlanSearchSettings) {
        self.problem = problem
        self.settings = settings
        let fewTrades = problem.tradeLimit.map { min($0, problem.count) * settings.looksPerFewTrades } ?? 0
        let perHolding = problem.hasIntegers ? settings.looksPerHolding + fewTrades : settings.looksPerFraction
        local = PlanLocalSearch(looks: settings.looks + perHolding * problem.count)
    }

    /// Searches; nil when no plan within the limits was found.
    mutating func run(shouldStop: () -> Bool) -> PlanOutcome? {
        guard let box = PlanBox(wholeOf: problem) else { return nil }
        let movable = (0..<problem.count).filter { box.lower[$0] < box.upper[$0] || box.lower[$0] != 0 }
        var relaxation = PlanRelaxation(problem, box: box)
        if problem.count > settings.largestExactRoot { relaxation.accuracy = settings.largeRootAccuracy }
        let relaxed =
            relaxation.solve(from: RelaxationStart(), shouldStop: shouldStop) ?? RelaxedPlan(idle: problem)
        solves += relaxed.solves
        var bound = problem.bound(box, multipliers: relaxed.multipliers)
        if problem.tradeLimit != nil { bound = max(bound, scannedBound(box, relaxed)) }
        let first = PlanState(problem, changes: funded(rounded(relaxed.weights)))
        keep(first)
        // Over fractions the relaxation is mostly the plan itself.
        guard problem.hasIntegers || !isClosed(bound) else {
            return PlanOutcome(
                changes: first.changes,
                score: first.score,
                bound: min(bound, first.score.objective),
                solves: solves,
                nodes: 1
            )
        }
        if !problem.hasIntegers { considerCells(relaxed, box, movable, shouldStop) }
        let idle = problem.domains.map { $0.nearest(0) ?? 0 }
        let isFew = movable.count > settings.largestTree && problem.tradeLimit.map { $0 < movable.count } ?? false
        if isFew {
            // Hundreds of relaxed trades are no start for a few: their search begins from nothing.
            keep(PlanState(problem, changes: idle))
        } else {
            consider(first.changes, movable: movable, shouldStop)
            // Not trading is a plan where the limits allow it, and a start where they do not.
            consider(idle, movable: movable, shouldStop)
        }
        considerFewTrades(relaxed, box, movable, shouldStop)
        if isFew, best?.score.isFeasible != true { consider(idle, movable: movable, shouldStop) }
        var nodes = 1
        if !isClosed(bound) {
            if movable.count <= settings.largestTree {
                var tree = PlanTree(problem, settings: settings, movableCount: movable.count)
                let outcome = tree.run(root: relaxed, bound: bound, box: box, incumbent: best, shouldStop: shouldStop)
                bound = max(bound, outcome.bound)
                solves += outcome.solves
                nodes += outcome.nodes
                if let changes = outcome.changes { consider(changes, movable: movable, shouldStop) }
            }
            if !isClosed(bound) { wander(relaxed, box, movable, bound: bound, shouldStop) }
        }
        guard let best, best.score.isFeasible else { return nil }
        return PlanOutcome(
            changes: best.changes,
            score: best.score,
            bound: min(bound, best.score.objective),
            solves: solves,
            nodes: nodes
        )
    }

    private func isClosed(_ bound: Double) -> Bool {
        guard let best, best.score.isFeasible else { return false }
        let scale = max(abs(best.score.objective), PlanSearchSettings.objectiveFloor)
        return best.score.objective - bound <= settings.relativeGap * scale
    }

    /// The changes nearest to weights.
    func rounded(_ weights: [Double]) -> [Double] {
        weights.indices.map { index in
            let domain = problem.domains[index]
            let moved = weights[index] - problem.currentWeights[index]
            if domain.allowsNone, abs(moved) < Self.rounding { return 0 }
            return domain.nearest(moved / problem.unitWeights[index]) ?? 0
        }
    }

    /// Changes with a little less of every purchase where costs leave too little cash and any fraction may be traded.
    private func funded(_ changes: [Double]) -> [Double] {
        guard !problem.hasIntegers else { return changes }
        var changes = changes
        for _ in 0..<3 {
            let state = PlanState(problem, changes: changes)
            let short = problem.cashFloor + 2 * PlanProblem.cashCushion - state.cash
            guard short > 0, short < Self.smallDebt, state.totals.bought > short else { break }
            let share = 1 - short * (1 + Self.rounding) / state.totals.bought
            for index in changes.indices where changes[index] > 0 {
                changes[index] = problem.domains[index].nearest(changes[index] * share) ?? changes[index]
            }
        }
        return changes
    }

    /// Cash short by less than this share of the value is a miss of the estimated costs.
    private static let smallDebt = 1e-4

    /// A relaxed trade below this share of the value is none.
    private static let rounding = 1e-7

    /// Improves changes and keeps them when they are the best.
    private mutating func consider(_ changes: [Double], movable: [Int], _ shouldStop: () -> Bool) {
        var state = PlanState(problem, changes: changes)
        local.improve(&state, movable: movable, shouldStop: shouldStop)
        keep(state)
    }

    mutating func keep(_ state: PlanState) {
        guard let current = best else {
            best = state
            return
        }
        if state.score.isBetter(than: current.score) { best = state }
    }

    /// Solves again with every trade kept on its side of what is held, and every sale between the ends of the lot it ends
    /// in; then around what that leads to.
    ///
    /// Losses make a charge fall as soon as something is sold but never where it is bought, so that no trade is a bend that
    /// the relaxation draws over. On either side of it, and between the ends of lots, charges are mostly convex.
    private mutating func considerCells(
        _ relaxed: RelaxedPlan,
        _ box: PlanBox,
        _ movable: [Int],
        _ shouldStop: () -> Bool
    ) {
        var changes = funded(rounded(relaxed.weights))
        var start = relaxed.start
        for _ in 0..<settings.cellRounds {
            guard let cell = cell(of: changes, in: box) else { return }
            var relaxation = PlanRelaxation(problem, box: cell)
            relaxation.accuracy = settings.largeRootAccuracy
            guard let found = relaxation.solve(from: start, shouldStop: shouldStop) else { return }
            solves += found.solves
            start = found.start
            let before = best?.score
            consider(funded(rounded(found.weights)), movable: movable, shouldStop)
            guard let best, before.map({ best.score.isBetter(than: $0) }) ?? true else { return }
            changes = best.changes
        }
    }

    /// The part of a box around changes within which charges are mostly convex; nil where it is the whole box.
    private func cell(of changes: [Double], in box: PlanBox) -> PlanBox? {
        var narrow = box
        for index in changes.indices where problem.charges[index].hasLotTaxes && box.lower[index] < box.upper[index] {
            let interval = problem.charges[index].lotInterval(around: changes[index])
            let lower = interval?.lowerBound ?? min(0, changes[index])
            let upper = interval?.upperBound ?? .infinity
            guard let first = problem.domains[index].ceil(max(lower, box.lower[index])),
                let last = problem.domains[index].floor(min(upper, box.upper[index])), first <= last
            else { continue }
            (narrow.lower[index], narrow.upper[index]) = (first, last)
        }
        return narrow == box ? nil : narrow
    }

    // MARK: Few trades

    /// Bounds with a price for each trade: where trades are few, the dearest that they are worth.
    private mutating func scannedBound(_ box: PlanBox, _ relaxed: RelaxedPlan) -> Double {
        // Towards not trading, the slope of the risk is that of what is held: a convex mix of slopes is a slope.
        var best = -Double.infinity
        var active = problem.currentWeights
        for i in active.indices { active[i] -= problem.desired[i] }
        let product = problem.covariance.symmetricTimes(active)
        let risk = max(dot(active, product), 0).squareRoot()
        guard risk > 0 else { return best }
        for share in Self.bounding {
            var multipliers = relaxed.multipliers
            for i in multipliers.riskSlope.indices {
                multipliers.riskSlope[i] = (1 - share) * multipliers.riskSlope[i] + share * product[i] / risk
            }
            for factor in Self.budgetFactors {
                multipliers.budget = factor * relaxed.multipliers.budget
                best = max(best, problem.bound(box, multipliers: multipliers))
            }
        }
        return best
    }

    private static let bounding = [0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 1.0]
    private static let budgetFactors = [1.0, 0.5, 0.0]

    // MARK: Wandering

    /// Changes the best plan at random places, repairs it, and keeps what is better.
    private mutating func wander(
        _ relaxed: RelaxedPlan,
        _ box: PlanBox,
        _ movable: [Int],
        bound: Double,
        _ shouldStop: () -> Bool
    ) {
        let wish = movable.sorted { left, right in
            abs(relaxed.weights[left] - problem.currentWeights[left])
                > abs(relaxed.weights[right] - problem.currentWeights[right])
        }
        let isFew = problem.tradeLimit.map { $0 < movable.count } ?? false
        for _ in 0..<(isFew ? max(settings.rounds, settings.fewTradesRounds) : settings.rounds) {
            guard local.looksLeft > 0, !shouldStop(), !isClosed(bound), let best else { return }
            let traded = movable.filter { best.changes[$0] != 0 }
            if isFew {
                exchange(best, traded, box, wish, shouldStop)
                continue
            }
            let wished = wish.prefix(settings.roundCandidates)
            let drawn = (0..<4).compactMap { _ in movable.isEmpty ? nil : movable[random.next(below: movable.count)] }
            let others = Array(Set(wished).union(drawn).subtracting(traded)).sorted()
            shake(best, among: traded + others, movable, shouldStop)
        }
    }

    /// Moves a few holdings by a few lots and repairs what that breaks.
    private mutating func shake(
        _ state: PlanState,
        among candidates: [Int],
        _ movable: [Int],
        _ shouldStop: () -> Bool
    ) {
        guard !candidates.isEmpty else { return }
        var shaken = state
        for _ in 0..<(2 + random.next(below: 3)) {
            let index = candidates[random.next(below: candidates.count)]
            let domain = problem.domains[index]
            let lots = Double(random.next(below: 7)) - 3
            let step = domain.lotSize ?? 1e-3 / problem.unitWeights[index]
            guard let change = domain.nearest(shaken.changes[index] + lots * step) else { continue }
            shaken.make(PlanMove(index: index, change: change))
        }
        let near = movable.count <= local.smallBook ? movable : Array(Set(candidates)).sorted()
        local.improve(&shaken, movable: near, shouldStop: shouldStop)
        keep(shaken)
    }
}

extension PlanBox {
    /// All that the holdings' own limits allow; nil where one of them allows nothing.
    init?(wholeOf problem: PlanProblem) {
        lower = []
        upper = []
        for domain in problem.domains {
            guard let least = domain.least, let most = domain.most else { return nil }
            lower.append(least)
            upper.append(most)
        }
    }
}

/// A small generator of random numbers that is the same everywhere.
///
/// - SeeAlso: Steele, Lea & Flood, Fast splittable pseudorandom number generators, OOPSLA 2014.
struct SplitMix: Sendable {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    /// A number in 0..<bound; bound is positive.
    mutating func next(below bound: Int) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        z ^= z >> 31
        return Int(z % UInt64(bound))
    }
}
