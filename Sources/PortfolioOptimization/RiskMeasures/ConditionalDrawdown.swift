internal import ConvexSolver
internal import Matrices

/// Conditional drawdown-at-risk: the mean of the deepest drawdowns of the uncompounded path.
///
/// The path starts at 0, which counts as a peak: dₜ = max(dₜ₋₁ − rₜᵀw, 0), d₀ = 0. CDaR is the CVaR of the T drawdowns, a
/// linear program in the highs of the path (``DrawdownProgram``). The scenario multipliers are those of the drawdowns and sum
/// to 1, to less where the tail reaches to where the path is at its high. Periods are in order and equally likely.
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

    /// The weights of least CDaR, a vertex.
    ///
    /// - Throws: ``ScenarioError/unequalProbabilities`` when any are given that differ, and as
    ///   ``ConditionalValueAtRisk/minimize(_:shouldStop:)``.
    public func minimize(_ problem: ScenarioProblem, shouldStop: () -> Bool = { false }) throws -> ScenarioMinimum {
        guard confidence >= 0, confidence < 1 else { throw ScenarioError.confidenceOutOfRange(confidence) }
        _ = try problem.validProbabilities()
        let weight = 1 / (Double(problem.scenarioCount) * (1 - confidence))
        return try problem.minimizeDrawdowns(weight: weight, shouldStop: shouldStop)
    }
}

/// Maximum drawdown of the uncompounded path: the deepest fall from a peak, the start counting as one.
///
/// The program is that of ``ConditionalDrawdown`` with weights of 1.
public struct MaximumDrawdown: ScenarioRiskMeasure {
    /// The measure has no parameters.
    public init() {}

    /// The deepest drawdown.
    public func risk(of portfolioReturns: [Double], probabilities: [Double]) -> Double {
        portfolioReturns.drawdowns.max() ?? 0
    }

    /// The weights of least maximum drawdown, a vertex.
    ///
    /// - Throws: as ``ConditionalDrawdown/minimize(_:shouldStop:)``.
    public func minimize(_ problem: ScenarioProblem, shouldStop: () -> Bool = { false }) throws -> ScenarioMinimum {
        _ = try problem.validProbabilities()
        return try problem.minimizeDrawdowns(weight: 1, shouldStop: shouldStop)
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
    fileprivate func minimizeDrawdowns(weight: Double, shouldStop: () -> Bool) throws -> ScenarioMinimum {
        let (n, count, unit) = (instrumentCount, scenarioCount, unit)
        if let probabilities, probabilities.contains(where: { ($0 * Double(count) - 1).magnitude > 1e-9 }) {
            throw ScenarioError.unequalProbabilities
        }
        let base = HingeProgram(
            linear: costs.map { $0 / unit } + [1],
            hinges: DenseMatrix(rows: 0, columns: n + 1),
            offsets: [],
            weights: [],
            rows: rows.widened(by: 1),
            bounds: bounds,
            equationCount: equationCount,
            lower: lower + [-.infinity],
            upper: upper + [.infinity]
        )
        var program = DrawdownProgram(base: base, level: n, path: returns.summedDown(unit: unit), weight: weight)
        let equal = [Double](repeating: 1 / Double(n), count: n)
        let outcome = try program.solve(near: equal, scale: 1e-3, shouldStop: shouldStop)
        return ScenarioMinimum(
            status: outcome.solution.status,
            weights: Array(outcome.solution.primal.prefix(n)),
            value: outcome.objective * unit,
            scenarioMultipliers: outcome.timeMultipliers,
            iterations: outcome.iterations,
            primalResidual: outcome.solution.check.primalResidual,
            relativeGap: max(0, outcome.objective - outcome.bound) / max(outcome.objective.magnitude, 1e-3)
        )
    }
}

extension DenseMatrix {
    /// The matrix with columns of zeros after its own.
    fileprivate func widened(by count: Int) -> DenseMatrix {
        let zeros = [Double](repeating: 0, count: rows * count)
        return DenseMatrix(rows: rows, columns: columns + count, columnMajor: elements + zeros)
    }
}
