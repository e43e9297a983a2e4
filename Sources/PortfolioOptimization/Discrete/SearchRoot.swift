internal import PortfolioModel

extension MeanVarianceMethod {
    /// The first bound of a search over who is held in the caller's units.
    ///
    /// - Parameters:
    ///   - root: what proves it, over the columns of the program.
    ///   - program: what was searched.
    ///   - unit: what one unit of the program's objective is worth; nil where that is half the square of a risk.
    /// - Returns: nil where the risk at the root is 0.
    func searchRoot(_ root: ProgramRoot, _ program: AllocationProgram, unit: Double?) -> SearchRoot? {
        let weights = Array(root.primal[..<limits.layout.cash])
        let cash = 1 - weights.reduce(0, +)
        let point = limits.point(weights: weights, cash: cash)
        guard let gain = unit ?? gainPerDualOfRisk(point) else { return nil }
        let prices = ShadowPrices(program: program, dual: root.dual, gainPerDual: gain)
        var priced: [BindingConstraint] = []
        for index in limits.expressions.indices where index > limits.layout.cash {
            let expression = limits.expressions[index]
            let value = expression.value(at: point)
            if let lower = expression.lower, prices.ofLower(index) != 0 {
                priced += entry(lower, lower.inOwnTerms(value), lower.slope * prices.ofLower(index))
            }
            if let upper = expression.upper, prices.ofUpper(index) != 0 {
                priced += entry(upper, upper.inOwnTerms(value), upper.slope * prices.ofUpper(index))
            }
        }
        let variances = problem.covariance.diagonal
        let diagonal = weights.indices.map { index in
            let curvature = root.curvature[index]
            // d is in the unit of P, a multiple of the covariance; a hair less is on the safe side of roundings.
            return curvature > 0 ? (1 - 1e-9) * root.diagonal[index] * variances[index] / curvature : 0
        }
        return SearchRoot(weights: weights, cash: cash, bindingConstraints: priced, diagonal: diagonal)
    }
}
