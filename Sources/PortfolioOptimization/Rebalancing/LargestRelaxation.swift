internal import ConvexSolver
internal import Matrices
internal import PortfolioModel

/// The relaxed plan under limits on the largest positions, in one conic program.
///
/// Rows for the instruments that hold too much meet in corners where an active set finds no way; with a column for the level
/// of each sum there is one row a limit, and an interior point needs no corner. Each holding's charge is its lower hull, as in
/// ``PlanRelaxation``, drawn by its linear parts and a power cone (docs/mathematics.md, "The largest positions").
struct LargestRelaxation {
    /// What was found.
    struct Found {
        var weights: [Double]
        /// No plan is better.
        var bound: Double
        var iterations: Int
    }

    let problem: PlanProblem
    private let box: PlanBox
    private let unit: Double
    private var builder: SparseProgramBuilder
    /// 1 − Σw − costs.
    private var cash = AffineExpression.constant(1)
    /// What the objective is charged whatever is traded.
    private var constant = 0.0

    /// What a solver may leave of an objective, relative.
    private static let accuracy = 1e-9

    /// Nil where a holding is allowed nothing.
    init?(_ problem: PlanProblem) {
        guard let box = PlanBox(wholeOf: problem) else { return nil }
        self.problem = problem
        self.box = box
        unit = powerOfTwo(near: (problem.covariance.diagonal.max() ?? 0).squareRoot())
        let linear = [Double](repeating: 0, count: problem.count)
        builder = SparseProgramBuilder(
            extending: SparseProgram(curvature: nil, linear: linear, rows: [], bounds: [], cones: [])
        )
        addCharges()
        addLimits()
        addLargest()
        addRisk()
    }

    /// Solves it; nil when no weights meet the limits, or the solver cannot tell.
    func solve(shouldStop: () -> Bool) -> Found? {
        guard let solution = try? InteriorPointSolver(builder.program).solve(shouldStop: shouldStop),
            solution.status == .solved || solution.status == .almostSolved
        else { return nil }
        let missed = max(solution.relativeGap, Self.accuracy) * max(abs(solution.objective), 1e-6)
        return Found(
            weights: Array(solution.primal.prefix(problem.count)),
            bound: constant + unit * (solution.objective - missed),
            iterations: solution.iterations
        )
    }

    // MARK: Parts

    private mutating func addCharges() {
        let relaxation = PlanRelaxation(problem, box: box)
        for index in 0..<problem.count {
            let weight = AffineExpression.variable(index)
            cash = cash - weight
            let (least, most) = (
                problem.weight(of: index, after: box.lower[index]), problem.weight(of: index, after: box.upper[index])
            )
            if least >= most {
                builder.require([weight - .constant(least)], in: .zero(1))
            } else {
                builder.requireNonnegative(weight - .constant(least))
                builder.requireNonnegative(.constant(most) - weight)
            }
            let samples = relaxation.samples(of: index)
            let money = hull(samples.map { ($0.weight, $0.cost / problem.portfolioValue) }, of: index)
            cash = cash - money
            // What is charged, and no less than the cost that cash pays: it would pay for nothing else.
            let charged = money * (problem.charges[index].costWeight * problem.portfolioValue)
            let rest = samples.map { sample in
                (
                    position: sample.weight,
                    value: sample.charge - problem.charges[index].costWeight * sample.cost
                )
            }
            if rest.allSatisfy({ abs($0.value) <= AllocationLimits.noTrading }) {
                charge(charged)
            } else {
                let charge = hull(samples.map { (position: $0.weight, value: $0.charge) }, of: index)
                let least = rest.reduce(Double.infinity) { min($0, $1.value) }
                let both = AffineExpression.variable(builder.addColumn())
                builder.requireNonnegative(both - charge)
                builder.requireNonnegative(both - charged - .constant(least))
                self.charge(both)
            }
            addImpact(index)
        }
    }

    /// Charges the objective.
    private mutating func charge(_ expression: AffineExpression) {
        constant += expression.constant
        builder.addCost(expression, times: 1 / unit)
    }

