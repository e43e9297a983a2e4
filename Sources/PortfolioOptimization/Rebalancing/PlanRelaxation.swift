internal import ConvexSolver
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
    /// The weights that were found; empty for none.
    var weights: [Double] = []

    /// Whether costs and what they are worth are as they were before.
    func isNear(_ other: RelaxationStart, accuracy: Double) -> Bool {
        abs(cost - other.cost) <= accuracy * max(cost, 1e-9)
            && abs(budget - other.budget) <= accuracy * max(abs(budget), 1e-6)
    }
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
/// its best (docs/mathematics.md, "Rebalance plans"). Piecewise linear charges are handled two parts at a time, market impact
/// by its second derivative.
struct PlanRelaxation {
    let problem: PlanProblem
    let box: PlanBox
    private let free: [Int]
    private let fixedWeights: [Double]
    private let curvature: DenseMatrix
    private let linear: [Double]

    /// Relative accuracy of the risk scale at which rounds end.
    var accuracy = 1e-6
    /// Whether the bound of each round is worked out: it may end the rounds, and only a search of weights needs none.
    var provesBound = true
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

    /// A trade at which a charge is drawn, and what it is charged but for market impact.
    struct Sample: Sendable {
        /// The weight after it.
        var weight: Double
        /// What the objective is charged.
        var charge: Double
        /// Money of cost.
        var cost: Double
    }

    /// What the trades of a holding are charged where its charge may bend.
    func samples(of index: Int) -> [Sample] {
        let charge = problem.charges[index]
        return samplePoints(of: index).map { change in
            let impact = charge.impactCost(change)
            return Sample(
                weight: problem.weight(of: index, after: change),
                charge: charge.charge(change) - charge.costWeight * impact,
                cost: charge.cost(change) - impact
            )
        }
    }

    /// The lower hull of a holding's charge with what the multipliers add.
    func piece(_ samples: [Sample], of index: Int, budget: Double, turnover: Double) -> ConvexPiece {
        let perCost = max(0, budget / problem.portfolioValue)
        let current = problem.currentWeights[index]
        let points = samples.map { sample in
            (
                position: sample.weight,
                value: sample.charge + perCost * sample.cost + turnover * abs(sample.weight - current)
            )
        }
        var piece = ConvexPiece(hullOf: points)
        // Where nothing is traded the program begins: there a bend never hurts.
        piece.split(at: current)
        return piece
    }

    /// Changes between which the charge of a holding is drawn straight.
    private func samplePoints(of index: Int) -> [Double] {
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
        return changes.sorted()
    }

    /// A first trade below this share of the value is as good as none.
    private static let nearbyWeight = 1e-6

    // MARK: Programs

    /// Cash left where fractions are traded, as a share of the value.
    static let cashHair = 4e-9

    /// The rows of the program over the free weights, cash eliminated and costs estimated.
    func rows(cost: Double) -> [ParametricProgram.Row] {
        let settled = fixedWeights.reduce(0, +)
        // A hair of cash is left, so that what the estimate of the costs misses does not make the plan one that cannot
        // be paid.
        let room = problem.cashCeiling - problem.cashFloor
        let hair = problem.hasIntegers ? 0 : min(Self.cashHair, room / 2)
        var rows = [
            ParametricProgram.Row(
                coefficients: [Double](repeating: 1, count: free.count),
                lower: 1 - problem.cashCeiling - cost - settled,
                upper: 1 - problem.cashFloor - hair - cost - settled
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
    var turnoverLeft: Double {
        guard let limit = problem.turnoverLimit else { return .infinity }
        var left = 2 * limit - problem.leastCashMove
        for index in 0..<problem.count where box.lower[index] >= box.upper[index] {
            left -= abs(fixedWeights[index] - problem.currentWeights[index])
        }
        return max(0, left)
    }

    /// Puts free weights among the fixed ones.
    func complete(_ weights: [Double]) -> [Double] {
        var all = fixedWeights
        for (position, index) in free.enumerated() { all[index] = weights[position] }
        return all
    }

    var freeIndices: [Int] { free }
    var quadratic: DenseMatrix { curvature }
    var linearTerm: [Double] { linear }
    var smallestScale: Double {
        Self.leastScale * max((problem.covariance.diagonal.max() ?? 0).squareRoot(), .leastNormalMagnitude)
    }
}
