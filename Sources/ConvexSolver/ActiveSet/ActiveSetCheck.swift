/// The optimality conditions of a point and its multipliers, recomputed from the data alone.
public struct ActiveSetCheck: Equatable, Sendable {
    /// The largest violation of a bound, a row (relative to its largest coefficient) or the limit.
    public var infeasibility = 0.0
    /// A bound on how far the objective is above the optimum.
    ///
    /// By convexity f(v) − f(x) ≥ Σ gᵢ(vᵢ − xᵢ) for the reduced gradient g and every feasible v, so that what is wrong is
    /// each gᵢ times the room its variable has in that direction, and each row's multiplier times its slack.
    public var suboptimality = 0.0
    /// The objective ½xᵀPx + (q + λp)ᵀx + Σ cᵢ|xᵢ − aᵢ|.
    public var objective = 0.0
    /// The size the suboptimality is compared with: the largest part of the objective.
    public var scale = 0.0

    /// A check of nothing yet.
    init() {}

    /// Whether both figures are small enough for a solution.
    func isWithin(_ settings: ActiveSetSettings) -> Bool {
        infeasibility <= settings.infeasibility && suboptimality <= settings.suboptimality * scale
    }

    /// Checks a point.
    ///
    /// - Parameters:
    ///   - program: the program.
    ///   - linear: q + λp.
    ///   - point: x.
    ///   - gradient: Px + q + λp + Aᵀy, computed from the data.
    ///   - multipliers: y.
    ///   - limitMultiplier: the multiplier of the limit.
    init(
        _ program: ParametricProgram,
        linear: [Double],
        point: [Double],
        gradient: [Double],
        multipliers: [Double],
        limitMultiplier: Double
    ) {
        checkRows(program, point: point, multipliers: multipliers)
        checkLimit(program, point: point, multiplier: limitMultiplier)
        var quadratic = 0.0
        var straight = 0.0
        var kinked = 0.0
        for j in point.indices {
            infeasibility = max(infeasibility, program.lower[j] - point[j], point[j] - program.upper[j])
            var slopes = (down: gradient[j], up: gradient[j])
            if let kinks = program.kinks {
                let width = kinks.costs[j] + limitMultiplier
                slopes.down += point[j] > kinks.positions[j] ? width : -width
                slopes.up += point[j] < kinks.positions[j] ? -width : width
                kinked += kinks.costs[j] * abs(point[j] - kinks.positions[j])
            }
            // Moving up must not lower the objective, nor moving down.
            if slopes.up < 0 { suboptimality -= slopes.up * max(0, program.upper[j] - point[j]) }
            if slopes.down > 0 { suboptimality += slopes.down * max(0, point[j] - program.lower[j]) }
            guard point[j] != 0 else { continue }
            var plain = gradient[j] - linear[j]
            for r in program.rows.indices where multipliers[r] != 0 {
                plain -= multipliers[r] * program.rows[r].coefficients[j]
            }
            quadratic += plain * point[j]
            straight += linear[j] * point[j]
        }
        objective = quadratic / 2 + straight + kinked
        scale = max(abs(quadratic) / 2, abs(straight), kinked)
    }

    private mutating func checkRows(_ program: ParametricProgram, point: [Double], multipliers: [Double]) {
        for r in program.rows.indices {
            let row = program.rows[r]
            var value = 0.0
            var largest = 0.0
            for j in point.indices where point[j] != 0 {
                value += row.coefficients[j] * point[j]
                largest = max(largest, abs(row.coefficients[j]))
            }
            if largest == 0 { largest = 1 }
            infeasibility = max(infeasibility, (value - row.upper) / largest, (row.lower - value) / largest)
            if multipliers[r] > 0 { suboptimality += multipliers[r] * abs(row.upper - value) }
            if multipliers[r] < 0 { suboptimality -= multipliers[r] * abs(value - row.lower) }
        }
    }

    private mutating func checkLimit(_ program: ParametricProgram, point: [Double], multiplier: Double) {
        guard let kinks = program.kinks, kinks.limit < .infinity else { return }
        var value = 0.0
        for j in point.indices { value += abs(point[j] - kinks.positions[j]) }
        infeasibility = max(infeasibility, value - kinks.limit)
        if multiplier < 0 { suboptimality = .infinity }
        suboptimality += abs(multiplier) * abs(kinks.limit - value)
    }
}
