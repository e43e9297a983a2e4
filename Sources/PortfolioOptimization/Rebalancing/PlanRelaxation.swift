internal import ConvexSolver
internal import Glibc
internal import LinearAlgebra
internal import Matrices

/// Where a relaxation may begin: where a similar one ended.
struct RelaxationStart: Equatable, Sendable {
    /// s, the risk scale; 0 for none.
    var scale = 0.0
    /// The multiplier of turnover.
    var turnover = 0.0
    /// The multiplier of the budget.
    var budget = 0.0
    /// Total cost as a share of the value.
    var cost = 0.0
}

/// A relaxed plan: weights, and the multipliers that bound all plans in its box.
struct RelaxedPlan: Sendable {
    /// w, n.
    var weights: [Double]
    /// What proves a bound.
    var multipliers: PlanMultipliers
    /// Where a similar relaxation may begin.
    var start: RelaxationStart
    /// Quadratic programs solved.
    var solves: Int
}

extension RelaxedPlan {
    /// What is known without a relaxation: the weights held, and that charges alone bound the objective.
    init(idle problem: PlanProblem) {
        self.init(
            weights: problem.currentWeights,
            multipliers: PlanMultipliers(
                riskSlope: [Double](repeating: 0, count: problem.count),
                rows: [Double](repeating: 0, count: problem.rows.count),
                budget: 0,
                turnover: 0
            ),
            start: RelaxationStart(),
            solves: 0
        )
    }
}

/// The convex relaxation of a plan in a box: each holding's charge is replaced by its lower hull, and lots by fractions.
///
/// √(aᵀΣa) = min over s > 0 of aᵀΣa/2s + s/2, so that each s gives a quadratic program; the fixed point s = √(aᵀΣa) is
/// its best (docs/mathematics.md, "Rebalance plans"). Piecewise linear charges are handled two parts at a time.
struct PlanRelaxation {
    let problem: PlanProblem
    let box: PlanBox
    private let free: [Int]
    private let fixedWeights: [Double]
    private let curvature: DenseMatrix
    private let linear: [Double]

    /// Relative accuracy of the risk scale at which rounds end.
    var accuracy = 1e-6
    /// Rounds at most.
    var maximumRounds = 12
    /// Trials of the multiplier of turnover at most; each bounds as well as the next.
    var turnoverTrials = 24

    /// A scale below this share of the largest volatility is no active risk.
    private static let leastScale = 1e-7

    init(_ problem: PlanProblem, box: PlanBox) {
        self.problem = problem
        self.box = box
        free = (0..<problem.count).filter { box.lower[$0] < box.upper[$0] }
        var fixed = [Double](repeating: 0, count: problem.count)
        for index in 0..<problem.count where box.lower[index] >= box.upper[index] {
            fixed[index] = problem.weight(of: index, after: box.lower[index])
        }
        fixedWeights = fixed
        if free.count == problem.count {
            curvature = problem.covariance
            linear = problem.desiredProduct.map { -$0 }
        } else {
            curvature = problem.covariance.selecting(rows: free, columns: free)
            linear = free.map { index in
                dot(Array(problem.covariance.column(index)), fixed) - problem.desiredProduct[index]
            }
        }
    }

    /// Solves the relaxation; nil when the method finds no point, which proves nothing.
    func solve(from start: RelaxationStart, shouldStop: () -> Bool) -> RelaxedPlan? {
        var walk = RelaxationWalk(self, start: start)
        return walk.run(shouldStop: shouldStop)
    }

    // MARK: Pieces

    /// The lower hull of a holding's charge with what the multipliers add.
    fileprivate func piece(of index: Int, budget: Double, turnover: Double) -> ConvexPiece {
        let charge = problem.charges[index]
        let perCost = budget / problem.portfolioValue
        let current = problem.currentWeights[index]
        let points = samples(of: index).map { change in
            let weight = problem.weight(of: index, after: change)
            var value = charge.charge(change) + turnover * abs(weight - current)
            if perCost > 0 { value += perCost * charge.cost(change) }
            return (position: weight, value: value)
        }
        var piece = ConvexPiece(hullOf: points)
        // Where nothing is traded the program begins: there a bend never hurts.
        piece.split(at: current)
        return piece
    }

