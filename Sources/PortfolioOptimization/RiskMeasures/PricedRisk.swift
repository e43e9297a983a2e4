internal import ConvexSolver
internal import LinearAlgebra
internal import PortfolioModel

extension RiskMeasureMethod {
    /// Prices of risk tried at most; each is a slope of the frontier between two points.
    private static let mostPrices = 200

    /// The most return within a limit on risk that binds, by prices of risk; nil where the measure has no hinges or other
    /// limits are curved or discrete.
    ///
    /// Where the limit binds the aversion plays no part but in the limit's own price. For a price θ the most of return − θρ lies on the frontier. Of two
    /// such points on either side of the limit the slope between them is the next price; when nothing is better than the
    /// line between the two, that line is the frontier, and the answer is where it meets the limit. Every program has the
    /// same rows, so each starts from the vertex of the last.
    func pricedOptimum(
        _ free: Optimum,
        _ least: Optimum,
        aversion: Double,
        limit: LimitSide,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> Optimum? {
        guard let convex = solver as? RiskProgramSolver, convex.risk.hinges != nil || convex.risk is DrawdownRisk,
            limits.volatilityLimits.isEmpty, limits.threshold == nil, !limits.hasPenaltyColumns
        else { return nil }
        let builder = builder(limitsRisk: false)
        guard let column = builder.riskColumn,
            let limited = self.builder(limitsRisk: true).program(quadratic: nil, linear: zeros(builder)),
            let row = limited.riskLimitRow
        else { return nil }
        let gains = self.gains
        let unit = powerOfTwo(near: largestGain)
        var linear = gains.map { -$0 / unit } + [Double](repeating: 0, count: builder.columnCount - gains.count)
        var high = Point(free.optimum, gains: linear, risk: risk(at: free.optimum.primal) / solver.unit)
        var low = Point(least.optimum, gains: linear, risk: risk(at: least.optimum.primal) / solver.unit)
        let bound = limit.bound / solver.unit
        var iterations = high.optimum.report.iterations + low.optimum.report.iterations
        for _ in 0..<Self.mostPrices {
            guard high.risk > low.risk, low.cost > high.cost else { return nil }
            let price = (low.cost - high.cost) / (high.risk - low.risk)
            linear[column] = price
            let found = try solved(builder, linear, gain: unit, anchor: nil, shouldStop: shouldStop)
            iterations += found.optimum.report.iterations
            linear[column] = 0
            let next = Point(found.optimum, gains: linear, risk: risk(at: found.optimum.primal) / solver.unit)
            let chord = low.cost + price * low.risk
            if next.cost + price * next.risk >= chord - 1e-12 * max(chord.magnitude, 1e-3) {
                let net = max(0, price - aversion * solver.unit / unit)
                return mixed(low, high, at: bound, found, price: net, limited, row: row, iterations: iterations)
            }
            if next.risk > bound { high = next } else { low = next }
        }
        return nil
    }

    private func zeros(_ builder: ProgramBuilder) -> [Double] { [Double](repeating: 0, count: builder.columnCount) }

    /// A point of the frontier: its cost is minus the scaled return.
    private struct Point {
        var optimum: ProgramOptimum
        var cost: Double
        var risk: Double

        init(_ optimum: ProgramOptimum, gains: [Double], risk: Double) {
            self.optimum = optimum
            self.risk = risk
            let count = min(gains.count, optimum.primal.count)
            cost = dot(Array(gains[..<count]), Array(optimum.primal[..<count]))
        }
    }

    /// The point of the line between two at which the risk is the bound, with the multipliers of its price.
    private func mixed(
        _ low: Point,
        _ high: Point,
        at bound: Double,
        _ found: Optimum,
        price: Double,
        _ limited: AllocationProgram,
        row: Int,
        iterations: Int
    ) -> Optimum {
        let share = min(max((bound - low.risk) / (high.risk - low.risk), 0), 1)
        var result = found
        let count = limits.layout.count
        result.program = limited
        result.optimum.primal = (0..<count).map {
            low.optimum.primal[$0] + share * (high.optimum.primal[$0] - low.optimum.primal[$0])
        }
        result.optimum.dual.insert(price, at: min(row, result.optimum.dual.count))
        result.optimum.report.iterations = iterations
        return result
    }
}
