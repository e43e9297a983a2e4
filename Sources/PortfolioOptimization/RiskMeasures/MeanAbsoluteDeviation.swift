internal import ConvexSolver
internal import Matrices

/// Mean absolute deviation Σ pₜ |rₜᵀw − r̄ᵀw|, r̄ the mean of the scenarios.
///
/// What is above the mean equals what is below it, so it is 2 Σ pₜ max((r̄ − rₜ)ᵀw, 0): one hinge a scenario, no α. The
/// scenario multipliers lie between 0 and 2pₜ.
///
/// - SeeAlso: Konno & Yamazaki, Management Science 37 (1991).
public struct MeanAbsoluteDeviation: ScenarioRiskMeasure {
    /// The measure has no parameters.
    public init() {}

    /// The mean distance from the mean.
    public func risk(of portfolioReturns: [Double], probabilities: [Double]) -> Double {
        let mean = zip(portfolioReturns, probabilities).reduce(0) { $0 + $1.0 * $1.1 }
        return zip(portfolioReturns, probabilities).reduce(0) { $0 + $1.1 * ($1.0 - mean).magnitude }
    }

    /// The weights of least mean absolute deviation, exactly.
    ///
    /// - Throws: as ``ConditionalValueAtRisk/minimize(_:shouldStop:)``.
    public func minimize(_ problem: ScenarioProblem, shouldStop: () -> Bool = { false }) throws -> ScenarioMinimum {
        let probabilities = try problem.validProbabilities()
        let unit = problem.unit
        let program = HingeProgram(
            linear: problem.costs.map { $0 / unit },
            hinges: problem.shortfallsBelowMean(probabilities, unit: unit),
            offsets: [Double](repeating: 0, count: problem.scenarioCount),
            weights: probabilities.map { 2 * $0 },
            rows: problem.rows,
            bounds: problem.bounds,
            equationCount: problem.equationCount,
            lower: problem.lower,
            upper: problem.upper
        )
        return try problem.minimize(program, unit: unit, shouldStop: shouldStop)
    }
}

extension ScenarioProblem {
    /// (r̄ − rₜ) / unit, T × n.
    func shortfallsBelowMean(_ probabilities: [Double], unit: Double) -> DenseMatrix {
        let count = scenarioCount
        var result = returns
        for j in 0..<instrumentCount {
            var mean = 0.0
            for t in 0..<count { mean += probabilities[t] * returns[t, j] }
            for t in 0..<count { result.elements[j * count + t] = (mean - returns[t, j]) / unit }
        }
        return result
    }
}