    /// Changes between which the charge of a holding is drawn straight.
    private func samples(of index: Int) -> [Double] {
        let domain = problem.domains[index]
        let charge = problem.charges[index]
        let (lowest, highest) = (box.lower[index], box.upper[index])
        var changes = [lowest, highest]
        func add(_ change: Double?) {
            if let change, change > lowest, change < highest { changes.append(change) }
        }
        if domain.allowsNone { add(0) }
        let nearby = Self.nearbyWeight / problem.unitWeights[index]
        if let last = domain.floor(-Double.leastNormalMagnitude), last < -nearby { add(last) }
        if let first = domain.ceil(Double.leastNormalMagnitude), first > nearby { add(first) }
        if let sales = domain.sales {
            let largest = -sales.upperBound * (domain.lotSize ?? 1)
            if largest > lowest + nearby { add(largest) }
        }
        if charge.hasLotTaxes {
            for end in charge.lotEnds {
                add(domain.floor(-end))
                add(domain.ceil(-end))
            }
        }
        if charge.impact != 0, charge.costWeight != 0 {
            let least = Self.leastWish / Double(problem.count)
            let wish =
                max(abs(problem.desired[index] - problem.currentWeights[index]), least) / problem.unitWeights[index]
            for share in Self.impactShares {
                if lowest < 0 { add(domain.nearest(-share * wish)) }
                if highest > 0 { add(domain.nearest(share * wish)) }
            }
        }
        return changes.sorted()
    }

    /// A first trade below this share of the value is as good as none.
    private static let nearbyWeight = 1e-6
    /// Shares of the trade to the desired weight between which market impact is drawn straight.
    private static let impactShares = [0.25, 0.5, 0.75, 1, 1.5, 2.5, 8]
    /// The trade that market impact is drawn for is at least this share of an equal weight.
    private static let leastWish = 0.1

    // MARK: Programs

    /// The rows of the program over the free weights, cash eliminated and costs estimated.
    fileprivate func rows(cost: Double) -> [ParametricProgram.Row] {
        let settled = fixedWeights.reduce(0, +)
        var rows = [
            ParametricProgram.Row(
                coefficients: [Double](repeating: 1, count: free.count),
                lower: 1 - problem.cashCeiling - cost - settled,
                upper: 1 - problem.cashFloor - cost - settled
            )
        ]
        for row in problem.rows {
            let constant = row.cash * (1 - cost - settled) + dot(row.coefficients, fixedWeights)
            rows.append(
                ParametricProgram.Row(
                    coefficients: free.map { row.coefficients[$0] - row.cash },
                    lower: row.lower - constant,
                    upper: row.upper - constant
                )
            )
        }
        return rows
    }

    /// What the rest of the turnover limit leaves to the free weights.
    fileprivate var turnoverLeft: Double {
        guard let limit = problem.turnoverLimit else { return .infinity }
        var left = 2 * limit - problem.leastCashMove
        for index in 0..<problem.count where box.lower[index] >= box.upper[index] {
            left -= abs(fixedWeights[index] - problem.currentWeights[index])
        }
        return max(0, left)
    }

    /// Puts free weights among the fixed ones.
    fileprivate func complete(_ weights: [Double]) -> [Double] {
        var all = fixedWeights
        for (position, index) in free.enumerated() { all[index] = weights[position] }
        return all
    }

    fileprivate var freeIndices: [Int] { free }
    fileprivate var quadratic: DenseMatrix { curvature }
    fileprivate var linearTerm: [Double] { linear }
    fileprivate var smallestScale: Double {
        Self.leastScale * max((problem.covariance.diagonal.max() ?? 0).squareRoot(), .leastNormalMagnitude)
    }
}

/// The rounds of a relaxation.
private struct RelaxationWalk {
    private let relaxation: PlanRelaxation
    private let problem: PlanProblem
    private var start: RelaxationStart
    private var solves = 0
    /// The bend that each free weight's program is drawn around.
    private var bends: [Int]
    private var pieces: [ConvexPiece] = []

    /// Programs around other bends at most, for one set of pieces.
    private static let maximumShifts = 24
    /// Of these, how many may pass over bends.
    private static let leaps = 2

    init(_ relaxation: PlanRelaxation, start: RelaxationStart) {
        self.relaxation = relaxation
        problem = relaxation.problem
        self.start = start
        bends = []
    }

    /// A solved program with its multipliers, not yet divided by the scale.
    private struct Program {
        var weights: [Double]
        var rows: [Double]
        var limit: Double
    }

