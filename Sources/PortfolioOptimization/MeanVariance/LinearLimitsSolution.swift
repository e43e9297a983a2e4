internal import ConvexSolver
package import PortfolioModel

/// An optimum under limits that are all bounds, rows and kinks, with what one more unit of each is worth.
private struct LinearOptimum {
    /// The decision variables, with the roundings of the solve.
    var decision: [Double]
    var check: ActiveSetCheck
    var solver: String
    var iterations: Int
    var prices: ShadowPrices?
}

/// A point of a program with its multipliers, from a solve or from a line.
private struct PricedPoint {
    var point: [Double]
    var parameter: Double
    var rows: [Double]
    var limit: Double
    var check: ActiveSetCheck
}

/// The four objectives by active sets and the critical line, where limits are linear or kinks.
///
/// A limit on volatility needs no cone there: the optimum under it lies on the line (docs/mathematics.md, "Which method
/// solves what").
extension MeanVarianceMethod {
    /// The optimum, or nil where limits are of another kind or the method does not finish: the interior point, which also
    /// explains what cannot be met, is asked then.
    func linearLimitsSolution(shouldStop: () -> Bool) throws(OptimizationFailure) -> AllocationSolution? {
        guard let optimum = try cutOptimum(shouldStop: shouldStop), CriticalLine.isOptimal(optimum.check) else {
            return nil
        }
        let cleaned = try clean(optimum.decision)
        let volatility = annualizedVolatility(of: cleaned.point[..<limits.layout.cash])
        guard limits.worstViolation(at: cleaned.point, volatility: volatility).amount <= AllocationLimits.tolerance
        else { return nil }
        let share = optimum.check.scale > 0 ? optimum.check.suboptimality / optimum.check.scale : 0
        let report = SolutionReport(
            status: .optimal,
            solver: optimum.solver,
            iterations: optimum.iterations,
            solveMilliseconds: 0,
            primalResidual: optimum.check.infeasibility,
            dualResidual: share,
            relativeGap: share
        )
        return try finish(
            cleaned,
            report: report,
            isDiscrete: false,
            prices: optimum.prices,
            shouldStop: shouldStop
        )
    }

    /// Rounds of cuts for sums of the largest positions at most; beyond them the interior point has all of it at once.
    private static let mostRounds = 20

    /// The optimum where limits on the largest positions hold for those whom some round found to break them.
    private func cutOptimum(shouldStop: () -> Bool) throws(OptimizationFailure) -> LinearOptimum? {
        var cuts: [LargestCut] = []
        for _ in 0..<Self.mostRounds {
            guard let linear = LinearLimits(limits, cuts: cuts),
                let optimum = try linearOptimum(linear, shouldStop: shouldStop)
            else { return nil }
            let violated = limits.violatedCuts(at: optimum.decision)
            if violated.isEmpty { return optimum }
            let new = violated.filter { !cuts.contains($0) }
            guard !new.isEmpty else { return nil }
            cuts += new
        }
        return nil
    }

