internal import ConvexSolver
internal import LinearAlgebra
internal import Matrices

/// Semi-deviation √Σ pₜ min(rₜᵀw − r̄ᵀw, 0)², r̄ the mean of the scenarios.
///
/// Minimised as the cone program: min t + costs, ‖(√pₜ sₜ)‖ ≤ t, s ≥ (r̄ − rₜ)ᵀw, s ≥ 0. The scenario multipliers are those
/// of s ≥ (r̄ − rₜ)ᵀw. The program has n + T + 1 variables, dense: for up to about a thousand scenarios.
///
/// - SeeAlso: Markowitz, Portfolio Selection (1959), chapter 9.
public struct SemiDeviation: ScenarioRiskMeasure {
    /// The measure has no parameters.
    public init() {}

    /// The root of the mean squared shortfall below the mean.
    public func risk(of portfolioReturns: [Double], probabilities: [Double]) -> Double {
        let mean = zip(portfolioReturns, probabilities).reduce(0) { $0 + $1.0 * $1.1 }
        var sum = 0.0
        for (value, probability) in zip(portfolioReturns, probabilities) {
            let shortfall = min(value - mean, 0)
            sum += probability * shortfall * shortfall
        }
        return sum.squareRoot()
    }

    /// The weights of least semi-deviation, to the interior-point method's tolerance.
    ///
    /// - Throws: as ``ConditionalValueAtRisk/minimize(_:shouldStop:)``.
    public func minimize(_ problem: ScenarioProblem, shouldStop: () -> Bool = { false }) throws -> ScenarioMinimum {
        let probabilities = try problem.validProbabilities()
        let unit = problem.unit
        let program = program(problem, probabilities, unit: unit)
        let solution = try InteriorPointSolver(program).solve(shouldStop: shouldStop)
        let weights = Array(solution.primal.prefix(problem.instrumentCount))
        let multiplierStart = problem.rows.rows
        return ScenarioMinimum(
            status: solution.status,
            weights: weights,
            value: risk(of: problem.returns.times(weights), probabilities: probabilities) + dot(problem.costs, weights),
            scenarioMultipliers: Array(solution.dual[multiplierStart..<(multiplierStart + problem.scenarioCount)]),
            iterations: solution.iterations,
            primalResidual: solution.primalResidual,
            relativeGap: solution.relativeGap
        )
    }

    private func program(_ problem: ScenarioProblem, _ probabilities: [Double], unit: Double) -> ConicProblem {
        let (n, count, limits) = (problem.instrumentCount, problem.scenarioCount, problem.rows.rows)
        let shortfalls = problem.shortfallsBelowMean(probabilities, unit: unit)
        let lower = (0..<n).filter { problem.lower[$0].isFinite }
        let upper = (0..<n).filter { problem.upper[$0].isFinite }
        let inequalities = limits - problem.equationCount + 2 * count + lower.count + upper.count
        let rowCount = problem.equationCount + inequalities + 1 + count
        var rows = DenseMatrix(rows: rowCount, columns: n + count + 1)
        var bounds = problem.bounds + [Double](repeating: 0, count: rowCount - limits)
        for j in 0..<n {
            for i in 0..<limits { rows[i, j] = problem.rows[i, j] }
            for t in 0..<count { rows[limits + t, j] = shortfalls[t, j] }
        }
        let cone = problem.equationCount + inequalities
        rows[cone, n + count] = -1
        for t in 0..<count {
            rows[limits + t, n + t] = -1
            rows[limits + count + t, n + t] = -1
            rows[cone + 1 + t, n + t] = -probabilities[t].squareRoot()
        }
        var next = limits + 2 * count
        for j in lower {
            rows[next, j] = -1
            bounds[next] = -problem.lower[j]
            next += 1
        }
        for j in upper {
            rows[next, j] = 1
            bounds[next] = problem.upper[j]
            next += 1
        }
        let linear = problem.costs.map { $0 / unit } + [Double](repeating: 0, count: count) + [1]
        return ConicProblem(
            quadratic: DenseMatrix(rows: linear.count, columns: linear.count),
            linear: linear,
            constraints: rows,
            bounds: bounds,
            cones: [.zero(problem.equationCount), .nonnegative(inequalities), .secondOrder(count + 1)]
        )
    }
}
