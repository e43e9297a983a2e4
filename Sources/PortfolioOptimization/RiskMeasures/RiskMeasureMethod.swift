internal import ConvexSolver
internal import LinearAlgebra
internal import Matrices
internal import PortfolioModel

/// The four objectives on a measure of risk other than volatility, under every limit of a mandate.
///
/// With ρ the measure per period and P the periods in a year: least ρ; most return with ρ ≤ max_risk; return − λPρ; and
/// the largest excess return over ρ, by Dinkelbach's steps on excess − θρ (docs/mathematics.md).
struct RiskMeasureMethod {
    let problem: AllocationProblem
    private(set) var limits: AllocationLimits
    /// What the limits, their prices and their contradictions have in common with mean-variance optimization.
    private(set) var base: MeanVarianceMethod
    let solver: any RiskSolving

    /// Dinkelbach's steps at most; they converge faster than linearly.
    private static let mostRatioSteps = 40
    /// Below this share of the measure's scale a portfolio is without risk.
    private static let riskless = 1e-9
    /// Below this share of the largest excess return there is none.
    private static let negligibleExcess = 1e-9

    /// Takes a problem, and the solver of one on the same scenarios where there was one.
    init(_ problem: AllocationProblem, solver known: (any RiskSolving)? = nil) throws(OptimizationFailure) {
        self.problem = problem
        if let known { solver = known } else { solver = try riskSolver(of: problem) }
        var base = MeanVarianceMethod(problem)
        base.risk = solver
        self.base = base
        limits = base.limits
    }

    func solve(shouldStop: () -> Bool) throws(OptimizationFailure) -> AllocationSolution {
        if let clash = ArithmeticCheck(problem: problem, limits: limits).clash() {
            throw try base.infeasible(because: clash, shouldStop: shouldStop)
        }
        if limits.forbidsTrading { return try currentAllocation(shouldStop: shouldStop) }
        switch problem.objective {
        case .minimizeRisk where limits.softSides.isEmpty: return try leastRisk(shouldStop: shouldStop)
        case .minimizeRisk: return try softened(self, aversion: 1, shouldStop: shouldStop)
        case .maximizeReturn: return try softened(self, aversion: 0, shouldStop: shouldStop)
        case .maximizeUtility:
            let aversion = problem.preferences.effectiveRiskAversion * problem.periodsPerYear
            return try softened(self, aversion: aversion, shouldStop: shouldStop)
        case .maximizeSharpe: return try bestRatio(shouldStop: shouldStop)
        case .minimizeTrackingError, .maximizeInformationRatio, .maximizeDiversification, .minimizeTransactionCosts,
            .riskBudgeting, .multiObjective, .custom:
            // Requests of this kind are refused before they get here.
            throw OptimizationFailure(
                code: "invalid_inputs",
                message: "\(problem.objective.rawValue) does not go with \(problem.riskMeasure.rawValue)"
            )
        }
    }

    // MARK: Programs

    /// An optimum with what it is worth in the caller's terms.
    struct Optimum {
        var optimum: ProgramOptimum
        var program: AllocationProgram
        /// What one unit of a multiplier gains.
        var gain: Double?
        /// A point within all limits of the least risk, where one had to be found.
        var anchor: [Double]?
    }

    /// The same with a limit on the measure that may be exceeded held.
    func holding(_ side: LimitSide) -> RiskMeasureMethod {
        var method = self
        method.limits.riskLimit = side
        method.limits.softRisk = nil
        method.base = MeanVarianceMethod(problem, limits: method.limits, scaling: base.scaling)
        method.base.risk = base.risk
        return method
    }

