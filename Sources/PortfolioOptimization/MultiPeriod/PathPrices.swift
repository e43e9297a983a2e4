internal import PortfolioModel

extension MultiPeriodMethod {
    /// What one more unit of each period's budget would gain, the objective and turnover being counted as they are told.
    ///
    /// Programs count them otherwise where that is the same as long as the budgets hold, and the difference is the
    /// budgets': turnover is Σs there, ½ Σ(w₋ − w) more than ½ Σ|w − w₋|, and the rate on cash is taken from the weights'.
    func budgetPrices(_ prices: [ShadowPrices], _ steps: [AllocationPath.Step]) -> [Double] {
        var (charged, earned) = (0.0, 0.0)
        for term in problem.terms {
            if term.kind == .turnover { charged -= term.weight }
            if term.kind == .expectedReturn { earned += term.weight }
        }
        if problem.objective == .maximizeReturn || problem.objective == .maximizeUtility {
            earned = 1 / Double(steps.count)
        }
        let rate = earned * problem.preferences.effectiveRiskFreeRate
        let ofTurnover = steps.map { step in
            step.bindingConstraints.reduce(charged) {
                $1.constraint == "/max_turnover" ? $0 + ($1.shadowPrice ?? 0) : $0
            }
        }
        return prices.indices.map { index in
            let next = index + 1 < prices.count ? ofTurnover[index + 1] : 0
            return prices[index].ofBudget(stages[index].limits) + rate + (next - ofTurnover[index]) / 2
        }
    }
}
