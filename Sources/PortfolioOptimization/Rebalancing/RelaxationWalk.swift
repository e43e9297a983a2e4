internal import ConvexSolver
internal import LinearAlgebra
internal import Matrices

/// The rounds of a relaxation.
struct RelaxationWalk {
    private let relaxation: PlanRelaxation
    private let problem: PlanProblem
    private var start: RelaxationStart
    private var solves = 0
    /// The bend that each free weight's program is drawn around.
    private var bends: [Int]
    private var pieces: [ConvexPiece] = []
    /// What the pieces are the hulls of.
    private let samples: [[PlanRelaxation.Sample]]
    /// Market impact around the last weights.
    private var impact: ImpactModel
    /// The last program's solution: the next program is much like it.
    private var last: ActiveSetSolution?

    /// Programs around other bends at most, for one set of pieces.
    private static let maximumShifts = 24
    /// Of these, how many may pass over bends.
    private static let leaps = 2

    init(_ relaxation: PlanRelaxation, start: RelaxationStart) {
        self.relaxation = relaxation
        problem = relaxation.problem
        self.start = start
        bends = []
        samples = relaxation.freeIndices.map { relaxation.samples(of: $0) }
        impact = ImpactModel(relaxation, weights: start.weights)
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
        let visit = ScaleVisit(problem, weights: relaxation.complete([]), scale: 0)
        return RelaxedPlan(
            weights: visit.weights,
            multipliers: PlanMultipliers(
                riskSlope: visit.slope,
                rows: [Double](repeating: 0, count: problem.rows.count),
                budget: 0,
                turnover: 0
            ),
            start: RelaxationStart(scale: visit.risk),
            solves: 0
        )
    }

    // MARK: Risk scale

    /// The objective's charge of the free weights, drawn as in the programs but without what multipliers add.
    private func charge(_ weights: [Double], budget: Double, turnover: Double) -> Double {
        var total = 0.0
        for position in pieces.indices {
            total += pieces[position].value(at: weights[position]) + impact.value(position, at: weights[position])
        }
        return total - max(0, budget) * start.cost - turnover * tradedShare(weights)
    }

    /// Σ|w − c| of the free weights.
    private func tradedShare(_ weights: [Double]) -> Double {
        var total = 0.0
        for (position, index) in relaxation.freeIndices.enumerated() {
            total += abs(weights[position] - problem.currentWeights[index])
        }
        return total
    }

    /// Rounds at most once scale and costs have settled: they may yet prove more.
    private static let roundsSettled = 2

    /// Charges are exact to the accuracy of at least this risk.
    private static let leastRisk = 1e-4

