internal import Matrices
internal import PortfolioModel

/// The maximum Sharpe ratio, and every other ratio of a gain to a volatility, by the transformation of Charnes and Cooper.
///
/// With y = κw the ratio gain/volatility does not change, so κ is chosen to make the gain 1 and the variance is minimised:
/// a convex program in (y, κ), every limit homogenised (docs/mathematics.md).
///
/// - SeeAlso: Charnes & Cooper, Naval Research Logistics Quarterly 9 (1962); Tütüncü & Koenig, Annals of Operations
///   Research 132 (2004), whose normalisation this is.
extension MeanVarianceMethod {
    /// Below this scaled volatility, for a size of 1, a portfolio is without risk: roundings of the covariance are not
    /// smaller.
    private static let riskless = 1e-7
    /// Below this share of the largest gain there is none.
    private static let negligibleGain = 1e-9

    func ratioOptimum(
        _ ratio: RatioObjective,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> AllocationSolution {
        let layout = limits.layout
        let gainUnit = gainUnit(of: ratio)
        guard let program = try homogeneousProgram(ratio, gainUnit: gainUnit) else {
            throw try infeasible(because: nil, shouldStop: shouldStop)
        }
        let outcome: ProgramOutcome
        do throws(OptimizationFailure) {
            outcome = try solveProgram(program, preferences: problem.preferences, shouldStop: shouldStop)
        } catch {
            guard error.code == "numerical_difficulty" else { throw error }
            // Homogenised, a mandate that is infeasible by little is hard to recognise; as it stands it is not.
            throw try failure(of: ratio, gainUnit: gainUnit, shouldStop: shouldStop)
        }
        switch outcome {
        case .infeasible: throw try failure(of: ratio, gainUnit: gainUnit, shouldStop: shouldStop)
        case .unbounded: throw numericalDifficulty("the solver found no bound of a bounded program")
        case .solved(let optimum):
            let scale = optimum.primal[layout.count]
            guard scale > 0 else { throw numericalDifficulty("the homogenising variable vanished") }
            let point = limits.settled(optimum.primal[..<layout.count].map { $0 / scale })
            let risk = risk(of: ratio, at: point)
            guard risk > Self.riskless * scaling.volatilityUnit * size(of: ratio, at: point) else {
                throw gainWithoutRisk()
            }
            var settled = optimum
            if let end = RatioRay(self, ratio, through: point)?.furthest() {
                settled.primal.replaceSubrange(..<layout.count, with: end.map { $0 * scale })
            }
            let cleaned = try clean(settled, scale: scale)
            // f* = ½/S², so dS = −S³ df, and a row aᵀy − bκ ≤ 0 with multiplier z has df/db = −zκ.
            let value = ratio.gain(at: point) / gainUnit / (risk / scaling.volatilityUnit)
            let gain = scale * value * value * value * gainUnit / scaling.volatilityUnit
            return try finish(
                cleaned,
                report: optimum.report,
                isDiscrete: !program.disjunctions.isEmpty,
                prices: ShadowPrices(program: program, dual: optimum.dual, gainPerDual: gain),
                shouldStop: shouldStop
            )
        }
    }

    /// Minimise the variance of y − κb subject to a gain of 1, the limits homogenised.
    private func homogeneousProgram(
        _ ratio: RatioObjective,
        gainUnit: Double
    ) throws(OptimizationFailure) -> AllocationProgram? {
        var builder = ProgramBuilder(limits: limits, isHomogeneous: true)
        if !limits.volatilityLimits.isEmpty { builder.volatility = (scaling.factor, scaling.volatilityUnit) }
        builder.normalization = ratio.gains.map { $0 / gainUnit } + [ratio.constant / gainUnit]
        let zero = [Double](repeating: 0, count: builder.columnCount)
        guard let benchmark = ratio.benchmark else {
            return builder.program(quadratic: scaling.covariance, linear: zero)
        }
        // κ has a row and a column of its own, −Σb and bᵀΣb: that of no factor model.
        let covariance = try scaling.covariance.matrix(for: problem.objective.rawValue)
        let scaleColumn = limits.layout.count
        var wider = DenseMatrix(rows: builder.columnCount, columns: builder.columnCount)
        let inverse = 1 / (scaling.volatilityUnit * scaling.volatilityUnit)
        for j in 0..<covariance.columns {
            for i in 0..<covariance.rows { wider[i, j] = covariance[i, j] }
            wider[j, scaleColumn] = -benchmark.covariances[j] * inverse
            wider[scaleColumn, j] = -benchmark.covariances[j] * inverse
        }
        wider[scaleColumn, scaleColumn] = benchmark.variance * inverse
        return builder.program(quadratic: .dense(wider), linear: zero)
    }

    /// A power of two near the largest gain of an instrument that may be held.
    private func gainUnit(of ratio: RatioObjective) -> Double {
        let largest = ratio.gains.indices.reduce(0.0) { largest, index in
            guard index < limits.layout.cash, limits.weightLimits(of: index).upper?.bound != 0 else { return largest }
            return max(largest, abs(ratio.gains[index]))
        }
        return powerOfTwo(near: largest)
    }

    /// How much is at risk: everything, or what differs from the benchmark.
    private func size(of ratio: RatioObjective, at point: [Double]) -> Double {
        guard let benchmark = ratio.benchmark else { return 1 }
        return zip(point, benchmark.weights).reduce(0) { $0 + abs($1.0 - $1.1) }
    }

    /// Tells apart a mandate without an allocation from one without a positive gain.
    private func failure(
        of ratio: RatioObjective,
        gainUnit: Double,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> OptimizationFailure {
        var builder = ProgramBuilder(limits: limits)
        if !limits.volatilityLimits.isEmpty { builder.volatility = (scaling.factor, scaling.volatilityUnit) }
        guard let program = builder.program(quadratic: nil, linear: ratio.gains.map { -$0 / gainUnit }) else {
            return try infeasible(because: nil, shouldStop: shouldStop)
        }
        switch try solveProgram(program, preferences: problem.preferences, shouldStop: shouldStop) {
        case .infeasible: return try infeasible(because: nil, shouldStop: shouldStop)
        case .unbounded: return numericalDifficulty("the solver found no bound of a bounded program")
        case .solved(let optimum):
            let best = ratio.gain(at: optimum.primal)
            guard best <= Self.negligibleGain * gainUnit else {
                return numericalDifficulty("the best gain, \(best), was lost on the way")
            }
            return noGain(ratio, best: best)
        }
    }
}