    private func linearOptimum(
        _ linear: LinearLimits,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> LinearOptimum? {
        let wasStopped: Bool
        do throws(ActiveSetFailure) {
            let aversion = problem.preferences.effectiveRiskAversion
            switch problem.objective {
            case .minimizeRisk, .minimizeTrackingError: return try leastRisk(linear, shouldStop: shouldStop)
            case .maximizeUtility where aversion > 0:
                return try mostUtility(linear, aversion: aversion, shouldStop: shouldStop)
            case .maximizeUtility, .maximizeReturn: return try mostReturn(shouldStop: shouldStop)
            case .maximizeSharpe: return try largestRatio(linear, shouldStop: shouldStop)
            case .maximizeInformationRatio, .maximizeDiversification,
                .minimizeTransactionCosts, .riskBudgeting, .multiObjective, .custom:
                return nil
            }
        } catch {
            wasStopped = error == .stopped
        }
        if wasStopped { throw timeLimit() }
        return nil
    }

    // MARK: Objectives

    private var none: [Double] { [Double](repeating: 0, count: problem.instruments.count) }

    /// The program is ½ wᵀΣw, less wᵀΣb where risk is measured against a benchmark, in units of the largest variance.
    private func leastRisk(
        _ linear: LinearLimits,
        shouldStop: () -> Bool
    ) throws(ActiveSetFailure) -> LinearOptimum? {
        let squaredUnit = scaling.volatilityUnit * scaling.volatilityUnit
        let covariances = problem.objective == .minimizeTrackingError ? problem.benchmark?.covariances : nil
        let program = linear.program(
            curvature: scaling.curvature,
            linear: covariances.map { $0.map { -$0 / squaredUnit } } ?? none,
            direction: nil,
            costs: none
        )
        let solution = try ActiveSetSolver(program).solve(shouldStop: shouldStop)
        guard volatility(of: solution.point) <= mostVolatility * (1 + AllocationLimits.tolerance) else { return nil }
        let gain = gainPerDualOfRisk(linear.decision(at: solution.point))
        return optimum(linear, program, solution, gainPerDual: gain)
    }

    /// The program is ½ wᵀΣw − (excess return − costs) / aversion, in units of the largest variance.
    private func mostUtility(
        _ linear: LinearLimits,
        aversion: Double,
        shouldStop: () -> Bool
    ) throws(ActiveSetFailure) -> LinearOptimum? {
        let unit = aversion * scaling.volatilityUnit * scaling.volatilityUnit
        let program = linear.program(
            curvature: scaling.curvature,
            linear: scaling.excessReturns.map { -$0 / unit },
            direction: nil,
            costs: problem.objectiveCostRates.map { $0 / unit }
        )
        let solution = try ActiveSetSolver(program).solve(shouldStop: shouldStop)
        if volatility(of: solution.point) <= mostVolatility {
            return optimum(linear, program, solution, gainPerDual: unit)
        }
        // The limit on volatility binds: its price is what the line's own aversion is above the caller's.
        guard let line = try CriticalLine(self, shouldStop: shouldStop) else { return nil }
        guard let position = limited(line) else { return nil }
        let parameter = line.path.parameter(after: position.corner, share: position.share)
        guard parameter > 0 else { return nil }
        let gain = line.returnUnit / parameter
        let lineAversion = gain / (scaling.volatilityUnit * scaling.volatilityUnit)
        return optimum(line, position, gainPerDual: gain, perVolatility: (lineAversion - aversion) * mostVolatility)
    }

    private func mostReturn(shouldStop: () -> Bool) throws(ActiveSetFailure) -> LinearOptimum? {
        guard let line = try CriticalLine(self, shouldStop: shouldStop) else { return nil }
        if volatility(at: line.highest, on: line) > mostVolatility {
            guard let position = limited(line) else { return nil }
            let parameter = line.path.parameter(after: position.corner, share: position.share)
            guard parameter > 0 else { return nil }
            let gain = line.returnUnit / parameter
            let squaredUnit = scaling.volatilityUnit * scaling.volatilityUnit
            return optimum(line, position, gainPerDual: gain, perVolatility: mostVolatility * gain / squaredUnit)
        }
        // Beyond the last corner only the multipliers move, at the rates of the linear program.
        var optimum = optimum(line, line.highest, gainPerDual: nil, perVolatility: 0)
        let rates = line.path.finalRates
        let point = line.path.point(after: line.highest.corner, share: 0)
        let bounds = line.path.program.boundMultiplierRates(point, rowRates: rates.rows, limitRate: rates.limit)
        let multipliers = line.limits.multipliers(rows: rates.rows, bounds: bounds, limit: rates.limit)
        optimum.prices = ShadowPrices(multipliers: multipliers, gainPerDual: line.returnUnit)
        return optimum
    }

    /// With S = E/σ stationarity gives the multipliers of S as those of the line over λσ.
    private func largestRatio(
        _ linear: LinearLimits,
        shouldStop: () -> Bool
    ) throws(ActiveSetFailure) -> LinearOptimum? {
        let squaredUnit = scaling.volatilityUnit * scaling.volatilityUnit
        if linear.fixedCash != nil, let found = try directRatio(linear, shouldStop: shouldStop) { return found }
        guard let line = try CriticalLine(self, shouldStop: shouldStop) else { return nil }
        guard case .at(var position) = line.tangency() else { return nil }
        var isLimited = false
        if volatility(at: position, on: line) > mostVolatility {
            guard let inside = limited(line) else { return nil }
            position = inside
            isLimited = true
        }
        let volatility = volatility(at: position, on: line)
        let gains = line.gains
        let next = min(position.corner + 1, gains.count - 1)
        let excess = gains[position.corner] + position.share * (gains[next] - gains[position.corner])
        // Where even the most return is not yet too much, the ratio's own parameter, σ²/E, lies beyond the last corner.
        let isLast = !isLimited && position.corner == gains.count - 1 && excess > 0 && !squaredUnit.isZero
        let beyond = isLast ? volatility * volatility / squaredUnit * line.returnUnit / excess : nil
        let parameter = beyond ?? line.path.parameter(after: position.corner, share: position.share)
        guard parameter > 0, volatility > 0, excess > 0 else { return nil }
        // At the limit the ratio would grow with the volatility by what return the line adds, less what it divides by.
        let slope = squaredUnit.isZero ? 0 : volatility * line.returnUnit / (parameter * squaredUnit)
        let perVolatility = isLimited ? (slope - excess / volatility) / volatility : 0
        let gain = line.returnUnit / (parameter * volatility)
        return optimum(line, position, beyond: beyond, gainPerDual: gain, perVolatility: perVolatility)
    }

    /// The largest ratio without walking the whole line; nil where a limit on volatility binds there.
    private func directRatio(
        _ linear: LinearLimits,
        shouldStop: () -> Bool
    ) throws(ActiveSetFailure) -> LinearOptimum? {
        let excess = scaling.excessReturns
        let unit = powerOfTwo(near: excess.reduce(0) { max($0, abs($1)) })
        let program = linear.program(
            curvature: scaling.curvature,
            linear: none,
            direction: excess.map { -$0 / unit },
            costs: none,
            costDirection: problem.objectiveCostRates.map { $0 / unit }
        )
        let solution: ActiveSetSolution
        do throws(ActiveSetFailure) {
            solution = try ActiveSetSolver(program).solveLargestRatio(shouldStop: shouldStop)
        } catch {
            if error == .stopped { throw error }
            return nil
        }
        let volatility = volatility(of: solution.point)
        guard volatility <= mostVolatility, volatility > scaling.volatilityUnit * 1e-7, solution.parameter > 0 else {
            return nil
        }
        return optimum(linear, program, solution, gainPerDual: unit / (solution.parameter * volatility))
    }

    // MARK: Volatility

    /// The lowest limit on volatility.
    private var mostVolatility: Double { limits.volatilityLimits.reduce(.infinity) { min($0, $1.bound) } }

    private func volatility(of point: [Double]) -> Double {
        annualizedVolatility(of: point[..<problem.instruments.count])
    }

    private func volatility(at position: LinePosition, on line: CriticalLine) -> Double {
        volatility(of: line.path.point(after: position.corner, share: position.share))
    }

    /// The place on the line where the limit on volatility is met; nil where nothing is that calm.
    private func limited(_ line: CriticalLine) -> LinePosition? {
        guard let least = line.variances.first, least.squareRoot() < mostVolatility else { return nil }
        return line.position(ofVariance: mostVolatility * mostVolatility)
    }

    // MARK: Dressing

    private func optimum(
        _ linear: LinearLimits,
        _ program: ParametricProgram,
        _ solution: ActiveSetSolution,
        gainPerDual: Double?
    ) -> LinearOptimum {
        let priced = PricedPoint(
            point: solution.point,
            parameter: solution.parameter,
            rows: solution.multipliers,
            limit: solution.limitMultiplier,
            check: solution.check
        )
        return LinearOptimum(
            decision: linear.decision(at: solution.point),
            check: solution.check,
            solver: solution.method == .activeSet ? "active_set" : "interior_point",
            iterations: solution.effort.guesses + solution.effort.steps,
            prices: gainPerDual.map { shadowPrices(linear, program, priced, gainPerDual: $0) }
        )
    }

    private func optimum(
        _ line: CriticalLine,
        _ position: LinePosition,
        beyond: Double? = nil,
        gainPerDual: Double?,
        perVolatility: Double
    ) -> LinearOptimum {
        let (rows, limit) =
            beyond.map { line.path.multipliersAfterLast(at: $0) }
            ?? line.path.multipliers(after: position.corner, share: position.share)
        let priced = PricedPoint(
            point: line.path.point(after: position.corner, share: position.share),
            parameter: beyond ?? line.path.parameter(after: position.corner, share: position.share),
            rows: rows,
            limit: limit,
            check: line.path.check(after: position.corner, share: position.share)
        )
        var prices = gainPerDual.map { shadowPrices(line.limits, line.path.program, priced, gainPerDual: $0) }
        if let tightest = limits.volatilityLimits.firstIndex(where: { $0.bound == mostVolatility }) {
            prices?.setVolatility(tightest, gain: perVolatility * scaling.volatilityUnit)
        }
        return LinearOptimum(
            decision: line.limits.decision(at: priced.point),
            check: priced.check,
            solver: "critical_line",
            iterations: line.path.steps,
            prices: prices
        )
    }

    private func shadowPrices(
        _ linear: LinearLimits,
        _ program: ParametricProgram,
        _ priced: PricedPoint,
        gainPerDual: Double
    ) -> ShadowPrices {
        let bounds = program.boundMultipliers(
            priced.point,
            at: priced.parameter,
            multipliers: priced.rows,
            limitMultiplier: priced.limit
        )
        let multipliers = linear.multipliers(rows: priced.rows, bounds: bounds, limit: priced.limit)
        var prices = ShadowPrices(multipliers: multipliers, gainPerDual: gainPerDual)
        if limits.permitsShorts {
            let kinks = program.kinkMultipliers(
                priced.point,
                at: priced.parameter,
                multipliers: priced.rows,
                limitMultiplier: priced.limit
            )
            prices.setKinks(kinks, gainPerDual: gainPerDual)
        }
        return prices
    }
}

/// The best allocation by the interior point alone, whatever the limits: what active sets are compared with.
///
/// - Parameters:
///   - problem: what is to be decided.
///   - shouldStop: asked once an iteration.
/// - Returns: weights, cash, the limits that bind and their shadow prices.
/// - Throws: ``OptimizationFailure``.
package func optimizeByInteriorPoint(
    _ problem: AllocationProblem,
    shouldStop: () -> Bool
) throws(OptimizationFailure) -> AllocationSolution {
    try MeanVarianceMethod(problem).solve(byInteriorPointAlone: true, shouldStop: shouldStop)
}
