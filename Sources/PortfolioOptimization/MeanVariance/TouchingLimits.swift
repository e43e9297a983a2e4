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
    /// - Parameters:
    ///   - shouldStop: asked once an iteration.
    ///   - solve: solves the problem under limits with room.
    /// - Returns: an allocation within the limits, without prices: there is no slope where there is no room.
    /// - Throws: what `solve` throws where it has a reason of its own, such as a ratio without a positive gain.
    func touchingOptimum(
        shouldStop: () -> Bool,
        _ solve: (MeanVarianceMethod) throws(OptimizationFailure) -> AllocationSolution
    ) throws(OptimizationFailure) -> AllocationSolution? {
        guard limits.hasCones, let anchor = calmest(shouldStop: shouldStop) else { return nil }
        var wide = limits.widened(by: Self.room)
        if limits.hasChoices { wide = wide.held(as: anchor) }
        var method = MeanVarianceMethod(problem, limits: wide)
        method.risk = risk
        method.explains = false
        let found: AllocationSolution
        do throws(OptimizationFailure) { found = try solve(method) } catch {
            // What no allocation of the calmest kind has (a positive excess return) none has here.
            if error.code == "numerical_difficulty" || error.code == "infeasible" {
                return touching(anchor, .withoutProgram(solver: "least_risk"))
            }
            throw error
        }
        let start = limits.point(weights: found.weights, cash: found.cash)
        return touching(moved(start, towards: anchor), found.report)
    }

    private func touching(_ point: [Double], _ report: SolutionReport) -> AllocationSolution {
        AllocationSolution(
            weights: Array(point[..<limits.layout.cash]),
            cash: point[limits.layout.cash],
            report: report,
            bindingConstraints: bindingLimits(
                at: point,
                volatility: annualizedVolatility(of: point[..<limits.layout.cash]),
                prices: nil
            ),
            warnings: problem.warnings
        )
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
