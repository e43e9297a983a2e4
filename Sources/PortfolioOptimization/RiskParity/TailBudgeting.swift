internal import ConvexSolver
internal import LinearAlgebra
public import Matrices

/// The long-only portfolio whose contributions to conditional value-at-risk over scenarios are in proportion to budgets.
///
/// Its direction x is the minimiser of CVaR(x) − Σ bᵢ ln xᵢ, which is unique, and w = x / Σx. CVaR over scenarios has kinks
/// where losses tie at the value-at-risk; there its contributions xᵢgᵢ are those of any g in ∂CVaR(x), and optimality is
/// that bᵢ/xᵢ is such a g: 0 ∈ ∂CVaR(x) − b/x. The g found comes as the probabilities q of the tail it is the mean loss of.
///
/// - Parameters:
///   - returns: T × n returns per period, as fractions.
///   - probabilities: T, sum 1; nil is 1/T each.
///   - budgets: b, n, not negative, in any unit: only their proportions count. Nil for equal ones.
///   - confidence: β, in [0, 1).
///   - shouldStop: asked once an iteration; true ends the solve with ``RiskBudgetingError/stopped``.
/// - Returns: the weights, the tail and how far its contributions are from the budgets.
/// - Throws: ``RiskBudgetingError``: `riskless` where some combination of the instruments has a CVaR of 0 or less.
/// - Complexity: 15 to 40 iterations of O(mn² + n³), m the scenarios near the tail.
/// - SeeAlso: Bruder & Roncalli (2012) for the program; `docs/mathematics.md`, Budgets of the tail.
public func tailBudgetPortfolio(
    returns: DenseMatrix,
    probabilities: [Double]? = nil,
    budgets: [Double]? = nil,
    confidence: Double = 0.95,
    shouldStop: () -> Bool = { false }
) throws(RiskBudgetingError) -> TailBudgetPortfolio {
    let problem = try TailBudgetProblem(returns, probabilities, budgets, confidence: confidence)
    return try problem.solve(shouldStop: shouldStop)
}

/// A portfolio of budgets of conditional value-at-risk, and the tail that proves it.
public struct TailBudgetPortfolio: Equatable, Sendable {
    /// w, n, not negative, summing to 1.
    public let weights: [Double]
    /// q, T: the probabilities of the tail, 0 ≤ qₜ ≤ pₜ/(1 − β), sum 1.
    public let tail: [Double]
    /// g = −Rᵀq, n: the mean loss of each instrument in that tail, a subgradient of CVaR at w.
    public let gradient: [Double]
    /// The largest |wᵢgᵢ / (CVaR · bᵢ) − 1| over the instruments with a budget.
    public let budgetError: Double
    /// Iterations taken.
    public let iterations: Int
}

/// A checked problem of budgets of the tail, restricted to the instruments with a budget.
private struct TailBudgetProblem {
    /// −R of the instruments with a budget, in a unit near the largest return.
    private let losses: DenseMatrix
    private let unit: Double
    /// pₜ/(1 − β).
    private let caps: [Double]
    /// b, summing to 1, all positive.
    private let budgets: [Double]
    private let instruments: [Int]
    private let returns: DenseMatrix
    private let probabilities: [Double]
    private let confidence: Double

    /// Scenarios looked at beside those in the tail, as a multiple of the tail's number and of the instruments'.
    private static let tailMultiple = 2
    /// A miss of a scenario that is not looked at, relative to CVaR, that is rounding.
    private static let rounding = 1e-12
    /// Choices of scenarios to look at, at most.
    private static let mostChoices = 30
    /// A budget missed by more than this is no answer.
    private static let acceptable = 1e-7
    /// A CVaR below this share of the largest return is none.
    private static let riskless = 1e-9

    init(
        _ returns: DenseMatrix,
        _ probabilities: [Double]?,
        _ budgets: [Double]?,
        confidence: Double
    ) throws(RiskBudgetingError) {
        let (count, n) = (returns.rows, returns.columns)
        let all = budgets ?? [Double](repeating: 1, count: n)
        guard all.count == n else {
            throw RiskBudgetingError.dimensionMismatch(what: "budgets", expected: n, actual: all.count)
        }
        let p = probabilities ?? [Double](repeating: 1 / Double(max(1, count)), count: count)
        guard p.count == count else {
            throw RiskBudgetingError.dimensionMismatch(what: "probabilities", expected: count, actual: p.count)
        }
        for (index, budget) in all.enumerated() {
            guard budget.isFinite else { throw RiskBudgetingError.notFinite(what: "budgets", index: index) }
            guard budget >= 0 else { throw RiskBudgetingError.negativeBudget(instrument: index) }
        }
        for (index, value) in returns.elements.enumerated() where !value.isFinite {
            throw RiskBudgetingError.notFinite(what: "returns", index: index)
        }
        instruments = all.indices.filter { all[$0] > 0 }
        let total = all.reduce(0, +)
        guard total > 0, total.isFinite else { throw RiskBudgetingError.noBudget }
        self.budgets = instruments.map { all[$0] / total }
        let largest = returns.elements.reduce(0) { max($0, $1.magnitude) }
        guard largest > 0, count > 0 else { throw RiskBudgetingError.riskless }
        unit = powerOfTwo(near: largest)
        self.returns = returns
        self.probabilities = p
        self.confidence = confidence
        caps = p.map { $0 / (1 - confidence) }
        var losses = returns.selecting(rows: Array(0..<count), columns: instruments)
        for index in losses.elements.indices { losses.elements[index] /= -unit }
        self.losses = losses
    }

