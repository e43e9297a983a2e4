internal import ConvexSolver
internal import Matrices
internal import PortfolioModel

/// Markowitz's mean-variance optimization: the objectives on return, volatility and cost under the limits of a mandate.
///
/// Minimum risk, tracking error and cost, maximum utility and return are one quadratic program in the weights
/// (`quadraticOptimum`); ratios are one in homogenised weights (`MaximumSharpe.swift`). docs/mathematics.md has the
/// forms.
struct MeanVarianceMethod {
    let problem: AllocationProblem
    let limits: AllocationLimits
    let scaling: MomentScaling
    /// What solves programs with a risk measure other than volatility, when there is one.
    var risk: (any RiskSolving)?
    /// Whether a failure says what clashes, which costs many programs.
    var explains: Bool

    /// Limits that are missed by this share of their numbers together certainly cannot be met.
    static let certainMiss = 1e-8

    init(_ problem: AllocationProblem) { self.init(problem, limits: ConstraintCompiler.compile(problem)) }

    /// With limits that a method has made its own.
    init(_ problem: AllocationProblem, limits: AllocationLimits) {
        self.problem = problem
        self.limits = limits
        scaling = MomentScaling(problem, limits: limits)
        explains = problem.explainsFailures
    }

    /// With the units of moments that another period of the same mandate has already.
    init(_ problem: AllocationProblem, limits: AllocationLimits, scaling: MomentScaling) {
        self.problem = problem
        self.limits = limits
        self.scaling = scaling
        explains = problem.explainsFailures
    }