    /// The rows of the limits with a risk column.
    func builder(limitsRisk: Bool, holdingSoft: Bool = true) -> ProgramBuilder {
        // What may be exceeded at no price is no limit: without its rows nothing is left open.
        let limits = holdingSoft ? limits : limits.without(limits.softParameters)
        var builder = ProgramBuilder(limits: limits)
        if !limits.volatilityLimits.isEmpty {
            builder.volatility = (base.scaling.factor, base.scaling.volatilityUnit)
        }
        builder.risk = RiskColumn(unit: solver.unit, limit: limitsRisk ? limits.riskLimit : nil)
        return builder
    }

    /// The least risk within the limits, that on risk and those that may be exceeded left out.
    func leastRiskOptimum(shouldStop: () -> Bool) throws(OptimizationFailure) -> Optimum {
        let builder = builder(limitsRisk: false, holdingSoft: false)
        var linear = [Double](repeating: 0, count: builder.columnCount)
        if let column = builder.riskColumn { linear[column] = 1 }
        for (column, _) in limits.softPrices { linear[column] = 1 }
        var least = try solved(builder, linear, gain: solver.unit, anchor: nil, shouldStop: shouldStop)
        limits.settleEverySoft(&least.optimum.primal, volatility: base.annualizedVolatility)
        return least
    }

    /// The largest of the gains, but for penalties, which may be any multiple of what matters.
    var largestGain: Double {
        let penalized = Set(limits.softPrices.map(\.column))
        var largest = 0.0
        for (column, gain) in gains.enumerated() where !penalized.contains(column) { largest = max(largest, abs(gain)) }
        return largest
    }

    /// What the objective gains by the decision variables, apart from the risk: nothing where least risk is all.
    var gains: [Double] {
        guard problem.objective == .minimizeRisk else { return base.scaling.netExcessReturns(limits.layout) }
        var gains = [Double](repeating: 0, count: limits.layout.count)
        for (column, price) in limits.softPrices { gains[column] = -price }
        return gains
    }

    private func leastRisk(shouldStop: () -> Bool) throws(OptimizationFailure) -> AllocationSolution {
        let least = try leastRiskOptimum(shouldStop: shouldStop)
        return try dressed(least, shouldStop: shouldStop)
    }

    /// The most of net excess return − aversion · ρ within all limits.
    ///
    /// The limit on risk is left out until the answer breaks it: then a point of the least risk shows the way inside.
    func tradeOff(aversion: Double, shouldStop: () -> Bool) throws(OptimizationFailure) -> Optimum {
        let free = try tradeOff(aversion: aversion, limitsRisk: false, anchor: nil, shouldStop: shouldStop)
        guard let limit = limits.riskLimit, risk(at: free.optimum.primal) > limit.bound else { return free }
        let least = try leastRiskOptimum(shouldStop: shouldStop)
        guard excess(of: risk(at: least.optimum.primal), over: limit) <= AllocationLimits.tolerance else {
            throw try base.infeasible(because: nil, shouldStop: shouldStop)
        }
        if let priced = try pricedOptimum(free, least, aversion: aversion, limit: limit, shouldStop: shouldStop) {
            return priced
        }
        return try tradeOff(
            aversion: aversion,
            limitsRisk: true,
            anchor: limits.threshold == nil ? least.optimum.primal : nil,
            shouldStop: shouldStop
        )
    }