    func solve(shouldStop: () -> Bool) throws(RiskBudgetingError) -> TailBudgetPortfolio {
        guard let start = start() else { throw try failure(budgetError: .infinity) }
        var chosen = nearTail(of: start)
        var iterations = 0
        for _ in 0..<Self.mostChoices {
            var centering = TailCentering(
                losses: losses.selecting(rows: chosen, columns: Array(budgets.indices)),
                caps: chosen.map { caps[$0] },
                budgets: budgets,
                start: start
            )
            let isCentered = try centering.run(shouldStop: shouldStop)
            iterations += centering.iterations
            guard isCentered else { throw try failure(budgetError: centering.budgetError) }
            let point = centering.polished()
            let forgotten = forgotten(chosen, point)
            if forgotten.isEmpty { return try portfolio(point, chosen, iterations: iterations) }
            chosen = (chosen + forgotten).sorted()
        }
        throw RiskBudgetingError.notConverged(budgetError: .infinity)
    }

    /// Budgets over the losses that each instrument alone has in its tail, of a CVaR of 1; nil where one has none.
    private func start() -> [Double]? {
        let count = losses.rows
        var x = budgets
        for i in x.indices {
            let alone = Array(losses.elements[(i * count)..<((i + 1) * count)])
            let q = tailWeights(losses: alone, probabilities, confidence: confidence)
            let risk = dot(q, alone)
            guard risk > Self.riskless else { return nil }
            x[i] = budgets[i] / risk
        }
        let profile = losses.times(x)
        let risk = dot(tailWeights(losses: profile, probabilities, confidence: confidence), profile)
        return risk > Self.riskless ? x.map { $0 / risk } : x
    }

    /// The scenarios of the largest losses: the tail, and more than as many again.
    private func nearTail(of x: [Double]) -> [Int] {
        let profile = losses.times(x)
        let possible = profile.indices.filter { caps[$0] > 0 }
        let order = possible.sorted { (profile[$0], $1) > (profile[$1], $0) }
        var mass = 0.0
        var inTail = 0
        while inTail < order.count, mass < 1 {
            mass += caps[order[inTail]]
            inTail += 1
        }
        let wanted = inTail * (1 + Self.tailMultiple) + 2 * budgets.count + 20
        return wanted * 2 >= order.count ? possible : order.prefix(wanted).sorted()
    }

    /// Scenarios that are not looked at but lose more than the tail's level, with those that nearly do.
    private func forgotten(_ chosen: [Int], _ point: TailCentering.Point) -> [Int] {
        let profile = losses.times(point.x)
        var isChosen = [Bool](repeating: false, count: profile.count)
        for t in chosen { isChosen[t] = true }
        let left = profile.indices.filter { !isChosen[$0] && caps[$0] > 0 }
        let size = max(1, point.level.magnitude)
        guard left.contains(where: { profile[$0] > point.level + Self.rounding * size }) else { return [] }
        let order = left.sorted { (profile[$0], $1) > (profile[$1], $0) }
        let beyond = order.prefix { profile[$0] > point.level }.count
        return Array(order.prefix(2 * beyond + budgets.count))
    }

    private func portfolio(
        _ point: TailCentering.Point,
        _ chosen: [Int],
        iterations: Int
    ) throws(RiskBudgetingError) -> TailBudgetPortfolio {
        var tail = [Double](repeating: 0, count: caps.count)
        for (place, t) in chosen.enumerated() { tail[t] = point.tail[place] }
        let size = point.x.reduce(0, +)
        var weights = [Double](repeating: 0, count: returns.columns)
        for (place, instrument) in instruments.enumerated() { weights[instrument] = point.x[place] / size }
        let gradient = returns.transposedTimes(tail).map { -$0 }
        let risk = dot(weights, gradient)
        var worst = 0.0
        for (place, i) in instruments.enumerated() {
            worst = max(worst, (weights[i] * gradient[i] / (risk * budgets[place]) - 1).magnitude)
        }
        guard risk > 0, worst <= Self.acceptable else { throw try failure(budgetError: worst) }
        return TailBudgetPortfolio(
            weights: weights,
            tail: tail,
            gradient: gradient,
            budgetError: worst,
            iterations: iterations
        )
    }

    /// Why there is no portfolio: the least CVaR of all long-only combinations tells.
    private func failure(budgetError: Double) throws(RiskBudgetingError) -> RiskBudgetingError {
        let scenarios = ScenarioProblem(
            returns: returns.selecting(rows: Array(0..<returns.rows), columns: instruments),
            probabilities: probabilities,
            largestWeights: [Double](repeating: 1, count: instruments.count)
        )
        let least = try? ConditionalValueAtRisk(confidence: confidence).minimize(scenarios)
        if let least, least.status == .solved, least.value <= Self.riskless * unit { return .riskless }
        return .notConverged(budgetError: budgetError)
    }
}
