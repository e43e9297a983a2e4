import PortfolioOptimization

/// Returns to hierarchical risk parity weights: sample correlations, single linkage, bisection.
///
/// The order of children is SciPy's, so that the weights can be compared with those of the peers. The objective is the root
/// of the tree: the largest distance that merges.
func solveHierarchical(_ file: CaseFile) throws -> () throws -> CaseAnswer {
    let returns = try file.matrix("X")
    return {
        let portfolio = try hierarchicalRiskParityPortfolio(returns: returns, childOrder: .earliestFirst)
        return CaseAnswer(
            weights: [portfolio.weights],
            objective: portfolio.tree.merges.last?.distance ?? 0,
            method: "single-linkage",
            iterations: portfolio.tree.merges.count
        )
    }
}