    mutating func run(shouldStop: () -> Bool) -> RelaxedPlan? {
        guard !relaxation.freeIndices.isEmpty else { return settled() }
        if problem.turnoverLimit == nil { return rounds(turnover: 0, limit: .infinity, shouldStop) }
        makePieces(turnover: 0)
        if pieces.indices.allSatisfy(isSimple) {
            return rounds(turnover: 0, limit: relaxation.turnoverLeft, shouldStop)
        }
        return searchTurnover(shouldStop)
    }

    /// Everything is fixed: there is nothing to solve.
    private func settled() -> RelaxedPlan {
        let weights = relaxation.complete([])
        let (slope, risk) = riskSlope(at: weights, scale: 0)
        return RelaxedPlan(
            weights: weights,
            multipliers: PlanMultipliers(
                riskSlope: slope,
                rows: [Double](repeating: 0, count: problem.rows.count),
                budget: 0,
                turnover: 0
            ),
            start: RelaxationStart(scale: risk),
            solves: 0
        )
    }

    // MARK: Risk scale

    /// Solves programs until the risk scale is the risk, from above so that the multipliers fit.
    private mutating func rounds(turnover: Double, limit: Double, _ shouldStop: () -> Bool) -> RelaxedPlan? {
        var scale = start.scale > 0 ? start.scale : riskSlope(at: problem.currentWeights, scale: 0).risk
        scale = max(scale, relaxation.smallestScale)
        var last: (scale: Double, risk: Double)?
        var best: RelaxedPlan?
        for _ in 0..<relaxation.maximumRounds {
            guard !shouldStop() else { return best }
            makePieces(turnover: turnover)
            guard let program = solve(scale: scale, limit: limit, shouldStop) else { return best }
            let weights = relaxation.complete(program.weights)
            let (slope, risk) = riskSlope(at: weights, scale: scale)
            let before = start
            start.scale = scale
            start.budget = program.rows[0] / scale
            start.cost = costShare(program.weights)
            start.turnover = turnover
            best = RelaxedPlan(
                weights: weights,
                multipliers: PlanMultipliers(
                    riskSlope: slope,
                    rows: program.rows.dropFirst().map { $0 / scale },
                    budget: start.budget,
                    turnover: limit < .infinity ? program.limit / scale : turnover
                ),
                start: start,
                solves: solves
            )
            let isSteady =
                abs(start.cost - before.cost) <= relaxation.accuracy * max(start.cost, 1e-9)
                && abs(start.budget - before.budget) <= relaxation.accuracy * max(abs(start.budget), 1e-6)
            let isMet = risk <= scale * (1 + 1e-9) && risk >= scale * (1 - 2 * relaxation.accuracy)
            if isMet || scale <= relaxation.smallestScale, isSteady { break }
            let next = nextScale(scale, risk, last)
            last = (scale, risk)
            scale = next
        }
        best?.solves = solves
        return best
    }

    /// The fixed point of the risk over the scale, extrapolated in logarithms, a hair above it.
    private func nextScale(_ scale: Double, _ risk: Double, _ last: (scale: Double, risk: Double)?) -> Double {
        let floor = relaxation.smallestScale
        guard risk > floor else { return floor }
        var target = risk
        if let last, last.risk > 0, abs(scale / last.scale - 1) > 1e-12 {
            let elasticity = log(risk / last.risk) / log(scale / last.scale)
            if elasticity > 0, elasticity < 0.98 {
                target = exp((log(risk) - elasticity * log(scale)) / (1 - elasticity))
            } else if elasticity >= 0.98 {
                target = 0
            }
        }
        // Where the risk falls nearly as fast as the scale, extrapolation knows no end.
        target = min(max(target, risk * 0.1), scale * 1000)
        return max(floor, target * (1 + relaxation.accuracy))
    }

    /// Σa over the larger of scale and risk, and the risk √(aᵀΣa).
    private func riskSlope(at weights: [Double], scale: Double) -> (slope: [Double], risk: Double) {
        var active = weights
        for i in active.indices { active[i] -= problem.desired[i] }
        let product = problem.covariance.symmetricTimes(active)
        let risk = max(0, dot(active, product)).squareRoot()
        let divisor = max(scale, risk)
        return (product.map { divisor > 0 ? $0 / divisor : 0 }, risk)
    }

