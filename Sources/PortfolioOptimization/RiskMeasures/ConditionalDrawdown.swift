internal import ConvexSolver
internal import Matrices

/// Conditional drawdown-at-risk: the mean of the deepest drawdowns of the uncompounded path.
///
/// The path starts at 0, which counts as a peak: dₜ = max(dₜ₋₁ − rₜᵀw, 0), d₀ = 0. CDaR is the CVaR of the T drawdowns. With
/// them as variables, dₜ ≥ dₜ₋₁ − rₜᵀw and dₜ ≥ 0, the program stays linear; its rows are lower bidiagonal in d. It has
/// n + 2T + 1 variables, dense: for a few hundred periods. The scenario multipliers are those of the drawdowns
/// and sum to 1. Periods are in order and equally likely.
///
/// - SeeAlso: Chekhlov, Uryasev & Zabarankin, International Journal of Theoretical and Applied Finance 8 (2005).
public struct ConditionalDrawdown: ScenarioRiskMeasure {
    /// β, in [0, 1): 0.95 averages the deepest 5 %.
    public let confidence: Double

    /// Takes a confidence level; one outside [0, 1) is refused when it is used.
    public init(confidence: Double = 0.95) { self.confidence = confidence }

    /// The mean of the deepest drawdowns.
    public func risk(of portfolioReturns: [Double], probabilities: [Double]) -> Double {
        let drawdowns = portfolioReturns.drawdowns
        return ConditionalValueAtRisk(confidence: confidence)
            .risk(of: drawdowns.map { -$0 }, probabilities: probabilities)
    }

    /// The weights of least CDaR, to the interior-point method's tolerance.
    ///
    /// - Throws: ``ScenarioError/unequalProbabilities`` when any are given that differ, and as
    ///   ``ConditionalValueAtRisk/minimize(_:shouldStop:)``.
    public func minimize(_ problem: ScenarioProblem, shouldStop: () -> Bool = { false }) throws -> ScenarioMinimum {
        guard confidence >= 0, confidence < 1 else { throw ScenarioError.confidenceOutOfRange(confidence) }
        let weights = try problem.validProbabilities().map { $0 / (1 - confidence) }
        return try problem.minimizeDrawdowns(hingeWeights: weights, shouldStop: shouldStop)
    }
}

/// Maximum drawdown of the uncompounded path: the deepest fall from a peak, the start counting as one.
///
/// The program is that of ``ConditionalDrawdown`` with hinge weights of 1.
public struct MaximumDrawdown: ScenarioRiskMeasure {
    /// The measure has no parameters.
    public init() {}

    /// The deepest drawdown.
    public func risk(of portfolioReturns: [Double], probabilities: [Double]) -> Double {
        portfolioReturns.drawdowns.max() ?? 0
    }

    /// The weights of least maximum drawdown, to the interior-point method's tolerance.
    ///
    /// - Throws: as ``ConditionalDrawdown/minimize(_:shouldStop:)``.
    public func minimize(_ problem: ScenarioProblem, shouldStop: () -> Bool = { false }) throws -> ScenarioMinimum {
        let weights = try problem.validProbabilities().map { _ in 1.0 }
        return try problem.minimizeDrawdowns(hingeWeights: weights, shouldStop: shouldStop)
    }
}

extension [Double] {
    /// How far the sum of these returns is below its peak, after each.
    fileprivate var drawdowns: [Double] {
        var depth = 0.0
        return map { value in
            depth = Swift.max(depth - value, 0)
            return depth
        }
    }
}

extension ScenarioProblem {
    /// Minimises α + Σ qₜ max(dₜ − α, 0) + costs over w, d and α.
    fileprivate func minimizeDrawdowns(hingeWeights: [Double], shouldStop: () -> Bool) throws -> ScenarioMinimum {
        let (n, count, unit) = (instrumentCount, scenarioCount, unit)
        if let probabilities, probabilities.contains(where: { ($0 * Double(count) - 1).magnitude > 1e-9 }) {
            throw ScenarioError.unequalProbabilities
        }
        var hinges = DenseMatrix(rows: count, columns: n + count + 1)
        let limits = self.rows.rows
        var rows = DenseMatrix(rows: limits + count, columns: n + count + 1)
        for j in 0..<n {
            for i in 0..<limits { rows[i, j] = self.rows[i, j] }
            for t in 0..<count { rows[limits + t, j] = -returns[t, j] / unit }
        }
        for t in 0..<count {
            hinges[t, n + t] = 1
            hinges[t, n + count] = -1
            rows[limits + t, n + t] = -1
            if t > 0 { rows[limits + t, n + t - 1] = 1 }
        }
        let zeros = [Double](repeating: 0, count: count)
        let program = HingeProgram(
            linear: costs.map { $0 / unit } + zeros + [1],
            hinges: hinges,
            offsets: zeros,
            weights: hingeWeights,
            rows: rows,
            bounds: bounds + zeros,
            equationCount: equationCount,
            lower: lower + zeros + [-.infinity],
            upper: upper + [Double](repeating: .infinity, count: count + 1)
        )
        // The path's rows are all tight at a flat start, where the simplex method would stand still for long.
        let solution = try InteriorPointSolver(program.conicForm).solve(shouldStop: shouldStop)
        let multipliers = (limits + count)..<(limits + 2 * count)
        return ScenarioMinimum(
            status: solution.status,
            weights: Array(solution.primal.prefix(n)),
            value: solution.objective * unit,
            scenarioMultipliers: Array(solution.dual[multipliers]),
            iterations: solution.iterations,
            primalResidual: solution.primalResidual,
            relativeGap: solution.relativeGap
        )
    }
}
