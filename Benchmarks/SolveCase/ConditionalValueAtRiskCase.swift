import ConvexSolver
import Matrices
import PortfolioOptimization

/// The least conditional value-at-risk with a return floor and caps, from the scenarios.
func solveConditionalValueAtRisk(_ file: CaseFile) throws -> () throws -> CaseAnswer {
    let problem = ScenarioProblem(
        returns: try file.matrix("X"),
        largestWeights: try file.vector("ub"),
        target: (expectedReturns: try file.vector("mu"), least: try file.scalar("rmin"))
    )
    let confidence = try file.scalar("beta")
    let measure: any ScenarioRiskMeasure =
        file.variant == "drawdown"
        ? ConditionalDrawdown(confidence: confidence) : ConditionalValueAtRisk(confidence: confidence)
    return {
        let minimum = try measure.minimize(problem, shouldStop: { false })
        guard minimum.status == .solved else { throw CaseError(description: "\(file.name): \(minimum.status)") }
        return CaseAnswer(
            weights: [minimum.weights],
            objective: minimum.value,
            primalResidual: minimum.primalResidual,
            suboptimality: minimum.relativeGap,
            method: "hinge-simplex",
            iterations: minimum.iterations
        )
    }
}