    private func costShare(_ weights: [Double]) -> Double {
        var money = 0.0
        for (position, index) in relaxation.freeIndices.enumerated() {
            let moved = weights[position] - problem.currentWeights[index]
            let change = moved / problem.unitWeights[index]
            if abs(moved) > 1e-12 { money += hullCost(index, change) }
        }
        for index in 0..<problem.count where relaxation.box.lower[index] >= relaxation.box.upper[index] {
            money += problem.charges[index].cost(relaxation.box.lower[index])
        }
        return money / problem.portfolioValue
    }

    /// The proportional and impact part of a cost: a fraction of a trade has no fixed one.
    private func hullCost(_ index: Int, _ change: Double) -> Double {
        problem.charges[index].cost(change) - problem.charges[index].fixed
    }

    // MARK: Turnover

    /// The multiplier of turnover that is tried when none is known: a percent of risk for all of the value.
    private static let firstTurnoverTrial = 0.01

    /// Finds the multiplier of turnover at which the limit is just met; between two sides of a jump, mixes them.
    private mutating func searchTurnover(_ shouldStop: () -> Bool) -> RelaxedPlan? {
        let limit = relaxation.turnoverLeft
        func traded(_ plan: RelaxedPlan) -> Double {
            relaxation.freeIndices.reduce(0) { $0 + abs(plan.weights[$1] - problem.currentWeights[$1]) }
        }
        // A similar relaxation's multiplier is tried first.
        var multiplier = start.turnover
        var over: (multiplier: Double, plan: RelaxedPlan)?
        var under: (multiplier: Double, plan: RelaxedPlan)?
        for _ in 0..<relaxation.turnoverTrials {
            guard let plan = rounds(turnover: multiplier, limit: .infinity, shouldStop) else { break }
            let excess = traded(plan) - limit
            if excess > 0 { over = (multiplier, plan) } else { under = (multiplier, plan) }
            if excess <= 0, multiplier == 0 { return plan }
            if abs(excess) <= relaxation.accuracy * max(limit, 1e-6) { break }
            guard let below = under else {
                multiplier = multiplier == 0 ? Self.firstTurnoverTrial : multiplier * 4
                continue
            }
            let above = over?.multiplier ?? 0
            guard below.multiplier - above > relaxation.accuracy * below.multiplier else { break }
            multiplier = over == nil ? 0 : (below.multiplier + above) / 2
        }
        guard let under else { return over?.plan }
        guard let over else { return under.plan }
        let (more, less) = (traded(over.plan), traded(under.plan))
        let share = more > less ? max(0, min(1, (limit - less) / (more - less))) : 0
        var mixed = under.plan
        for i in mixed.weights.indices {
            mixed.weights[i] += share * (over.plan.weights[i] - under.plan.weights[i])
        }
        mixed.solves = solves
        return mixed
    }

    // MARK: One program

    private mutating func makePieces(turnover: Double) {
        pieces = relaxation.freeIndices.map {
            relaxation.piece(of: $0, budget: start.budget, turnover: turnover)
        }
        let count = pieces.count
        if bends.count != count { bends = [Int](repeating: -1, count: count) }
        for position in 0..<count {
            let piece = pieces[position]
            guard piece.segmentCount > 1 else {
                bends[position] = 0
                continue
            }
            if bends[position] < 1 || bends[position] >= piece.segmentCount {
                bends[position] = nearestBend(piece, to: problem.currentWeights[relaxation.freeIndices[position]])
            }
        }
    }

    private func nearestBend(_ piece: ConvexPiece, to weight: Double) -> Int {
        var best = 1
        for bend in 1..<piece.segmentCount
        where abs(piece.positions[bend] - weight) < abs(piece.positions[best] - weight) { best = bend }
        return best
    }

    /// Whether a piece bends nowhere but where nothing is traded.
    private func isSimple(_ position: Int) -> Bool {
        let piece = pieces[position]
        guard piece.segmentCount > 1 else { return true }
        let current = problem.currentWeights[relaxation.freeIndices[position]]
        return piece.segmentCount == 2 && abs(piece.positions[1] - current) <= 1e-12
    }

    /// Solves the program at a scale, moving along the pieces until no weight rests at the edge of its two parts.
    private mutating func solve(scale: Double, limit: Double, _ shouldStop: () -> Bool) -> Program? {
        let rows = relaxation.rows(cost: start.cost)
        var last: Program?
        for round in 0..<Self.maximumShifts {
            guard let program = solveParts(scale: scale, rows: rows, limit: limit, shouldStop) else { return last }
            last = program
            // A leap may overshoot; one bend at a time never makes it worse.
            guard shiftBends(program, rows, scale: scale, leaps: round < Self.leaps) else { break }
        }
        return last
    }