    /// A column above the linear parts of a lower hull; a constant where that has none.
    private mutating func hull(_ points: [(position: Double, value: Double)], of index: Int) -> AffineExpression {
        let piece = ConvexPiece(hullOf: points)
        guard piece.segmentCount > 0 else { return .constant(piece.values.first ?? 0) }
        guard (0..<piece.segmentCount).contains(where: { piece.slope($0) != 0 }) else {
            return .constant(piece.values[0])
        }
        let above = AffineExpression.variable(builder.addColumn())
        for segment in 0..<piece.segmentCount {
            let slope = piece.slope(segment)
            let line = AffineExpression(
                terms: [AffineExpression.Term(column: index, coefficient: slope)],
                constant: piece.values[segment] - slope * piece.positions[segment]
            )
            builder.requireNonnegative(above - line)
        }
        return above
    }

    private mutating func addImpact(_ index: Int) {
        let charge = problem.charges[index]
        guard charge.impact > 0, box.lower[index] < box.upper[index] else { return }
        // impact · (V |w − c|)^{3/2}, money.
        let value = problem.portfolioValue
        let price = charge.impact * value * value.squareRoot()
        let power = builder.power(1.5, of: .variable(index) - .constant(problem.currentWeights[index]))
        if charge.costWeight > 0 { builder.addCost(power, times: charge.costWeight * price / unit) }
        cash = cash - power * (price / value)
    }

    private mutating func addLimits() {
        let room = problem.cashCeiling - problem.cashFloor
        let hair = problem.hasIntegers ? 0 : min(PlanRelaxation.cashHair, room / 2)
        builder.requireNonnegative(cash - .constant(problem.cashFloor + hair))
        builder.requireNonnegative(.constant(problem.cashCeiling) - cash)
        for row in problem.rows {
            let value = AffineExpression.product(row.coefficients) + cash * row.cash
            if row.lower.isFinite { builder.requireNonnegative(value - .constant(row.lower)) }
            if row.upper.isFinite { builder.requireNonnegative(.constant(row.upper) - value) }
        }
        guard let limit = problem.turnoverLimit else { return }
        var left = AffineExpression.constant(2 * limit)
        for index in 0...problem.count {
            let held = index < problem.count ? problem.currentWeights[index] : problem.currentCash
            let moved = (index < problem.count ? .variable(index) : cash) - .constant(held)
            let size = AffineExpression.variable(builder.addColumn())
            builder.requireNonnegative(size - moved)
            builder.requireNonnegative(size + moved)
            left = left - size
        }
        builder.requireNonnegative(left)
    }

    /// kt + Σu ≤ m with u ≥ w − t and u ≥ 0.
    private mutating func addLargest() {
        for limit in problem.largest {
            let level = AffineExpression.variable(builder.addColumn())
            var left = AffineExpression.constant(limit.most) - level * Double(limit.count)
            for member in limit.members {
                let above = AffineExpression.variable(builder.addColumn())
                builder.requireNonnegative(above)
                builder.requireNonnegative(above + level - .variable(member))
                left = left - above
            }
            builder.requireNonnegative(level)
            builder.requireNonnegative(left)
        }
    }

    private mutating func addRisk() {
        let rows = VolatilityFactor(CovarianceModel.dense(problem.covariance).scaled(by: 1 / (unit * unit))).rows
        let returns = rows.map { row in
            AffineExpression(
                terms: zip(row.columns, row.values).map { AffineExpression.Term(column: $0.0, coefficient: $0.1) }
            )
        }
        if let limit = problem.volatilityLimit {
            builder.require([.constant(limit / unit)] + returns, in: .secondOrder(returns.count + 1))
        }
        let active = returns.map { $0 - .constant($0.value(at: problem.desired)) }
        builder.addCost(builder.length(of: active))
    }
}

extension PlanProblem {
    /// Caps on single positions that weights which keep the limits keep, too, and whoever keeps the caps keeps the limits.
    mutating func capLargest(at weights: [Double]) {
        for limit in largest {
            let order = limit.members.sorted { (weights[$0], $1) > (weights[$1], $0) }
            let level = weights[order[limit.count - 1]]
            // Every row has a slack of its own; together they may have one.
            let slack = Self.limitSlack * (1 / Double(limit.count) - 1)
            for member in order { addRow(limitingTo: max(weights[member], level) + slack, [member]) }
        }
    }
}

extension PlanSearch {
    /// A trade of this share of the value is a rounding of an interior point, and so is the distance to the end of a range.
    private static let atRest = 1e-9

