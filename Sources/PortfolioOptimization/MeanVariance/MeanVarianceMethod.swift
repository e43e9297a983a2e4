internal import ConvexSolver
internal import Matrices
internal import PortfolioModel

/// Markowitz's mean-variance optimization: the four objectives on volatility under the limits of a mandate.
///
/// Minimum risk, maximum utility and maximum return are one quadratic program in the weights (`quadraticOptimum`); the
/// maximum Sharpe ratio is one in homogenised weights (`MaximumSharpe.swift`). docs/mathematics.md has the forms.
struct MeanVarianceMethod {
    let problem: AllocationProblem
    let limits: AllocationLimits
    let scaling: MomentScaling
    /// What solves programs with a risk measure other than volatility, when there is one.
    var risk: (any RiskSolving)?

    init(_ problem: AllocationProblem) {
        self.problem = problem
        limits = ConstraintCompiler.compile(problem)
        scaling = MomentScaling(problem, limits: limits)
    }

    func solve(shouldStop: () -> Bool) throws(OptimizationFailure) -> AllocationSolution {
        if let clash = ArithmeticCheck(problem: problem, limits: limits).clash() {
            throw try infeasible(because: clash, shouldStop: shouldStop)
        }
        if limits.forbidsTrading { return try currentAllocation(shouldStop: shouldStop) }
        switch problem.objective {
        case .minimizeRisk, .maximizeReturn, .maximizeUtility: return try quadraticOptimum(shouldStop: shouldStop)
        case .maximizeSharpe: return try sharpeOptimum(shouldStop: shouldStop)
        }
    }

    /// Volatility, annual, of weights.
    func annualizedVolatility(of weights: ArraySlice<Double>) -> Double {
        problem.covariance.quadraticForm(Array(weights)).squareRoot()
    }