    private func tradeOff(
        aversion: Double,
        limitsRisk: Bool,
        anchor: [Double]?,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> Optimum {
        var builder = builder(limitsRisk: limitsRisk)
        if aversion == 0, !limitsRisk, limits.softRisk == nil || !limits.hasChoices { builder.risk = nil }
        let gains = self.gains
        let unit = powerOfTwo(near: max(aversion * solver.unit, largestGain))
        var linear = gains.map { -$0 / unit } + [Double](repeating: 0, count: builder.columnCount - gains.count)
        if let column = builder.riskColumn { linear[column] = aversion * solver.unit / unit }
        return try solved(builder, linear, gain: unit, anchor: anchor, shouldStop: shouldStop)
    }

    func solved(
        _ builder: ProgramBuilder,
        _ linear: [Double],
        gain: Double?,
        anchor: [Double]?,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> Optimum {
        guard let program = builder.program(quadratic: nil, linear: linear) else {
            throw try base.infeasible(because: nil, shouldStop: shouldStop)
        }
        return try solved(program, gain: gain, anchor: anchor, shouldStop: shouldStop)
    }

    /// The optimum of a program with the risk column of this method.
    func solved(
        _ program: AllocationProgram,
        gain: Double?,
        anchor: [Double]?,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> Optimum {
        let program = priced(program, gain: gain)
        let outcome = try solver.solve(
            program,
            preferences: problem.preferences,
            anchor: anchor,
            shouldStop: shouldStop
        )
        switch outcome {
        case .infeasible: throw try base.infeasible(because: nil, shouldStop: shouldStop)
        case .unbounded: throw numericalDifficulty("the solver found no bound of a bounded program")
        case .solved(let optimum):
            return Optimum(optimum: optimum, program: program, gain: gain, anchor: anchor)
        }
    }

    // MARK: Ratio

    /// The largest (net excess return)/ρ.
    ///
    /// θ is the ratio of the last point; the most of excess − θρ is positive while a better one exists.
    private func bestRatio(shouldStop: () -> Bool) throws(OptimizationFailure) -> AllocationSolution {
        var best = try tradeOff(aversion: 0, shouldStop: shouldStop)
        var excess = excessReturn(at: best.optimum.primal)
        let gains = base.scaling.netExcessReturns(limits.layout)
        let size = gains.reduce(0) { max($0, $1.magnitude) }
        guard excess > Self.negligibleExcess * size else { throw noExcessReturn(best: excess) }
        var ratio = try self.ratio(excess, at: best.optimum.primal)
        var iterations = best.optimum.report.iterations
        for _ in 0..<Self.mostRatioSteps {
            let next: Optimum
            do throws(OptimizationFailure) {
                next = try tradeOff(aversion: ratio, shouldStop: shouldStop)
            } catch {
                guard error.code == "time_limit" else { throw error }
                // A better ratio may be left: how much better is not known.
                best.optimum.report.status = .withinGap
                best.optimum.report.relativeGap = max(best.optimum.report.relativeGap, 1)
                best.optimum.dual = []
                break
            }
            iterations += next.optimum.report.iterations
            let nextExcess = excessReturn(at: next.optimum.primal)
            let surplus = nextExcess - ratio * risk(at: next.optimum.primal)
            // At the best ratio doing nothing is as good: what is left are roundings.
            guard surplus > 1e-12 * max(nextExcess.magnitude, excess) else {
                // F(θ) lies between the surplus and its bound, and so does what the ratio may gain.
                if next.optimum.report.status == .withinGap {
                    best.optimum.report.status = .withinGap
                    best.optimum.report.relativeGap = next.optimum.report.relativeGap
                }
                best.optimum.dual = next.optimum.dual
                best.program = next.program
                best.gain = next.gain
                break
            }
            let nextRatio = try self.ratio(nextExcess, at: next.optimum.primal)
            let isDone = nextRatio - ratio <= 1e-13 * ratio
            (best, excess, ratio) = (next, nextExcess, nextRatio)
            if isDone { break }
        }
        best.optimum.report.iterations = iterations
        withLeastCash(&best, ratio: ratio)
        // F(θ) = max excess − θρ is 0 at the best ratio, so dθ/db = (∂F/∂b)/ρ.
        let risk = risk(at: best.optimum.primal)
        best.gain = best.gain.map { $0 / risk }
        return try dressed(best, shouldStop: shouldStop)
    }

    private func ratio(_ excess: Double, at point: [Double]) throws(OptimizationFailure) -> Double {
        let risk = risk(at: point)
        guard risk > Self.riskless * solver.unit else {
            throw OptimizationFailure(
                code: "unbounded",
                message: "An allocation without risk earns more than the risk-free rate: the ratio of excess return to"
                    + " \(problem.riskMeasure.rawValue) has no maximum. Check the scenarios, or choose another measure."
            )
        }
        return excess / risk
    }

    /// Of the points on a ray from cash that share the best ratio, the one with least cash.
    private func withLeastCash(_ best: inout Optimum, ratio: Double) {
        let point = best.optimum.primal
        let column = limits.layout.cash
        let (cash, least) = (point[column], limits.cashLimits.lower?.bound ?? 0)
        guard cash - least > AllocationLimits.tolerance, cash < 1 else { return }
        var (low, high) = (least, cash)
        for step in 0..<60 {
            let middle = step == 0 ? least : (low + high) / 2
            let weights = point[..<column].map { $0 * (1 - middle) / (1 - cash) }
            let scaled = limits.point(weights: weights, cash: middle)
            let risk = solver.measured.value(of: Array(weights))
            let isAsGood = excessReturn(at: scaled) >= risk * ratio * (1 - 1e-12)
            if isAsGood, violation(at: scaled).amount <= 1e-12 {
                best.optimum.primal.replaceSubrange(..<scaled.count, with: scaled)
                high = middle
                if step == 0 { return }
            } else {
                low = middle
            }
        }
    }

    // MARK: Answers

    /// Net excess return, annual, of decision variables.
    func excessReturn(at point: [Double]) -> Double {
        let gains = base.scaling.netExcessReturns(limits.layout)
        return zip(gains, limits.settled(point)).reduce(base.scaling.costOfCurrentWeights) { $0 + $1.0 * $1.1 }
    }

    /// The measure at decision variables.
    func risk(at point: [Double]) -> Double { solver.measured.value(of: Array(point[..<limits.layout.cash])) }

    private func excess(of risk: Double, over limit: LimitSide) -> Double {
        (risk - limit.bound) / powerOfTwo(near: limit.bound)
    }

    /// The largest distance by which a point misses a limit, and what it misses.
    private func violation(at point: [Double]) -> (amount: Double, what: String) {
        let volatility = base.annualizedVolatility(of: point[..<limits.layout.cash])
        let worst = limits.worstViolation(at: Array(point[..<limits.layout.count]), volatility: volatility)
        guard let limit = limits.riskLimit else { return worst }
        let excess = excess(of: risk(at: point), over: limit)
        return excess > worst.amount ? (excess, "/max_risk") : worst
    }

    /// An optimum cleaned, checked against every limit, and with its binding limits.
    func dressed(
        _ found: Optimum,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> AllocationSolution {
        var point = try base.clean(found.optimum, scale: 1).point
        // Without multipliers there is no slope: integers decided.
        var hasPrices = limits.threshold == nil && !found.optimum.dual.isEmpty
        if problem.objective == .minimizeRisk, limits.softSides.isEmpty, let limit = limits.riskLimit,
            excess(of: risk(at: point), over: limit) > AllocationLimits.tolerance
        {
            throw try base.infeasible(because: nil, shouldStop: shouldStop)
        }
        let worst = violation(at: point)
        if worst.amount > AllocationLimits.tolerance {
            guard limits.threshold == nil, let inside = try towardsLeastRisk(point, found, shouldStop: shouldStop)
            else { throw numericalDifficulty("\(worst.what) is missed by \(worst.amount)") }
            point = inside
            hasPrices = false
        }
        let prices = (hasPrices ? found.gain : nil).map {
            ShadowPrices(program: found.program, dual: found.optimum.dual, gainPerDual: $0)
        }
        let volatility = base.annualizedVolatility(of: point[..<limits.layout.cash])
        var binding = base.bindingLimits(at: point, volatility: volatility, prices: prices)
        if let limit = limits.riskLimit, excess(of: risk(at: point), over: limit) >= -1e-7 {
            binding += base.entry(limit, risk(at: point), prices.map { $0.ofRisk(unit: solver.unit) })
        }
        return AllocationSolution(
            weights: Array(point[..<limits.layout.cash]),
            cash: point[limits.layout.cash],
            report: found.optimum.report,
            bindingConstraints: binding,
            warnings: problem.warnings,
            reducedCosts: prices?.reducedCosts(limits)
        )
    }

    /// A point moved towards the one of least risk until it meets every limit, or nil when that one does not.
    private func towardsLeastRisk(
        _ point: [Double],
        _ found: Optimum,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> [Double]? {
        var least = found.anchor ?? []
        if least.isEmpty { least = try leastRiskOptimum(shouldStop: shouldStop).optimum.primal }
        var (low, high) = (0.0, 1.0)
        guard violation(at: mixed(point, least, 1)).amount <= AllocationLimits.tolerance else { return nil }
        for _ in 0..<50 {
            let middle = (low + high) / 2
            if violation(at: mixed(point, least, middle)).amount <= AllocationLimits.tolerance {
                high = middle
            } else {
                low = middle
            }
        }
        return mixed(point, least, high)
    }

    private func mixed(_ a: [Double], _ b: [Double], _ share: Double) -> [Double] {
        let cash = limits.layout.cash
        let point = (0...cash).map { a[$0] + share * (b[$0] - a[$0]) }
        return limits.point(weights: Array(point[..<cash]), cash: point[cash])
    }

    /// The answer when no trading is allowed: what is held, if it meets the limits.
    func currentAllocation(shouldStop: () -> Bool) throws(OptimizationFailure) -> AllocationSolution {
        let point = limits.point(weights: problem.currentWeights, cash: problem.currentCash)
        guard violation(at: point).amount <= AllocationLimits.tolerance else {
            throw try base.infeasible(
                because: "max_turnover allows no trading, and what is held breaks other limits.",
                shouldStop: shouldStop
            )
        }
        if problem.objective == .maximizeSharpe {
            let excess = excessReturn(at: point)
            guard excess > 0 else { throw noExcessReturn(best: excess) }
        }
        var answer = Optimum(
            optimum: ProgramOptimum(primal: point, dual: [], report: .withoutProgram(solver: "no_trading")),
            program: AllocationProgram.empty,
            gain: nil
        )
        answer.anchor = point
        return try dressed(answer, shouldStop: shouldStop)
    }
}

/// What solves the programs of a problem's measure.
///
/// - Throws: ``OptimizationFailure`` with the code `missing_scenarios`, `unequal_probabilities` or `invalid_inputs`.
func riskSolver(of problem: AllocationProblem) throws(OptimizationFailure) -> any RiskSolving {
    let risk = try portfolioRisk(of: problem)
    if let quantile = risk as? QuantileRisk { return QuantileProgramSolver(quantile) }
    guard let convex = risk as? any ConvexRisk else {
        throw numericalDifficulty("\(problem.riskMeasure.rawValue) is not convex")
    }
    return RiskProgramSolver(convex)
}

/// The measure of a problem.
///
/// - Throws: as ``riskSolver(of:)``.
func portfolioRisk(of problem: AllocationProblem) throws(OptimizationFailure) -> any PortfolioRisk {
    try portfolioRisk(of: problem, problem.riskMeasure)
}

/// A measure of a problem's instruments, whether or not it is the problem's own.
///
/// - Throws: as ``riskSolver(of:)``.
func portfolioRisk(
    of problem: AllocationProblem,
    _ measure: RiskMeasure
) throws(OptimizationFailure) -> any PortfolioRisk {
    let nominal = try portfolioRisk(
        measure,
        returns: problem.scenarios,
        probabilities: problem.scenarioProbabilities,
        expectedReturns: problem.expectedReturns,
        covariance: problem.covariance,
        periodsPerYear: problem.periodsPerYear,
        confidence: problem.preferences.effectiveConfidenceLevel
    )
    return try guarded(nominal, by: problem.type == .robust ? problem.parameters.uncertainty : nil)
}
