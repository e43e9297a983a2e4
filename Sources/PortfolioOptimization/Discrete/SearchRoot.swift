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
            let sides = nearerSides(of: expression, at: value)
            if let lower = sides.lower, prices.ofLower(index) != 0 {
                priced += entry(lower, lower.inOwnTerms(value), lower.slope * prices.ofLower(index))
            }
            if let upper = sides.upper, prices.ofUpper(index) != 0 {
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

    /// The sides of an expression; of one number that bounds it from both sides, |x| ≤ b, the side that x is nearer to.
    ///
    /// A solve leaves a trace of a price on either, and the caller's number has one value.
    private func nearerSides(of expression: LimitedExpression, at value: Double) -> (
        lower: LimitSide?, upper: LimitSide?
    ) {
        guard let lower = expression.lower, let upper = expression.upper, let number = upper.parameter,
            lower.parameter == number, lower.slope != upper.slope
        else { return (expression.lower, expression.upper) }
        return value - lower.bound < upper.bound - value ? (lower, nil) : (nil, upper)
    }
}