    /// The plan that relaxed weights are, and what local moves make of it.
    mutating func considerRelaxed(_ relaxed: [Double], shouldStop: () -> Bool) {
        let movable = (0..<problem.count).filter { problem.domains[$0].canTrade }
        var state = PlanState(problem, changes: settled(relaxed))
        keep(state)
        if !state.score.isFeasible || problem.charges.contains(where: { $0.fixed > 0 || $0.hasLotTaxes }) {
            local.improve(&state, movable: movable, shouldStop: shouldStop)
            keep(state)
        }
    }

    /// Changes to weights, without roundings: who rests rests, who is sold is sold, and what is left of cash is held by whom it
    /// disturbs least.
    private func settled(_ relaxed: [Double]) -> [Double] {
        var changes = relaxed.indices.map { index in
            let domain = problem.domains[index]
            let unit = problem.unitWeights[index]
            let change = (relaxed[index] - problem.currentWeights[index]) / unit
            if domain.allowsNone, abs(change) * unit < Self.atRest { return 0.0 }
            for end in [domain.least, domain.most] {
                if let end, abs(change - end) * unit < Self.atRest { return end }
            }
            return domain.nearest(change) ?? 0
        }
        for _ in 0..<3 {
            let cash = PlanState(problem, changes: changes).cash
            let least = problem.cashFloor + 2 * PlanProblem.cashCushion
            let missing = cash < least ? least - cash : cash > problem.cashCeiling ? problem.cashCeiling - cash : 0
            guard missing != 0 else { break }
            // The smallest of those that are traded and lie inside their range: no largest sum notices.
            let inside = changes.indices.filter { index in
                let domain = problem.domains[index]
                let moved = changes[index] - 1.5 * missing / problem.unitWeights[index]
                return changes[index] != 0 && moved > domain.least ?? 0 && moved < domain.most ?? 0
            }
            guard let chosen = inside.min(by: { relaxed[$0] < relaxed[$1] }) else { break }
            let moved = changes[chosen] - 1.01 * missing / problem.unitWeights[chosen]
            changes[chosen] = problem.domains[chosen].nearest(moved) ?? changes[chosen]
        }
        return changes
    }

    /// Holdings up to which a plan over fractions that is not proven is relaxed again by an interior point.
    private static let mostRelaxed = 200

    /// The plan of a problem some of whose holdings trade in any fraction, where one found without its limits on the largest
    /// positions breaks them or is not proven.
    ///
    /// - Parameters:
    ///   - problem: the problem with its limits.
    ///   - free: the plan that was found without them.
    ///   - settings: how much work it is worth.
    ///   - shouldStop: asked often.
    /// - Returns: the better one; nil where that breaks the limits.
    static func overFractions(
        _ problem: PlanProblem,
        free: PlanOutcome,
        settings: PlanSearchSettings,
        shouldStop: () -> Bool
    ) -> PlanOutcome? {
        let isWithin = problem.meetsLargest(at: problem.weights(after: free.changes))
        if isWithin, free.relativeGap <= settings.relativeGap || problem.count > mostRelaxed { return free }
        let known = isWithin ? free : nil
        guard let relaxed = LargestRelaxation(problem)?.solve(shouldStop: shouldStop) else { return known }
        var capped = problem
        capped.capLargest(at: relaxed.weights)
        var search = PlanSearch(capped, settings: settings)
        search.considerRelaxed(relaxed.weights, shouldStop: shouldStop)
        var outcomes = known.map { [$0] } ?? []
        if let best = search.best, best.score.isFeasible {
            outcomes.append(
                PlanOutcome(changes: best.changes, score: best.score, bound: relaxed.bound, solves: 0, nodes: 1)
            )
        }
        let bound = max(free.bound, relaxed.bound)
        func better() -> PlanOutcome? {
            var best = outcomes.first
            for outcome in outcomes.dropFirst() {
                if let found = best, outcome.score.isBetter(than: found.score) { best = outcome }
            }
            if let objective = best?.score.objective { best?.bound = min(bound, objective) }
            best?.solves = free.solves + relaxed.iterations
            return best
        }
        if let best = better(), isWithin || best.relativeGap <= settings.relativeGap { return best }
        // Charges that are not convex: the search under the caps may do better.
        var thorough = PlanSearch(capped, settings: settings)
        if let outcome = thorough.run(shouldStop: shouldStop) { outcomes.append(outcome) }
        return better()
    }
}