    /// Minimum risk, maximum utility, maximum return: minimise (λ/2) wᵀΣw − net excess return, scaled.
    private func quadraticOptimum(shouldStop: () -> Bool) throws(OptimizationFailure) -> AllocationSolution {
        let form = quadraticForm()
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
            // d(−σ) = −dσ²/(2σ), and the program's objective is σ²/(2 unit²).
            var gain = form.unit
            if risksOnly {
                let unit = scaling.volatilityUnit
                gain = volatility > unit * 1e-9 ? unit * unit / volatility : nil
            }
            return try finish(
                cleaned,
                optimum: optimum,
                program: program,
                gainPerDual: gain,
                shouldStop: shouldStop
            )
        }
    }

    /// The objective of the quadratic program, divided by a power of two.
    ///
    /// `unit` is what one unit of the scaled objective is worth in the caller's.
    private func quadraticForm() -> (quadratic: CovarianceModel?, linear: [Double], unit: Double?) {
        let zero = [Double](repeating: 0, count: limits.layout.count)
        switch problem.objective {
        case .minimizeRisk: return (scaling.covariance, zero, nil)
        case .maximizeReturn:
            let gains = scaling.netExcessReturns(limits.layout)
            let unit = powerOfTwo(near: gains.reduce(0) { max($0, abs($1)) })
            return (nil, gains.map { -$0 / unit }, unit)
        case .maximizeUtility, .maximizeSharpe:
            let gains = scaling.netExcessReturns(limits.layout)
            let aversion = problem.preferences.effectiveRiskAversion
            let squaredUnit = scaling.volatilityUnit * scaling.volatilityUnit
            let unit = powerOfTwo(near: gains.reduce(aversion * squaredUnit) { max($0, abs($1)) })
            let quadratic = scaling.covariance.scaled(by: aversion * squaredUnit / unit)
            return (quadratic, gains.map { -$0 / unit }, unit)
        }
    }

    /// The answer when no trading is allowed: what is held, if it meets the limits.
    private func currentAllocation(shouldStop: () -> Bool) throws(OptimizationFailure) -> AllocationSolution {
        let point = limits.point(weights: problem.currentWeights, cash: problem.currentCash)
        let volatility = annualizedVolatility(of: point[..<limits.layout.cash])
        guard limits.worstViolation(at: point, volatility: volatility).amount <= AllocationLimits.tolerance else {
            throw try infeasible(
                because: "max_turnover allows no trading, and what is held breaks other limits.",
                shouldStop: shouldStop
            )
        }
        if problem.objective == .maximizeSharpe {
            let excess = excessReturn(at: point)
            guard excess > 0 else { throw noExcessReturn(best: excess) }
        }
        return AllocationSolution(
            weights: problem.currentWeights,
            cash: problem.currentCash,
            report: .noTrading,
            bindingConstraints: bindingLimits(at: point, volatility: volatility, prices: nil),
            warnings: problem.warnings
        )
    }

    /// Net excess return, annual, of decision variables.
    func excessReturn(at point: [Double]) -> Double {
        let gains = scaling.netExcessReturns(limits.layout)
        return zip(gains, point).reduce(scaling.costOfCurrentWeights) { $0 + $1.0 * $1.1 }
    }

    /// Checks cleaned weights against every limit and dresses them as a solution.
    func finish(
        _ cleaned: CleanedAllocation,
        optimum: ProgramOptimum,
        program: AllocationProgram,
        gainPerDual: Double?,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> AllocationSolution {
        var point = cleaned.point
        var hasPrices = limits.threshold == nil
        let worst = violation(at: point)
        if worst.amount > AllocationLimits.tolerance {
            guard program.disjunctions.isEmpty, let restored = try restored(point, shouldStop: shouldStop) else {
                throw numericalDifficulty("\(worst.what) is missed by \(worst.amount)")
            }
            point = restored
            // Where the limits leave no room the optimum has no slope.
            hasPrices = false
        }
        let prices = hasPrices ? gainPerDual : nil
        return AllocationSolution(
            weights: Array(point[..<limits.layout.cash]),
            cash: point[limits.layout.cash],
            report: optimum.report,
            bindingConstraints: bindingLimits(
                at: point,
                volatility: annualizedVolatility(of: point[..<limits.layout.cash]),
                prices: prices.map { ShadowPrices(program: program, dual: optimum.dual, gainPerDual: $0) }
            ),
            warnings: problem.warnings
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
    private func restored(_ point: [Double], shouldStop: () -> Bool) throws(OptimizationFailure) -> [Double]? {
        let builder = ProgramBuilder(limits: limits)
        let zero = [Double](repeating: 0, count: builder.columnCount)
        guard let program = builder.program(quadratic: scaling.covariance, linear: zero),
            case .solved(let calmest) = try solveProgram(
                program,
                preferences: problem.preferences,
                shouldStop: shouldStop
            )
        else { return nil }
        let anchor = try clean(calmest, scale: 1).point
        func between(_ share: Double) -> [Double] {
            let mixed = zip(point, anchor).map { $0 + share * ($1 - $0) }
            return limits.point(weights: Array(mixed[..<limits.layout.cash]), cash: mixed[limits.layout.cash])
        }
        guard violation(at: anchor).amount <= AllocationLimits.tolerance else { return nil }
        var low = 0.0
        var high = 1.0
        for _ in 0..<50 {
            let middle = (low + high) / 2
            if violation(at: between(middle)).amount <= AllocationLimits.tolerance {
                high = middle
            } else {
                low = middle
            }
        }
        return high == 1 ? anchor : between(high)
    }

    /// The failure of a mandate that no allocation meets, with the limits that clash.
    func infeasible(because clash: String?, shouldStop: () -> Bool) throws(OptimizationFailure) -> OptimizationFailure {
        try ConflictFinder(method: self).failure(because: clash, shouldStop: shouldStop)
    }
}

extension SolutionReport {
    /// The report of an answer that leaves everything as it is.
    static var noTrading: SolutionReport {
        SolutionReport(
            status: .optimal,
            solver: "no_trading",
            iterations: 0,
            solveMilliseconds: 0,
            primalResidual: 0,
            dualResidual: 0,
            relativeGap: 0
        )
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
    /// Σ divided by the square of `volatilityUnit`.
    let covariance: CovarianceModel
    /// A power of two near the largest volatility.
    let volatilityUnit: Double
    /// F with FᵀF = `covariance`; made when a volatility limit needs it.
    let factor: VolatilityFactor
    /// What the objective is charged when w = 0 stands for the current weights: Σ rate · c, a constant.
    let costOfCurrentWeights: Double
    private let excessReturns: [Double]
    private let costRates: [Double]

    init(_ problem: AllocationProblem, limits: AllocationLimits) {
        let largest = problem.covariance.diagonal.max() ?? 0
        let unit = powerOfTwo(near: largest.squareRoot())
        let scaled = problem.covariance.scaled(by: 1 / (unit * unit))
        covariance = scaled
        volatilityUnit = unit
        factor = limits.volatilityLimits.isEmpty ? .none : VolatilityFactor(scaled)
        let riskFree = problem.preferences.effectiveRiskFreeRate
        excessReturns = problem.expectedReturns.map { $0 - riskFree }
        costRates = problem.objectiveCostRates
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
        return gains
    }
}
