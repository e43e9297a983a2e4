import PortfolioOptimization

/// wᵢ(Σw)ᵢ / wᵀΣw = bᵢ; the objective is the worst relative error of a contribution.
func solveRiskParity(_ file: CaseFile) throws -> () throws -> CaseAnswer {
    let covariance = try file.transposedMatrix("Sigma")  // symmetric
    let budgets = try file.vector("budget")
    return {
        let portfolio = try riskBudgetPortfolio(covariance: covariance, budgets: budgets)
        return CaseAnswer(
            weights: [portfolio.weights],
            objective: portfolio.budgetError,
            suboptimality: portfolio.budgetError,
            method: "\(portfolio.method)",
            iterations: portfolio.cost.newtonSteps,
            details: [("products", portfolio.cost.products), ("factorizations", portfolio.cost.factorizations)]
        )
    }
}
