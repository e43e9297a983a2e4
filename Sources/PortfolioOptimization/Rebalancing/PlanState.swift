internal import LinearAlgebra
internal import Matrices

/// How good changes are: whether they keep the limits, and then what the objective says.
struct PlanScore: Equatable, Sendable {
    /// By how much limits are missed in all; 0 when none is.
    var violation: Double
    /// Active risk and charges.
    var objective: Double

    /// A difference below this share is rounding.
    static let rounding = 1e-12

    var isFeasible: Bool { violation == 0 }

    /// Whether it beats another by more than rounding.
    func isBetter(than other: PlanScore) -> Bool {
        if violation != other.violation { return violation < other.violation - Self.rounding }
        return objective < other.objective - Self.rounding * Swift.max(abs(other.objective), 1e-8)
    }
}

/// A change of one holding's change.
struct PlanMove: Equatable, Sendable {
    var index: Int
    /// The change from what is held, in units, after the move.
    var change: Double
}

/// Changes of all holdings with what follows from them, kept up to date move by move.
///
/// Looking at a move of one or two holdings costs O(rows), making it O(n).
struct PlanState: Sendable {
    let problem: PlanProblem
    private(set) var changes: [Double]
    private(set) var weights: [Double]
    /// Σ(w − d).
    private(set) var product: [Double]
    private(set) var totals: Totals
    private(set) var score: PlanScore
    /// The charge of each change.
    private var charges: [Double]
    /// The rows' products with the weights.
    private var rowValues: [Double] = []

    /// What limits and objective are made of.
    struct Totals: Sendable {
        /// (w − d)ᵀΣ(w − d).
        var variance = 0.0
        /// (Σd)ᵀ(w − d).
        var cross = 0.0
        var charge = 0.0
        /// Money.
        var cost = 0.0
        var weight = 0.0
        var bought = 0.0
        var sold = 0.0
        var trades = 0
    }

    /// A weight that a move changes, and by how much.
    private struct Shift {
        var index = 0
        var amount = 0.0
    }

    init(_ problem: PlanProblem, changes: [Double]) {
        self.problem = problem
        self.changes = changes
        weights = problem.weights(after: changes)
        product = []
        charges = []
        totals = Totals()
        score = PlanScore(violation: .infinity, objective: .infinity)
        refresh()
    }

    /// Computes everything anew, so that roundings of many moves do not add up.
    mutating func refresh() {
        weights = problem.weights(after: changes)
        var active = weights
        for i in active.indices { active[i] -= problem.desired[i] }
        product = problem.covariance.symmetricTimes(active)
        charges = changes.indices.map { problem.charges[$0].charge(changes[$0]) }
        rowValues = problem.rows.map { row in dot(row.coefficients, weights) }
        var totals = Totals()
        totals.variance = dot(active, product)
        totals.cross = dot(problem.desired, product)
        for (index, change) in changes.enumerated() {
            totals.weight += weights[index]
            totals.charge += charges[index]
            guard change != 0 else { continue }
            totals.cost += problem.charges[index].cost(change)
            totals.trades += 1
            let moved = weights[index] - problem.currentWeights[index]
            if moved > 0 { totals.bought += moved } else { totals.sold -= moved }
        }
        self.totals = totals
        score = score(of: totals)
    }

    /// Cash after trading, as a weight.
    var cash: Double { cash(totals) }

    private func cash(_ totals: Totals) -> Double { 1 - totals.weight - totals.cost / problem.portfolioValue }

    // MARK: Looking

    /// The score after one move.
    func score(after move: PlanMove) -> PlanScore {
        var totals = totals
        let shift = apply(move, to: &totals)
        return score(of: totals, Shift(index: move.index, amount: shift))
    }

    /// The score after two moves of different holdings.
    func score(after first: PlanMove, _ second: PlanMove) -> PlanScore {
        var totals = totals
        let shift = apply(first, to: &totals)
        let other = apply(second, to: &totals)
        totals.variance += 2 * shift * other * problem.covariance[first.index, second.index]
        return score(
            of: totals,
            Shift(index: first.index, amount: shift),
            Shift(index: second.index, amount: other)
        )
    }

    private func apply(_ move: PlanMove, to totals: inout Totals) -> Double {
        let i = move.index
        let charge = problem.charges[i]
        let weight = problem.weight(of: i, after: move.change)
        let shift = weight - weights[i]
        totals.variance += shift * (2 * product[i] + shift * problem.covariance[i, i])
        totals.cross += shift * problem.desiredProduct[i]
        totals.charge += charge.charge(move.change) - charges[i]
        totals.cost += charge.cost(move.change) - charge.cost(changes[i])
        totals.weight += shift
        let before = weights[i] - problem.currentWeights[i]
        if changes[i] != 0 {
            totals.trades -= 1
            if before > 0 { totals.bought -= before } else { totals.sold += before }
        }
        if move.change != 0 {
            totals.trades += 1
            let after = weight - problem.currentWeights[i]
            if after > 0 { totals.bought += after } else { totals.sold -= after }
        }
        return shift
    }

    private func score(of totals: Totals, _ first: Shift = Shift(), _ second: Shift = Shift()) -> PlanScore {
        let objective = max(0, totals.variance).squareRoot() + totals.charge
        return PlanScore(violation: violation(of: totals, first, second), objective: objective)
    }

    private func violation(of totals: Totals, _ first: Shift, _ second: Shift) -> Double {
        let cash = cash(totals)
        // What is held is what it is; only trades must leave a cushion against rounding.
        let isLeft = totals.trades > 0 && problem.hasFractions
        let cushion = isLeft ? PlanProblem.cashCushion : -PlanProblem.cashRounding
        var missed = max(0, problem.cashFloor + cushion - cash)
        missed += max(0, cash - problem.cashCeiling)
        if let limit = problem.turnoverLimit {
            let turnover = (totals.bought + totals.sold + abs(cash - problem.currentCash)) / 2
            missed += max(0, turnover - limit - PlanProblem.limitSlack)
        }
        if let limit = problem.tradeLimit, totals.trades > limit {
            missed += Self.missedTrade * Double(totals.trades - limit)
        }
        // Rows are looked at without being kept for each look: an array of them would cost more than the rest.
        for (row, limit) in problem.rows.enumerated() {
            let moved =
                first.amount * limit.coefficients[first.index] + second.amount * limit.coefficients[second.index]
            let value = rowValues[row] + moved + limit.cash * cash
            missed += max(0, limit.lower - value) + max(0, value - limit.upper)
        }
        if let limit = problem.volatilityLimit {
            let variance = totals.variance + 2 * totals.cross + problem.desiredVariance
            missed += max(0, max(0, variance).squareRoot() - limit - PlanProblem.limitSlack)
        }
        return missed
    }

    /// What one trade too many counts, in weight: more than what it could be needed for.
    private static let missedTrade = 0.5

    // MARK: Moving

    /// Makes a move.
    mutating func make(_ move: PlanMove) {
        let shift = apply(move, to: &totals)
        for (row, limit) in problem.rows.enumerated() { rowValues[row] += shift * limit.coefficients[move.index] }
        let column = problem.covariance.column(move.index)
        var i = 0
        for entry in column {
            product[i] += shift * entry
            i += 1
        }
        charges[move.index] = problem.charges[move.index].charge(move.change)
        changes[move.index] = move.change
        weights[move.index] = problem.weight(of: move.index, after: move.change)
        score = score(of: totals)
    }

    /// Makes two moves of different holdings.
    mutating func make(_ first: PlanMove, _ second: PlanMove) {
        make(first)
        make(second)
    }
}
