internal import Matrices
internal import PortfolioModel

/// The maximum Sharpe ratio by the transformation of Charnes and Cooper.
///
/// With y = κw the ratio (excess return)/volatility does not change, so κ is chosen to make the net excess return 1 and
/// the variance is minimised: a convex program in (y, κ), every limit homogenised (docs/mathematics.md).
///
/// - SeeAlso: Charnes & Cooper, Naval Research Logistics Quarterly 9 (1962); Tütüncü & Koenig, Annals of Operations
///   Research 132 (2004), whose normalisation this is.
extension MeanVarianceMethod {
    /// Below this scaled volatility a portfolio is without risk: roundings of the covariance are not smaller.
    private static let riskless = 1e-7
    /// Below this share of the largest excess return there is none.
    private static let negligibleExcess = 1e-9

    func sharpeOptimum(shouldStop: () -> Bool) throws(OptimizationFailure) -> AllocationSolution {
        let layout = limits.layout
        let returnUnit = excessUnit()
        var builder = ProgramBuilder(limits: limits, isHomogeneous: true)
        if !limits.volatilityLimits.isEmpty { builder.volatility = (scaling.factor, scaling.volatilityUnit) }
        builder.normalization =
            scaling.netExcessReturns(layout).map { $0 / returnUnit } + [scaling.costOfCurrentWeights / returnUnit]
        let zero = [Double](repeating: 0, count: builder.columnCount)
        guard let program = builder.program(quadratic: scaling.covariance, linear: zero) else {
            throw try infeasible(because: nil, shouldStop: shouldStop)
        }
        let outcome: ProgramOutcome
        do throws(OptimizationFailure) {
            outcome = try solveProgram(program, preferences: problem.preferences, shouldStop: shouldStop)
        } catch {
            guard error.code == "numerical_difficulty" else { throw error }
            // Homogenised, a mandate that is infeasible by little is hard to recognise; as it stands it is not.
            throw try sharpeFailure(returnUnit: returnUnit, shouldStop: shouldStop)
        }
        switch outcome {
        case .infeasible: throw try sharpeFailure(returnUnit: returnUnit, shouldStop: shouldStop)
        case .unbounded: throw numericalDifficulty("the solver found no bound of a bounded program")
        case .solved(let optimum):
            let scale = optimum.primal[layout.count]
            guard scale > 0 else { throw numericalDifficulty("the homogenising variable vanished") }
            let point = optimum.primal[..<layout.count].map { $0 / scale }
            let volatility = annualizedVolatility(of: point[..<layout.cash])
            guard volatility > Self.riskless * scaling.volatilityUnit else {
                throw OptimizationFailure(
                    code: "unbounded",
                    message: "An allocation without risk earns more than the risk-free rate: the Sharpe ratio has no"
                        + " maximum. Check the covariance, or limit the instruments without risk."
                )
            }
            let settled = withLeastCash(optimum, point: point)
            let cleaned = try clean(settled, scale: scale)
            // f* = ½/S², so dS = −S³ df, and a row aᵀy − bκ ≤ 0 with multiplier z has df/db = −zκ.
            let ratio = excessReturn(at: point) / returnUnit / (volatility / scaling.volatilityUnit)
            let gain = scale * ratio * ratio * ratio * returnUnit / scaling.volatilityUnit
            return try finish(
                cleaned,
                report: optimum.report,
                isDiscrete: !program.disjunctions.isEmpty,
                prices: ShadowPrices(program: program, dual: optimum.dual, gainPerDual: gain),
                shouldStop: shouldStop
            )
        }
    }

    /// A power of two near the largest excess return of an instrument that may be held.
    private func excessUnit() -> Double {
        let gains = scaling.netExcessReturns(limits.layout)
        let largest = gains.indices.reduce(0.0) { largest, index in
            guard index < limits.layout.cash, limits.weightLimits(of: index).upper?.bound != 0 else { return largest }
            return max(largest, abs(gains[index]))
        }
        return powerOfTwo(near: largest)
    }

    /// Tells apart a mandate without an allocation from one without a positive excess return.
    private func sharpeFailure(
        returnUnit: Double,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> OptimizationFailure {
        var builder = ProgramBuilder(limits: limits)
        if !limits.volatilityLimits.isEmpty { builder.volatility = (scaling.factor, scaling.volatilityUnit) }
        let gains = scaling.netExcessReturns(limits.layout)
        guard let program = builder.program(quadratic: nil, linear: gains.map { -$0 / returnUnit }) else {
            return try infeasible(because: nil, shouldStop: shouldStop)
        }
        switch try solveProgram(program, preferences: problem.preferences, shouldStop: shouldStop) {
        case .infeasible: return try infeasible(because: nil, shouldStop: shouldStop)
        case .unbounded: return numericalDifficulty("the solver found no bound of a bounded program")
        case .solved(let optimum):
            let best = excessReturn(at: optimum.primal)
            guard best <= Self.negligibleExcess * returnUnit else {
                return numericalDifficulty("the best excess return, \(best), was lost on the way")
            }
            return noExcessReturn(best: best)
        }
    }

    /// Of the allocations that share the best ratio, the one with least cash.
    ///
    /// Scaling the risky part against cash does not change the ratio, so the optimum leaves κ open wherever no limit
    /// fixes it. The allocations on that ray that meet the limits form an interval: bisection finds its end.
    private func withLeastCash(_ optimum: ProgramOptimum, point: [Double]) -> ProgramOptimum {
        let cashColumn = limits.layout.cash
        let cash = point[cashColumn]
        let least = limits.cashLimits.lower?.bound ?? 0
        let risky = 1 - cash
        guard cash - least > AllocationLimits.tolerance, risky > 0 else { return optimum }
        let volatility = annualizedVolatility(of: point[..<cashColumn])
        let ratio = excessReturn(at: point) / volatility
        let allowance = max(1e-12, limits.worstViolation(at: point, volatility: volatility).amount)
        func candidate(_ cash: Double) -> [Double]? {
            let weights = point[..<cashColumn].map { $0 * (1 - cash) / risky }
            let candidate = limits.point(weights: weights, cash: cash)
            let candidateVolatility = annualizedVolatility(of: weights[...])
            let isAllowed = limits.worstViolation(at: candidate, volatility: candidateVolatility).amount <= allowance
            let isAsGood = excessReturn(at: candidate) >= candidateVolatility * ratio * (1 - 1e-12)
            return isAllowed && isAsGood ? candidate : nil
        }
        var settled = optimum
        func settle(_ point: [Double]) {
            settled.primal.replaceSubrange(..<limits.layout.count, with: point.map { $0 * optimum.primal[point.count] })
        }
        if let best = candidate(least) {
            settle(best)
            return settled
        }
        var low = least
        var high = cash
        for _ in 0..<60 {
            let middle = (low + high) / 2
            if let better = candidate(middle) {
                settle(better)
                high = middle
            } else {
                low = middle
            }
        }
        return settled
    }
}
