internal import ConvexSolver
internal import LinearAlgebra
internal import Matrices
internal import PortfolioModel

/// The Newton steps of constrained budgets of conditional value-at-risk: the measure exactly, the logarithms to second order.
///
/// Each is minimise t + ½ wᵀdiag(d)w + qᵀw under the limits with t ≥ CVaR(w): over scenarios by hinges
/// t ≥ α + Σ cₛuₛ, uₛ ≥ ℓₛᵀw − α, uₛ ≥ 0 of the scenarios near the tail; of normal returns by the cone
/// (t + mᵀw, kFw), FᵀF = Σ. The multipliers of the hinges are the tail's probabilities.
final class MeasuredBarrierSteps: RiskBarrierSteps {
    private let method: MeanVarianceMethod
    private let solver: RiskProgramSolver
    /// The scenarios that have hinges.
    private var chosen: [Int] = []

    /// A scenario without a hinge may lose so much more than α, in units of the measure.
    private static let rounding = 1e-11
    /// Choices of scenarios at most.
    private static let mostChoices = 30

    init(_ method: MeanVarianceMethod, _ solver: RiskProgramSolver) {
        self.method = method
        self.solver = solver
    }

    func risk(of weights: [Double]) -> Double { solver.risk.value(of: weights) / solver.unit }

    func startingLambda(_ weights: [Double]) -> Double {
        let risk = risk(of: weights)
        return risk > 0 ? risk : 1
    }