    /// Solves programs until the risk scale is the risk, from above so that the multipliers fit.
    private mutating func rounds(turnover: Double, limit: Double, _ shouldStop: () -> Bool) -> RelaxedPlan? {
        let idle = start.scale > 0 ? start.scale : ScaleVisit(problem, weights: problem.currentWeights, scale: 0).risk
        var scale = max(idle, relaxation.smallestScale)
        var search = ScaleSearch(floor: relaxation.smallestScale, accuracy: relaxation.accuracy)
        var best: RelaxedPlan?
        var bound = -Double.infinity
        var settled = 0
        for _ in 0..<relaxation.maximumRounds {
            guard !shouldStop() else { return best }
            makePieces(turnover: turnover)
            guard let program = solve(scale: scale, limit: limit, shouldStop) else { return best }
            let visit = ScaleVisit(problem, weights: relaxation.complete(program.weights), scale: scale)
            let before = start
            start = RelaxationStart(
                scale: scale,
                turnover: turnover,
                budget: program.rows[0] / scale,
                cost: costShare(program.weights),
                weights: visit.weights
            )
            let found = RelaxedPlan(
                weights: visit.weights,
                multipliers: PlanMultipliers(
                    riskSlope: visit.slope,
                    rows: program.rows.dropFirst().map { $0 / scale },
                    budget: start.budget,
                    turnover: limit < .infinity ? program.limit / scale : turnover
                ),
                start: start,
                solves: solves
            )
            let proven =
                relaxation.provesBound ? problem.bound(relaxation.box, multipliers: found.multipliers) : -.infinity
            // The last weights are the best ones, but other multipliers may have proven more.
            let kept = proven >= bound ? found.multipliers : best?.multipliers
            best = found
            best?.multipliers = kept ?? found.multipliers
            bound = max(bound, proven)
            search.visit(visit)
            let missed = impact.follow(program.weights)
            let value = visit.risk + charge(program.weights, budget: before.budget, turnover: turnover)
            let isPaid = problem.hasIntegers || abs(start.cost - before.cost) <= PlanRelaxation.cashHair / 2
            let tolerated = relaxation.accuracy * max(abs(value), PlanSearchSettings.objectiveFloor)
            if isPaid, value - bound <= tolerated { break }
            if isPaid, search.isMet, start.isNear(before, accuracy: relaxation.accuracy),
                missed <= relaxation.accuracy * max(visit.risk, Self.leastRisk)
            {
                settled += 1
                if settled > Self.roundsSettled || !relaxation.provesBound { break }
            }
            scale = search.next
        }
        best?.solves = solves
        return best
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
        func traded(_ plan: RelaxedPlan) -> Double { tradedShare(relaxation.freeIndices.map { plan.weights[$0] }) }
        // A similar relaxation's multiplier is tried first.
        var multiplier = start.turnover
        var over: (multiplier: Double, plan: RelaxedPlan)?
        var under: (multiplier: Double, plan: RelaxedPlan)?
        // The excess on either side, halved where the other side moved twice: the Illinois rule.
        var (high, low) = (0.0, 0.0)
        var wasOver: Bool?
        for _ in 0..<relaxation.turnoverTrials {
            guard let plan = rounds(turnover: multiplier, limit: .infinity, shouldStop) else { break }
            let excess = traded(plan) - limit
            if excess > 0 {
                (over, high) = ((multiplier, plan), excess)
                if wasOver == true { low /= 2 }
            } else {
                (under, low) = ((multiplier, plan), excess)
                if wasOver == false { high /= 2 }
            }
            wasOver = excess > 0
            if excess <= 0, multiplier == 0 { return plan }
            if abs(excess) <= relaxation.accuracy * max(limit, 1e-6) { break }
            guard let below = under else {
                multiplier = multiplier == 0 ? Self.firstTurnoverTrial : multiplier * 4
                continue
            }
            let above = over?.multiplier ?? 0
            guard below.multiplier - above > relaxation.accuracy * below.multiplier else { break }
            let share = over == nil ? 0 : min(max(high / (high - low), 0.02), 0.98)
            multiplier = above + share * (below.multiplier - above)
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
        pieces = relaxation.freeIndices.enumerated().map { position, index in
            relaxation.piece(samples[position], of: index, budget: start.budget, turnover: turnover)
        }
        impact.setBudget(start.budget)
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
        let curvature = impact.added(to: relaxation.quadratic, scale: scale)
        var last: Program?
        for round in 0..<Self.maximumShifts {
            guard let program = solveParts(curvature, scale: scale, rows: rows, limit: limit, shouldStop) else {
                return last
            }
            last = program
            // A leap may overshoot; one bend at a time never makes it worse.
            guard shiftBends(program, curvature, rows, scale: scale, leaps: round < Self.leaps) else { break }
        }
        return last
    }

    /// Draws the programs of weights at an edge around the bend where their price and their charge would meet.
    private mutating func shiftBends(
        _ program: Program,
        _ curvature: DenseMatrix,
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
            let gradient = product ?? curvature.symmetricTimes(program.weights)
            product = gradient
            var price = -(gradient[position] + relaxation.linearTerm[position])
            price -= scale * impact.slope(position, at: piece.positions[bend])
            for (row, multiplier) in zip(rows, program.rows) { price -= multiplier * row.coefficients[position] }
            price /= scale
            let bending = curvature[position, position] / scale
            var target = isLow ? bend - 1 : bend + 1
            if !leaps {
                // The new program bends where the weight rests.
            } else if isLow {
                while target > 1, piece.slope(target - 1) > price + bending * (weight - piece.positions[target]) {
                    target -= 1
                }
            } else {
                while target + 1 < piece.segmentCount,
                    piece.slope(target) < price - bending * (piece.positions[target] - weight)
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
        _ curvature: DenseMatrix,
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
            linear[position] += scale * impact.slope(position, at: kinks.positions[position])
            let jump = (after - before) / 2 + impact.jump(position, at: kinks.positions[position])
            kinks.costs[position] = max(scale * jump, Self.leastBend)
            if limit < .infinity { left -= abs(current - kinks.positions[position]) }
        }
        kinks.limit = limit < .infinity ? max(0, left) : .infinity
        let program = ParametricProgram(
            curvature: .dense(curvature),
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

    /// Solves a program from where the last one ended; else with few variables to begin with, and where those alone
    /// meet no limit, with all.
    private mutating func solved(_ program: ParametricProgram, _ shouldStop: () -> Bool) -> ActiveSetSolution? {
        guard let solver = try? ActiveSetSolver(program) else { return nil }
        var solution: ActiveSetSolution?
        if let last {
            solution = try? solver.solve(from: last, shouldStop: shouldStop)
        } else if program.variableCount > solver.settings.smallProgram {
            // Most of many holdings are traded: it is a better guess that all are than that none is.
            let wish = start.weights.isEmpty ? problem.desired : start.weights
            solution = try? solver.solve(near: relaxation.freeIndices.map { wish[$0] }, shouldStop: shouldStop)
        } else {
            solution = try? solver.solve(shouldStop: shouldStop)
        }
        if solution == nil, program.variableCount > solver.settings.smallProgram {
            var patient = solver
            patient.settings.smallProgram = program.variableCount
            solution = try? patient.solve(shouldStop: shouldStop)
        }
        if let solution { last = solution }
        return solution
    }
}