    /// Draws the programs of weights at an edge around the bend where their price and their charge would meet.
    private mutating func shiftBends(
        _ program: Program,
        _ rows: [ParametricProgram.Row],
        scale: Double,
        leaps: Bool
    ) -> Bool {
        var product: [Double]?
        var hasShifted = false
        for position in pieces.indices where pieces[position].segmentCount > 2 {
            let piece = pieces[position]
            let bend = bends[position]
            let weight = program.weights[position]
            let slack = 1e-12 * max(1, abs(weight))
            let isLow = weight <= piece.positions[bend - 1] + slack && bend > 1
            let isHigh = weight >= piece.positions[bend + 1] - slack && bend + 1 < piece.segmentCount
            guard isLow || isHigh else { continue }
            let gradient = product ?? relaxation.quadratic.symmetricTimes(program.weights)
            product = gradient
            var price = -(gradient[position] + relaxation.linearTerm[position])
            for (row, multiplier) in zip(rows, program.rows) { price -= multiplier * row.coefficients[position] }
            price /= scale
            let curvature = relaxation.quadratic[position, position] / scale
            var target = isLow ? bend - 1 : bend + 1
            if !leaps {
                // The new program bends where the weight rests.
            } else if isLow {
                while target > 1, piece.slope(target - 1) > price + curvature * (weight - piece.positions[target]) {
                    target -= 1
                }
            } else {
                while target + 1 < piece.segmentCount,
                    piece.slope(target) < price - curvature * (piece.positions[target] - weight)
                {
                    target += 1
                }
            }
            bends[position] = target
            hasShifted = true
        }
        return hasShifted
    }

    /// A bend without a change of slope is still one: a variable may begin there.
    private static let leastBend = Double.leastNormalMagnitude

    private mutating func solveParts(
        scale: Double,
        rows: [ParametricProgram.Row],
        limit: Double,
        _ shouldStop: () -> Bool
    ) -> Program? {
        let count = pieces.count
        var linear = relaxation.linearTerm
        var lower = [Double](repeating: 0, count: count)
        var upper = lower
        var kinks = ParametricProgram.Kinks(positions: lower, costs: lower)
        var left = limit
        for position in 0..<count {
            let piece = pieces[position]
            let current = problem.currentWeights[relaxation.freeIndices[position]]
            let bend = bends[position]
            let last = piece.positions.count - 1
            lower[position] = piece.positions[max(0, bend - 1)]
            upper[position] = piece.positions[min(last, bend + 1)]
            var (before, after) = (0.0, 0.0)
            if piece.segmentCount > 1 {
                (before, after) = (piece.slope(bend - 1), piece.slope(bend))
                kinks.positions[position] = piece.positions[bend]
            } else {
                if last == 1 { (before, after) = (piece.slope(0), piece.slope(0)) }
                kinks.positions[position] = min(max(current, lower[position]), upper[position])
            }
            linear[position] += scale * (before + after) / 2
            kinks.costs[position] = max(scale * (after - before) / 2, Self.leastBend)
            if limit < .infinity { left -= abs(current - kinks.positions[position]) }
        }
        kinks.limit = limit < .infinity ? max(0, left) : .infinity
        let program = ParametricProgram(
            curvature: .dense(relaxation.quadratic),
            linear: linear,
            lower: lower,
            upper: upper,
            rows: rows,
            kinks: kinks
        )
        solves += 1
        guard let solution = solved(program, shouldStop) else { return nil }
        return Program(weights: solution.point, rows: solution.multipliers, limit: solution.limitMultiplier)
    }

    /// Solves a program with few variables to begin with; where those alone meet no limit, with all.
    private mutating func solved(_ program: ParametricProgram, _ shouldStop: () -> Bool) -> ActiveSetSolution? {
        if let solution = try? ActiveSetSolver(program).solve(shouldStop: shouldStop) { return solution }
        var settings = ActiveSetSettings()
        guard program.variableCount > settings.smallProgram else { return nil }
        settings.smallProgram = program.variableCount
        return try? ActiveSetSolver(program, settings: settings).solve(shouldStop: shouldStop)
    }
}