    func minimum(
        barrier: [Double],
        linear: [Double],
        around point: [Double],
        from previous: ActiveSetSolution?,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> BarrierSteps.Minimum? {
        guard let program = program(barrier, linear) else { return nil }
        if let gaussian = solver.risk as? GaussianRisk {
            return try byCone(program, gaussian, shouldStop: shouldStop)
        }
        guard let tail = solver.risk as? TailRisk else {
            throw numericalDifficulty("the measure has no form that budgets are found in")
        }
        return try byHinges(program, tail, around: point, shouldStop: shouldStop)
    }

    private func program(_ barrier: [Double], _ linear: [Double]) -> AllocationProgram? {
        var builder = ProgramBuilder(limits: method.limits)
        if !method.limits.volatilityLimits.isEmpty {
            builder.volatility = (method.scaling.factor, method.scaling.volatilityUnit)
        }
        builder.risk = RiskColumn(unit: solver.unit, limit: method.limits.riskLimit)
        var costs = linear + [Double](repeating: 0, count: builder.columnCount - linear.count)
        if let column = builder.riskColumn { costs[column] = 1 }
        let diagonal = FactorCovariance(
            exposuresTransposed: DenseMatrix(rows: 0, columns: barrier.count),
            factorCovariance: DenseMatrix(rows: 0, columns: 0),
            specificVariance: barrier
        )
        return builder.program(quadratic: .factors(diagonal), linear: costs)
    }

    // MARK: Scenarios

    private func byHinges(
        _ program: AllocationProgram,
        _ tail: TailRisk,
        around point: [Double],
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> BarrierSteps.Minimum? {
        guard let column = program.riskColumn else { return nil }
        add(nearTail(tail, point))
        var iterations = 0
        for _ in 0..<Self.mostChoices {
            let level = program.sparse.variableCount
            let first = program.sparse.rows.count
            let hinged = hinged(program, tail, column: column)
            guard let optimum = try solved(hinged, shouldStop: shouldStop) else { return nil }
            iterations += optimum.report.iterations
            let weights = Array(optimum.primal[..<method.limits.layout.cash])
            let losses = tail.scenarios.portfolioReturns(weights).map { -$0 / solver.unit }
            let forgotten = forgotten(losses, above: optimum.primal[level], tail)
            if !forgotten.isEmpty {
                add(forgotten)
                continue
            }
            let q = chosen.indices.map { max(0, optimum.dual[first + 1 + $0]) }
            var all = [Double](repeating: 0, count: losses.count)
            let mass = q.reduce(0, +)
            for (place, scenario) in chosen.enumerated() { all[scenario] = q[place] / mass }
            return minimum(optimum, program, gradient: tail.scenarios.losses(weightedBy: all), iterations: iterations)
        }
        throw numericalDifficulty("the scenarios of the tail were not found in \(Self.mostChoices) rounds")
    }

    private func add(_ scenarios: [Int]) { chosen = Set(chosen).union(scenarios).sorted() }

    /// The scenarios of the largest losses: the tail, and more than as many again.
    private func nearTail(_ tail: TailRisk, _ weights: [Double]) -> [Int] {
        let returns = tail.scenarios.portfolioReturns(weights)
        let q = tail.weighting(ofProfile: returns)
        let inTail = q.reduce(0) { $0 + ($1 > 0 ? 1 : 0) }
        let possible = returns.indices.filter { tail.scenarios.probabilities[$0] > 0 }
        let wanted = inTail * 3 / 2 + weights.count + 20
        guard wanted * 2 < possible.count else { return possible }
        return Array(possible.sorted { (returns[$0], $0) < (returns[$1], $1) }.prefix(wanted))
    }

    /// Scenarios without a hinge that lose more than the level, with as many that nearly do.
    private func forgotten(_ losses: [Double], above level: Double, _ tail: TailRisk) -> [Int] {
        let known = Set(chosen)
        let left = losses.indices.filter { !known.contains($0) && tail.scenarios.probabilities[$0] > 0 }
        guard left.contains(where: { losses[$0] > level + Self.rounding }) else { return [] }
        let order = left.sorted { (losses[$0], $1) > (losses[$1], $0) }
        let beyond = order.prefix { losses[$0] > level }.count
        return Array(order.prefix(2 * beyond + 10))
    }

    /// The program with α, u and their rows after its own: t ≥ α + Σ cu, then u ≥ ℓᵀw − α, then u ≥ 0.
    private func hinged(_ program: AllocationProgram, _ tail: TailRisk, column: Int) -> AllocationProgram {
        var result = program
        let (scenarios, count) = (tail.scenarios, chosen.count)
        let level = program.sparse.variableCount
        let shortfalls = Array((level + 1)..<(level + 1 + count))
        result.sparse.linear += [Double](repeating: 0, count: count + 1)
        result.sparse.curvature = program.sparse.curvature.map { .padded($0, more: count + 1, constant: 0) }
        let caps = chosen.map { scenarios.probabilities[$0] / (1 - tail.confidence) }
        var rows = [SparseProgram.Row(columns: [column, level] + shortfalls, coefficients: [-1, 1] + caps)]
        let columns = Array(0..<method.limits.layout.cash)
        let n = scenarios.returns.rows
        for (place, scenario) in chosen.enumerated() {
            let losses = columns.map { -scenarios.returns.elements[$0 * n + scenario] / solver.unit }
            rows.append(
                SparseProgram.Row(columns: columns + [level, shortfalls[place]], coefficients: losses + [-1, -1])
            )
        }
        for shortfall in shortfalls { rows.append(SparseProgram.Row(columns: [shortfall], coefficients: [-1])) }
        result.sparse.rows += rows
        result.sparse.bounds += [Double](repeating: 0, count: rows.count)
        result.sparse.cones.append(.nonnegative(rows.count))
        return result
    }

    // MARK: Normal returns

    private func byCone(
        _ program: AllocationProgram,
        _ risk: GaussianRisk,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> BarrierSteps.Minimum? {
        guard let column = program.riskColumn else { return nil }
        var coned = program
        let means = risk.means.enumerated().filter { $0.element != 0 }
        // Slack (t + mᵀw, kFw): A holds what is taken from it.
        coned.sparse.rows.append(
            SparseProgram.Row(
                columns: [column] + means.map(\.offset),
                coefficients: [-1] + means.map { -$0.element / solver.unit }
            )
        )
        let factor = VolatilityFactor(method.scaling.covariance)
        let scale = risk.multiple * method.scaling.volatilityUnit / solver.unit
        for row in factor.rows {
            coned.sparse.rows.append(
                SparseProgram.Row(columns: row.columns, coefficients: row.values.map { -$0 * scale })
            )
        }
        coned.sparse.bounds += [Double](repeating: 0, count: factor.rows.count + 1)
        coned.sparse.cones.append(.secondOrder(factor.rows.count + 1))
        guard let optimum = try solved(coned, shouldStop: shouldStop) else { return nil }
        let weights = Array(optimum.primal[..<method.limits.layout.cash])
        let gradient = risk.gradient(atProfile: weights)
        return minimum(optimum, program, gradient: gradient, iterations: optimum.report.iterations)
    }

    // MARK: Both

    private func solved(
        _ program: AllocationProgram,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> ProgramOptimum? {
        switch try solveProgram(program, preferences: method.problem.preferences, shouldStop: shouldStop) {
        case .infeasible: return nil
        case .unbounded: throw numericalDifficulty("the solver found no bound of a bounded program")
        case .solved(let optimum): return optimum
        }
    }

    private func minimum(
        _ optimum: ProgramOptimum,
        _ program: AllocationProgram,
        gradient: [Double],
        iterations: Int
    ) -> BarrierSteps.Minimum {
        var report = optimum.report
        report.solver = "newton_interior_point"
        report.iterations = iterations
        let budget = method.limits.layout.cash + 1
        let row = program.origins.firstIndex { $0.expression == budget }
        return BarrierSteps.Minimum(
            point: Array(optimum.primal[..<method.limits.layout.count]),
            budgetMultiplier: row.map { optimum.dual[$0] / program.origins[$0].scale } ?? 0,
            report: report,
            activeSet: nil,
            gradient: gradient
        )
    }
}
