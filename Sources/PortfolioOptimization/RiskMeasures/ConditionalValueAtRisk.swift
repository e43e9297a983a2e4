internal import ConvexSolver
internal import Matrices

/// Conditional value-at-risk: the mean loss of the worst scenarios, those of the last 1 − confidence of the probability.
///
/// CVaR(w) = min over α of α + 1/(1 − β) Σ pₜ max(−rₜᵀw − α, 0), rₜ the returns of scenario t; α is a value-at-risk.
/// Losses may be negative (a sure gain). The scenario multipliers are the tail's probabilities qₜ ≤ pₜ/(1 − β), which sum
/// to 1: CVaR = −Σ qₜ rₜᵀw.
///
/// - SeeAlso: Rockafellar & Uryasev, J. Risk 2 (2000).
public struct ConditionalValueAtRisk: ScenarioRiskMeasure {
    /// β, in [0, 1): 0.95 averages the worst 5 %.
    public let confidence: Double

    /// Takes a confidence level; one outside [0, 1) is refused when it is used.
    public init(confidence: Double = 0.95) { self.confidence = confidence }

    /// The mean loss of the tail, its last scenario in part.
    ///
    /// - Complexity: O(T log T).
    public func risk(of portfolioReturns: [Double], probabilities: [Double]) -> Double {
        let tail = 1 - confidence
        var (left, sum) = (tail, 0.0)
        for t in portfolioReturns.indices.sorted(by: { portfolioReturns[$0] < portfolioReturns[$1] }) {
            let part = min(left, probabilities[t])
            sum -= part * portfolioReturns[t]
            left -= part
            if left <= 0 { break }
        }
        return sum / (tail - max(left, 0))
    }

    /// The weights of least CVaR, exactly: a vertex, with a proof over all scenarios.
    ///
    /// - Throws: ``ScenarioError`` or `SolverError` for scenarios and limits that cannot be used.
    public func minimize(_ problem: ScenarioProblem, shouldStop: () -> Bool = { false }) throws -> ScenarioMinimum {
        guard confidence >= 0, confidence < 1 else { throw ScenarioError.confidenceOutOfRange(confidence) }
        let weights = try problem.validProbabilities().map { $0 / (1 - confidence) }
        return try problem.minimizeTail(hingeWeights: weights, shouldStop: shouldStop)
    }
}

/// Worst realization: the largest loss of any scenario.
///
/// max −rₜᵀw = min α + Σ max(−rₜᵀw − α, 0): with hinge weights of 1 no scenario is worth leaving above α. The scenario
/// multipliers sum to 1.
///
/// - SeeAlso: Young, Management Science 44 (1998).
public struct WorstRealization: ScenarioRiskMeasure {
    /// The measure has no parameters.
    public init() {}

    /// The largest loss.
    public func risk(of portfolioReturns: [Double], probabilities: [Double]) -> Double {
        -(portfolioReturns.min() ?? 0)
    }

    /// The weights of least worst loss, exactly.
    ///
    /// - Throws: as ``ConditionalValueAtRisk/minimize(_:shouldStop:)``.
    public func minimize(_ problem: ScenarioProblem, shouldStop: () -> Bool = { false }) throws -> ScenarioMinimum {
        // A scenario that cannot happen cannot be the worst.
        let weights = try problem.validProbabilities().map { $0 > 0 ? 1.0 : 0 }
        return try problem.minimizeTail(hingeWeights: weights, shouldStop: shouldStop)
    }
}

extension ScenarioProblem {
    /// Minimises α + Σ qₜ max(−rₜᵀw − α, 0) + costs over w and α.
    func minimizeTail(hingeWeights: [Double], shouldStop: () -> Bool) throws -> ScenarioMinimum {
        let (n, count, unit) = (instrumentCount, scenarioCount, unit)
        let factor = -1 / unit
        let hinges = [Double](unsafeUninitializedCapacity: count * (n + 1)) { target, initialized in
            returns.elements.withUnsafeBufferPointer { source in
                for i in 0..<(count * n) { target[i] = factor * source[i] }
            }
            for i in (count * n)..<(count * (n + 1)) { target[i] = -1 }
            initialized = count * (n + 1)
        }
        let program = HingeProgram(
            linear: costs.map { $0 / unit } + [1],
            hinges: DenseMatrix(rows: count, columns: n + 1, columnMajor: hinges),
            offsets: [Double](repeating: 0, count: count),
            weights: hingeWeights,
            rows: rows(wideningBy: 1),
            bounds: bounds,
            equationCount: equationCount,
            lower: lower + [-.infinity],
            upper: upper + [.infinity]
        )
        return try minimize(program, unit: unit, shouldStop: shouldStop)
    }

    /// Solves a program whose first variables are the weights, its objective in `unit`.
    func minimize(_ program: HingeProgram, unit: Double, shouldStop: () -> Bool) throws -> ScenarioMinimum {
        let solution = try HingeSimplex(program).solve(shouldStop: shouldStop)
        return ScenarioMinimum(
            status: solution.status,
            weights: Array(solution.primal.prefix(instrumentCount)),
            value: solution.check.objective * unit,
            scenarioMultipliers: solution.hingeMultipliers,
            iterations: solution.iterations,
            primalResidual: solution.check.primalResidual,
            relativeGap: solution.check.relativeGap
        )
    }
}
