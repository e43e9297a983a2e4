internal import PortfolioModel

/// Limits that just touch: a target volatility, or a limit on the tracking error, that is the least attainable.
///
/// Such a cone leaves no interior, and no interior-point method is exact there. The least risk needs no cone: its point
/// says whether the limits can be met, and anchors the optimum, which is sought with the cones a hair wider and moved
/// towards the anchor until all limits are met (docs/mathematics.md, "Limits that just touch").
extension MeanVarianceMethod {
    /// By how much cones are widened, of their bound: room for an interior point, and more than its roundings.
    private static let room = 1e-6

    /// The point that meets all other limits with the least risk of those that cones limit, if it meets them all.
    ///
    /// - Parameter shouldStop: asked once an iteration.
    /// - Returns: cleaned decision variables; nil where the limits cannot be met, or the solver cannot tell.
    func calmest(shouldStop: () -> Bool) -> [Double]? {
        for byTracking in limits.trackingLimit == nil ? [false] : [true, false] {
            guard let point = calmest(byTracking: byTracking, shouldStop: shouldStop) else { continue }
            let volatility = annualizedVolatility(of: point[..<limits.layout.cash])
            if limits.worstViolation(at: point, volatility: volatility).amount <= AllocationLimits.tolerance {
                return point
            }
        }
        return nil
    }

    /// The point of the least tracking error, or of the least volatility, under the other limits.
    func calmest(byTracking: Bool, shouldStop: () -> Bool) -> [Double]? {
        var open = limits
        if byTracking {
            open.trackingLimit = nil
        } else {
            open.volatilityLimits = []
        }
        var builder = ProgramBuilder(limits: open)
        if !open.volatilityLimits.isEmpty { builder.volatility = (scaling.factor, scaling.volatilityUnit) }
        var linear = [Double](repeating: 0, count: builder.columnCount)
        if byTracking { addTrackingSlope(to: &linear) }
        guard let program = builder.program(quadratic: scaling.covariance, linear: linear),
            case .solved(let optimum)? = try? solveProgram(
                program,
                preferences: problem.preferences,
                shouldStop: shouldStop
            )
        else { return nil }
        return try? clean(optimum, scale: 1).point
    }

    /// Adds −Σb, so that half the variance becomes half the squared tracking error, but for a constant.
    private func addTrackingSlope(to linear: inout [Double]) {
        guard let tracked = limits.trackingLimit else { return }
        let ratio = tracked.unit / scaling.volatilityUnit
        for (row, constant) in zip(tracked.rows, tracked.benchmarkRows) {
            for (column, value) in zip(row.columns, row.values) where column < limits.layout.cash {
                linear[column] -= value * constant * ratio * ratio
            }
        }
    }

    /// The optimum where cones just touch the other limits; nil where the limits cannot be met at all.
    ///
    /// - Parameter shouldStop: asked once an iteration.
    /// - Returns: an allocation within the limits, without prices: there is no slope where there is no room.
    /// - Throws: where the problem with room has a failure of its own, such as a ratio without a positive gain.
    func touchingOptimum(shouldStop: () -> Bool) throws(OptimizationFailure) -> AllocationSolution? {
        guard limits.hasCones else { return nil }
        if limits.hasChoices, let found = try? widened(limits).programOptimum(shouldStop: shouldStop) {
            // With room for the cones the search says who is held; what is held is then weighed without room.
            let held = limits.held(as: limits.point(weights: found.weights, cash: found.cash))
            var method = MeanVarianceMethod(problem, limits: held)
            method.explains = false
            if var solution = try? method.solve(shouldStop: shouldStop) {
                solution.report.status = found.report.status
                solution.report.relativeGap = max(found.report.relativeGap, solution.report.relativeGap)
                return solution.withoutPrices
            }
        }
        guard let anchor = calmest(shouldStop: shouldStop) else { return nil }
        let method = widened(limits.hasChoices ? limits.held(as: anchor) : limits)
        let found: AllocationSolution
        do throws(OptimizationFailure) { found = try method.programOptimum(shouldStop: shouldStop) } catch {
            // What no allocation of the calmest kind has (a positive excess return) none has here.
            if error.code == "numerical_difficulty" || error.code == "infeasible" {
                return solution(at: anchor, .withoutProgram(solver: "least_risk"), prices: nil)
            }
            throw error
        }
        let start = limits.point(weights: found.weights, cash: found.cash)
        var report = found.report
        // Others may be held than those of the least risk: nothing says that they are not better.
        if limits.hasChoices { report.status = .withinGap }
        return solution(at: moved(start, towards: anchor), report, prices: nil)
    }

    private func widened(_ limits: AllocationLimits) -> MeanVarianceMethod {
        var method = MeanVarianceMethod(problem, limits: limits.widened(by: Self.room))
        method.risk = risk
        method.explains = false
        return method
    }

    /// The first point on the way from one that misses a limit to one that meets all that meets all, too.
    func moved(_ point: [Double], towards anchor: [Double]) -> [Double] {
        func between(_ share: Double) -> [Double] {
            let mixed = zip(point, anchor).map { $0 + share * ($1 - $0) }
            return limits.point(weights: Array(mixed[..<limits.layout.cash]), cash: mixed[limits.layout.cash])
        }
        func meets(_ point: [Double]) -> Bool {
            let volatility = annualizedVolatility(of: point[..<limits.layout.cash])
            return limits.worstViolation(at: point, volatility: volatility).amount <= AllocationLimits.tolerance
        }
        if meets(between(0)) { return between(0) }
        var low = 0.0
        var high = 1.0
        for _ in 0..<50 {
            let middle = (low + high) / 2
            if meets(between(middle)) { high = middle } else { low = middle }
        }
        return high == 1 ? anchor : between(high)
    }
}
