import LinearAlgebra
import MomentEstimation
import PortfolioOptimization

/// Returns to hierarchical risk parity weights: sample covariance, single linkage, bisection; the objective is wᵀΣw.
///
/// The order of children is SciPy's, so that the weights can be compared with those of the peers.
func solveHierarchical(_ file: CaseFile) throws -> () throws -> CaseAnswer {
    let returns = try file.matrix("X")
    var options = HierarchicalOptions()
    options.childOrder = .earliestFirst
    return {
        let covariance = try sampleCovariance(of: returns, periodsPerYear: 1)
        let portfolio = try hierarchicalRiskParityPortfolio(covariance: covariance, options: options)
        return CaseAnswer(
            weights: [portfolio.weights],
            objective: covariance.quadraticForm(portfolio.weights),
            method: "single-linkage",
            iterations: portfolio.tree.merges.count
        )
    }
}