    /// The best allocation; by the interior point alone where another answer is wanted for comparison.
    func solve(
        byInteriorPointAlone: Bool = false,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> AllocationSolution {
        if problem.objective.needsBenchmark { _ = try requiredBenchmark() }
        if let clash = ArithmeticCheck(problem: problem, limits: limits).clash() {
            throw try infeasible(because: clash, shouldStop: shouldStop)
        }
        if limits.forbidsTrading { return try currentAllocation(shouldStop: shouldStop) }
        if let known = try knownOptimum() { return known }
        if !byInteriorPointAlone, let solution = try linearLimitsSolution(shouldStop: shouldStop) { return solution }
        return try conicOptimum(shouldStop: shouldStop)
    }

    /// The optimum by conic programs; where cones leave no room, by the way around it.
    private func conicOptimum(shouldStop: () -> Bool) throws(OptimizationFailure) -> AllocationSolution {
        var first = self
        first.explains = false
        do throws(OptimizationFailure) { return try first.programOptimum(shouldStop: shouldStop) } catch {
            guard error.code == "numerical_difficulty" || (error.code == "infeasible" && limits.hasCones) else {
                guard error.code == "infeasible" else { throw error }
                throw try infeasible(because: nil, shouldStop: shouldStop)
            }
            if let touching = try touchingOptimum(shouldStop: shouldStop) { return touching }
            guard error.code == "numerical_difficulty" else {
                throw try infeasible(because: nil, shouldStop: shouldStop)
            }
            return try decided(error, shouldStop: shouldStop)
        }
    }

    /// The answer where the solver could not tell: what misses the limits least says whether they can be met.
    private func decided(
        _ difficulty: OptimizationFailure,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> AllocationSolution {
        guard let nearest = ConflictFinder(method: self).nearestPoint(to: limits, shouldStop: shouldStop) else {
            throw difficulty
        }
        if nearest.cost > Self.certainMiss { throw try infeasible(because: nil, shouldStop: shouldStop) }
        guard limits.hasChoices, let point = try? clean(Array(nearest.point[...limits.layout.cash])).point else {
            throw difficulty
        }
        // Who is held is settled; limits that are bounds and rows are then met exactly by active sets.
        var method = MeanVarianceMethod(problem, limits: limits.held(as: point))
        method.risk = risk
        method.explains = false
        var solution = try method.solve(shouldStop: shouldStop)
        solution.report.status = .withinGap
        return solution.withoutPrices
    }

    func programOptimum(shouldStop: () -> Bool) throws(OptimizationFailure) -> AllocationSolution {
        if let ratio = try ratioObjective() { return try ratioOptimum(ratio, shouldStop: shouldStop) }
        let isRisk = problem.objective == .minimizeRisk || problem.objective == .minimizeTrackingError
        if isRisk, !limits.softSides.isEmpty { return try softRiskOptimum(shouldStop: shouldStop) }
        return try quadraticOptimum(shouldStop: shouldStop)
    }

    /// Volatility, annual, of weights.
    func annualizedVolatility(of weights: ArraySlice<Double>) -> Double {
        problem.annualizedVolatility(of: Array(weights))
    }

    /// Minimum risk, tracking error and cost, maximum utility and return: a quadratic program, scaled.
    private func quadraticOptimum(shouldStop: () -> Bool) throws(OptimizationFailure) -> AllocationSolution {
        let form = try quadraticForm()
        var builder = ProgramBuilder(limits: limits)
        // The least risk decides by itself whether a volatility limit can be met, without a cone.
        let risksOnly = problem.objective == .minimizeRisk
        if !risksOnly, !limits.volatilityLimits.isEmpty {
            builder.volatility = (scaling.factor, scaling.volatilityUnit)
        }
        guard let program = builder.program(quadratic: form.quadratic, linear: form.linear) else {
            throw try infeasible(because: nil, shouldStop: shouldStop)
        }
        switch try solveProgram(program, preferences: problem.preferences, shouldStop: shouldStop) {
        case .infeasible: throw try infeasible(because: nil, shouldStop: shouldStop)
        case .unbounded: throw numericalDifficulty("the solver found no bound of a bounded program")
        case .solved(let optimum):
            let cleaned = try clean(optimum, scale: 1)
            let volatility = annualizedVolatility(of: cleaned.point[..<limits.layout.cash])
            if risksOnly,
                limits.volatilityLimits.contains(where: {
                    limits.excess(of: volatility, over: $0) > AllocationLimits.tolerance
                })
            {
                throw try infeasible(because: nil, shouldStop: shouldStop)
            }
            let gain = form.unit ?? gainPerDualOfRisk(cleaned.point)
            var solution = try finish(
                cleaned,
                report: optimum.report,
                isDiscrete: !program.disjunctions.isEmpty,
                prices: gain.map { ShadowPrices(program: program, dual: optimum.dual, gainPerDual: $0) },
                shouldStop: shouldStop
            )
            solution.searchRoot = optimum.root.flatMap { searchRoot($0, program, unit: form.unit) }
            return solution
        }
    }

    /// What a unit of the scaled objective is worth where that is half the square of a risk: d(−σ) = −dσ²/(2σ).
    func gainPerDualOfRisk(_ point: [Double]) -> Double? {
        let weights = point[..<limits.layout.cash]
        let isActive = problem.objective == .minimizeTrackingError
        let risk = problem.benchmark.map { trackingError(of: weights, $0) } ?? annualizedVolatility(of: weights)
        // A tracking error is the root of a difference: below this one it is rounding.
        let unit = scaling.volatilityUnit
        return risk > unit * (isActive ? 1e-7 : 1e-9) ? unit * unit / risk : nil
    }

    /// The objective of the quadratic program, divided by a power of two.
    ///
    /// `unit` is what one unit of the scaled objective is worth in the caller's; nil where that is a risk.
    private func quadraticForm() throws(OptimizationFailure) -> (
        quadratic: CovarianceModel?, linear: [Double], unit: Double?
    ) {
        let zero = [Double](repeating: 0, count: limits.layout.count)
        switch problem.objective {
        case .minimizeRisk: return (scaling.covariance, zero, nil)
        case .minimizeTrackingError:
            var linear = zero
            let squaredUnit = scaling.volatilityUnit * scaling.volatilityUnit
            for (index, covariance) in try requiredBenchmark().covariances.enumerated() {
                linear[index] = -covariance / squaredUnit
            }
            return (scaling.covariance, linear, nil)
        case .minimizeTransactionCosts:
            let costs = scaling.tradingCosts(limits.layout)
            let unit = powerOfTwo(near: costs.max() ?? 0)
            return (nil, costs.map { $0 / unit }, unit)
        case .maximizeReturn:
            let gains = scaling.netExcessReturns(limits.layout)
            let unit = powerOfTwo(near: gains.reduce(0) { max($0, abs($1)) })
            return (nil, gains.map { -$0 / unit }, unit)
        case .maximizeUtility, .maximizeSharpe, .maximizeInformationRatio, .maximizeDiversification, .riskBudgeting,
            .multiObjective, .custom:
            let gains = scaling.netExcessReturns(limits.layout)
            let aversion = problem.preferences.effectiveRiskAversion
            let squaredUnit = scaling.volatilityUnit * scaling.volatilityUnit
            let unit = powerOfTwo(near: gains.reduce(aversion * squaredUnit) { max($0, abs($1)) })
            let quadratic = scaling.covariance.scaled(by: aversion * squaredUnit / unit)
            return (quadratic, gains.map { -$0 / unit }, unit)
        }
    }

    /// The answer when no trading is allowed: what is held, if it meets the limits.
    func currentAllocation(shouldStop: () -> Bool) throws(OptimizationFailure) -> AllocationSolution {
        let point = limits.point(weights: problem.currentWeights, cash: problem.currentCash)
        let volatility = annualizedVolatility(of: point[..<limits.layout.cash])
        guard limits.worstViolation(at: point, volatility: volatility).amount <= AllocationLimits.tolerance else {
            throw try infeasible(
                because: "max_turnover allows no trading, and what is held breaks other limits.",
                shouldStop: shouldStop
            )
        }
        if let ratio = try ratioObjective() {
            let gain = ratio.gain(at: point)
            guard gain > 0 else { throw noGain(ratio, best: gain) }
        }
        return known(point, volatility: volatility, solver: "no_trading")
    }

    /// The optimum where it is known without a program and meets the limits: no trade costs nothing, and the benchmark
    /// does not deviate from itself.
    private func knownOptimum() throws(OptimizationFailure) -> AllocationSolution? {
        let point: [Double]
        let solver: String
        switch problem.objective {
        case .minimizeTrackingError:
            let benchmark = try requiredBenchmark()
            guard benchmark.isWithinInstruments else { return nil }
            let cash = 1 - benchmark.weights.reduce(0, +)
            // Weights are given to some digits; what they miss of 1 is not cash.
            guard abs(cash) <= AllocationLimits.tolerance else { return nil }
            let total = 1 - cash
            point = limits.point(weights: benchmark.weights.map { $0 / total }, cash: 0)
            solver = "benchmark"
        case .minimizeTransactionCosts:
            guard
                (problem.objectiveCostRates + problem.objectiveImpacts + problem.objectiveFixedCosts)
                    .contains(where: { $0 > 0 })
            else {
                throw OptimizationFailure(
                    code: "missing_transaction_costs",
                    message:
                        "No instrument has a cost and transaction_cost_model is not given:"
                        + " there is nothing to minimize."
                )
            }
            point = limits.point(weights: problem.currentWeights, cash: problem.currentCash)
            solver = "no_trading"
        default: return nil
        }
        // Where limits may be exceeded, meeting them all may cost less than exceeding some.
        guard limits.softSides.isEmpty else { return nil }
        let volatility = annualizedVolatility(of: point[..<limits.layout.cash])
        let missed = limits.worstViolation(at: point, volatility: volatility).amount
        return missed <= AllocationLimits.tolerance ? known(point, volatility: volatility, solver: solver) : nil
    }

    /// An optimum that took no program.
    private func known(_ point: [Double], volatility: Double, solver: String) -> AllocationSolution {
        AllocationSolution(
            weights: Array(point[..<limits.layout.cash]),
            cash: point[limits.layout.cash],
            report: .withoutProgram(solver: solver),
            bindingConstraints: bindingLimits(at: point, volatility: volatility, prices: nil),
            warnings: problem.warnings
        )
    }

    /// A point within the limits, rid of its roundings, as a solution without prices.
    func solution(
        at point: [Double],
        report: SolutionReport,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> AllocationSolution {
        var cleaned = try clean(ProgramOptimum(primal: point, dual: [], report: report), scale: 1).point
        let worst = violation(at: cleaned)
        if worst.amount > AllocationLimits.tolerance {
            guard !limits.hasChoices, let restored = restored(cleaned, shouldStop: shouldStop) else {
                throw numericalDifficulty("\(worst.what) is missed by \(worst.amount)")
            }
            cleaned = restored
        }
        let volatility = annualizedVolatility(of: cleaned[..<limits.layout.cash])
        var solution = known(cleaned, volatility: volatility, solver: report.solver)
        solution.report = report
        return solution
    }

    /// Checks cleaned weights against every limit and dresses them as a solution.
    func finish(
        _ cleaned: CleanedAllocation,
        report: SolutionReport,
        isDiscrete: Bool,
        prices: ShadowPrices?,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> AllocationSolution {
        var point = cleaned.point
        var hasPrices = !limits.hasChoices && !isDiscrete
        let worst = violation(at: point)
        if worst.amount > AllocationLimits.tolerance {
            guard !isDiscrete, let restored = restored(point, shouldStop: shouldStop) else {
                throw numericalDifficulty("\(worst.what) is missed by \(worst.amount)")
            }
            point = restored
            // Where the limits leave no room the optimum has no slope.
            hasPrices = false
        }
        var solution = solution(at: point, report, prices: hasPrices ? prices : nil)
        if !hasPrices, limits.hasChoices || isDiscrete, let prices {
            let volatility = annualizedVolatility(of: point[..<limits.layout.cash])
            solution.constraintsAsChosen = bindingLimits(at: point, volatility: volatility, prices: prices)
        }
        return solution
    }

    /// Dresses a point that meets the limits; without prices where there is no slope.
    func solution(at point: [Double], _ report: SolutionReport, prices: ShadowPrices?) -> AllocationSolution {
        AllocationSolution(
            weights: Array(point[..<limits.layout.cash]),
            cash: point[limits.layout.cash],
            report: report,
            bindingConstraints: bindingLimits(
                at: point,
                volatility: annualizedVolatility(of: point[..<limits.layout.cash]),
                prices: prices
            ),
            warnings: problem.warnings,
            reducedCosts: prices?.reducedCosts(limits)
        )
    }

    private func violation(at point: [Double]) -> (amount: Double, what: String) {
        limits.worstViolation(at: point, volatility: annualizedVolatility(of: point[..<limits.layout.cash]))
    }

    /// A point that misses a limit by a hair, moved towards the one of least risk until it meets all of them.
    ///
    /// Limits that just touch (a target volatility that is the least attainable) leave a cone without an interior, where
    /// no interior-point method is exact. The least risk needs no cone, and the limits are convex: all points between it
    /// and the optimum are met as soon as one is. Nil when that point does not meet the limits either.
    private func restored(_ point: [Double], shouldStop: () -> Bool) -> [Double]? {
        calmest(shouldStop: shouldStop).map { moved(point, towards: $0) }
    }

    /// The failure of a mandate that no allocation meets, with the limits that clash.
    func infeasible(because clash: String?, shouldStop: () -> Bool) throws(OptimizationFailure) -> OptimizationFailure {
        guard explains else {
            return OptimizationFailure(code: "infeasible", message: clash ?? "No allocation meets all limits together.")
        }
        return try ConflictFinder(method: self).failure(because: clash, shouldStop: shouldStop)
    }
}

/// The failure of a solve whose answer does not stand up to a check.
func numericalDifficulty(_ what: String) -> OptimizationFailure {
    OptimizationFailure(
        code: "numerical_difficulty",
        message: "The numbers of this problem are too delicate for a certain answer: \(what)."
    )
}

/// The failure of a Sharpe ratio without a positive excess return.
func noExcessReturn(best: Double) -> OptimizationFailure {
    OptimizationFailure(
        code: "no_excess_return",
        message: "No allocation within the limits earns more than the risk-free rate: the best attainable excess"
            + " return is \(readable(best))."
    )
}

/// The moments in units near 1: powers of two, so that nothing is rounded and the caller's units do not matter.
struct MomentScaling {
    /// Σ divided by the square of `volatilityUnit`; where factor loadings are uncertain, the worst variance over all
    /// decision variables.
    let covariance: CovarianceModel
    /// A power of two near the largest volatility.
    let volatilityUnit: Double
    /// F with FᵀF = `covariance`; made when a volatility limit needs it.
    let factor: VolatilityFactor
    /// What uncertain returns of instruments that only the benchmark holds take from every gain, negative.
    let constantGain: Double
    /// What the objective is charged when w = 0 stands for the current weights: Σ rate · c, a constant.
    let costOfCurrentWeights: Double
    /// μ less the risk-free rate; where each return is uncertain by itself, the least it may be.
    let excessReturns: [Double]
    private let costRates: [Double]
    private let charges: TradingCharges
    /// What uncertain returns cost the objective in columns of their own.
    private let penaltyPrices: [(column: Int, price: Double)]
    /// What exceeding soft limits costs the objective.
    private let softPrices: [(column: Int, price: Double)]

    init(_ problem: AllocationProblem, limits: AllocationLimits) {
        let unit = problem.volatilityUnit
        let scaled: CovarianceModel
        if let loadings = problem.loadings, let column = limits.loadingColumn {
            scaled = loadings.covariance(limits.layout, column: column, unit: unit)
        } else {
            scaled = problem.covariance.scaled(by: 1 / (unit * unit))
        }
        covariance = scaled
        volatilityUnit = unit
        factor = limits.volatilityLimits.isEmpty ? .none : VolatilityFactor(scaled)
        let riskFree = problem.preferences.effectiveRiskFreeRate
        let penalty = limits.objectivePenalty
        excessReturns = problem.expectedReturns.enumerated().map { index, value in
            value - riskFree - (penalty?.haircuts[index] ?? 0)
        }
        penaltyPrices = (penalty?.prices ?? []) + limits.softPrices
        softPrices = limits.softPrices
        constantGain = -(penalty?.constant ?? 0)
        costRates = problem.objectiveCostRates
        charges = limits.charges
        costOfCurrentWeights = zip(costRates, problem.currentWeights).reduce(0) { $0 + $1.0 * $1.1 }
    }

    /// `covariance` as the solver reads it: over the weights alone, for nothing else has curvature.
    var curvature: Curvature { covariance.curvature }

    /// The net excess return over the risk-free rate as a linear function of the decision variables.
    ///
    /// With Σw + cash = 1 the return less the rate is Σ (μ − rf) w: cash drops out. The cost of |w − c| is
    /// rate · (w − c + 2 s), s being what is sold; `costOfCurrentWeights` is its constant.
    func netExcessReturns(_ layout: VariableLayout) -> [Double] {
        var gains = [Double](repeating: 0, count: layout.count)
        for (index, excess) in excessReturns.enumerated() {
            gains[index] = excess - costRates[index]
            if let column = layout.soldColumns[index] { gains[column] = -2 * costRates[index] }
        }
        charges.charge(&gains)
        for (column, price) in penaltyPrices { gains[column] -= price }
        return gains
    }

    /// What |w − c| costs as a linear function of the decision variables, but for the constant −Σ rate · c.
    func tradingCosts(_ layout: VariableLayout) -> [Double] {
        var costs = [Double](repeating: 0, count: layout.count)
        charges.charge(&costs)
        for index in costs.indices where costs[index] != 0 { costs[index] = -costs[index] }
        for (index, rate) in costRates.enumerated() {
            costs[index] = rate
            if let column = layout.soldColumns[index] { costs[column] = 2 * rate }
        }
        for (column, price) in softPrices { costs[column] += price }
        return costs
    }
}
