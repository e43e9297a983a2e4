import ConvexSolver
import Matrices
import PortfolioOptimization

/// The least conditional value-at-risk with a return floor and caps, from the scenarios.
func solveConditionalValueAtRisk(_ file: CaseFile) throws -> () throws -> CaseAnswer {
    let problem = ConditionalValueAtRisk(
        returns: try file.matrix("X"),
        confidence: try file.scalar("beta"),
        largestWeights: try file.vector("ub"),
        expectedReturns: try file.vector("mu"),
        leastReturn: try file.scalar("rmin")
    )
    return {
        let minimum = try problem.minimize()
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
