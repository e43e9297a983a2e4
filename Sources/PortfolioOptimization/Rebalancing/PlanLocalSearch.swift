internal import Matrices

/// Improves whole-lot plans by moving one holding, or two that pay for each other, as long as any such move helps.
///
/// Limits come first: a plan that misses some is first led to keep them.
struct PlanLocalSearch: Sendable {
    /// Looks at moves that are left; the search ends when they are used up.
    var looksLeft: Int
    /// Partners looked at for each move; all of them in small books.
    var partnerCount = 12
    /// Up to this many movable holdings every pair is looked at.
    var smallBook = 40
    /// Without lots a holding moves by this share of the value.
    private static let fractionStep = 1e-4
    /// Passes over all holdings at most.
    var maximumPasses = 60

    init(looks: Int) { looksLeft = looks }

    /// A move of one holding or of two, and what it leads to.
    private struct Step {
        var first: PlanMove
        var second: PlanMove?
        var score: PlanScore
    }

    /// Moves until no move of the given holdings is better.
    mutating func improve(_ state: inout PlanState, movable: [Int], shouldStop: () -> Bool) {
        for pass in 0..<maximumPasses {
            guard looksLeft > 0, !shouldStop() else { break }
            if pass > 0, pass % 8 == 0 { state.refresh() }
            let partners = partners(state, movable)
            var hasMoved = false
            for index in movable {
                guard looksLeft > 0 else { break }
                guard let step = bestStep(of: index, state, partners) else { continue }
                if let second = step.second { state.make(step.first, second) } else { state.make(step.first) }
                hasMoved = true
            }
            if !hasMoved { break }
        }
        state.refresh()
    }

    /// The holdings that are best sold and best bought next, for what a move of another one leaves or takes.
    private func partners(_ state: PlanState, _ movable: [Int]) -> (toSell: [Int], toBuy: [Int]) {
        // Where limits are missed the best partner may be any.
        guard movable.count > smallBook, state.score.isFeasible else { return (movable, movable) }
        let problem = state.problem
        let risk = max(state.totals.variance, 0).squareRoot()
        var sales: [(gain: Double, index: Int)] = []
        var purchases: [(gain: Double, index: Int)] = []
        for index in movable {
            let domain = problem.domains[index]
            let change = state.changes[index]
            let step = Self.fractionStep / problem.unitWeights[index]
            let slope = risk > 0 ? state.product[index] / risk : 0
            let charge = problem.charges[index].charge(change)
            func gain(_ other: Double?) -> Double? {
                guard let other, other != change else { return nil }
                let moved = (other - change) * problem.unitWeights[index]
                return (charge - problem.charges[index].charge(other) - slope * moved) / abs(moved)
            }
            if let gain = gain(domain.previous(before: change, step: step)) { sales.append((gain, index)) }
            if let gain = gain(domain.next(after: change, step: step)) { purchases.append((gain, index)) }
        }
        func best(_ list: [(gain: Double, index: Int)]) -> [Int] {
            list.sorted { ($1.gain, $0.index) < ($0.gain, $1.index) }.prefix(partnerCount).map(\.index)
        }
        return (best(sales), best(purchases))
    }

    private mutating func bestStep(
        of index: Int,
        _ state: PlanState,
        _ partners: (toSell: [Int], toBuy: [Int])
    ) -> Step? {
        var best: Step?
        var bestScore = state.score
        for change in options(of: index, state) {
            let move = PlanMove(index: index, change: change)
            looksLeft -= 1
            let score = state.score(after: move)
            if score.isBetter(than: bestScore) {
                best = Step(first: move, second: nil, score: score)
                bestScore = score
            }
            let moved = state.problem.weight(of: index, after: change) - state.weights[index]
            for partner in moved > 0 ? partners.toSell : partners.toBuy where partner != index {
                guard let step = bestAnswer(of: partner, to: move, worth: moved, state, than: bestScore) else {
                    continue
                }
                best = step
                bestScore = step.score
            }
        }
        return best
    }

    /// The better of the two whole-lot moves of a partner that nearly pay for a move, if it beats a score.
    private mutating func bestAnswer(
        of partner: Int,
        to move: PlanMove,
        worth moved: Double,
        _ state: PlanState,
        than score: PlanScore
    ) -> Step? {
        let problem = state.problem
        let domain = problem.domains[partner]
        let wanted = state.changes[partner] - moved / problem.unitWeights[partner]
        let below = domain.floor(wanted)
        let above = domain.ceil(wanted)
        var best: Step?
        var bestScore = score
        for change in [below, above == below ? nil : above] {
            guard let change, change != state.changes[partner] else { continue }
            looksLeft -= 1
            let answer = PlanMove(index: partner, change: change)
            let reached = state.score(after: move, answer)
            if reached.isBetter(than: bestScore) {
                best = Step(first: move, second: answer, score: reached)
                bestScore = reached
            }
        }
        return best
    }

    /// The changes worth looking at for one holding: the next lots, none, all sold, the desired weight, the least
    /// risk, and what cash pays for.
    private func options(of index: Int, _ state: PlanState) -> [Double] {
        let problem = state.problem
        let domain = problem.domains[index]
        let unit = problem.unitWeights[index]
        let change = state.changes[index]
        var options: [Double] = []
        func add(_ option: Double?) {
            if let option, option != change, !options.contains(option) { options.append(option) }
        }
        add(domain.next(after: change, step: Self.fractionStep / unit))
        add(domain.previous(before: change, step: Self.fractionStep / unit))
        if domain.allowsNone { add(0) }
        if domain.allowsLiquidation { add(-domain.held) }
        add(domain.nearest((problem.desired[index] - problem.currentWeights[index]) / unit))
        let curvature = problem.covariance[index, index]
        if curvature > 0 { add(domain.nearest(change - state.product[index] / (curvature * unit))) }
        let cushion = problem.hasFractions ? 2 * PlanProblem.cashCushion : 0
        let spare = state.cash - problem.cashFloor - cushion
        if abs(spare) > 0 {
            let affordable = spare / (unit * (1 + problem.charges[index].proportional))
            add(domain.floor(change + (spare > 0 ? affordable : spare / unit)))
        }
        return options
    }
}
