public import PortfolioModel

/// What is held after the trades of each period, with what the plan comes to.
public struct AllocationPath: Sendable {
    /// What is held after one period's trades.
    public struct Step: Sendable {
        /// Weights in the order of the problem's instruments; with `cash` they sum to 1.
        public var weights: [Double]
        /// Weight of cash.
        public var cash: Double
        /// The limits met with equality, priced in this period alone.
        public var bindingConstraints: [BindingConstraint]
    }

    /// The periods in their order.
    public var steps: [Step]
    /// What the objective comes to over the path.
    public var objective: Double
    /// What one more unit of each period's budget would gain; empty where the solve has no prices.
    public var budgetPrices: [Double] = []

    /// The path with the figures of each period, as a result shows it.
    ///
    /// - Parameter problem: what was decided.
    /// - Returns: the path by instruments' names.
    public func planned(in problem: AllocationProblem) -> PlannedPath {
        let general = problem.preferences.transactionCostModel ?? 0
        let rates = problem.instruments.map { $0.cost?.proportional ?? general }
        let rate = problem.preferences.effectiveRiskFreeRate
        var weights = problem.currentWeights
        var cash = problem.currentCash
        var periods: [PlannedPeriod] = []
        for (index, step) in steps.enumerated() {
            var moved = abs(step.cash - cash)
            var cost = 0.0
            for (place, weight) in step.weights.enumerated() {
                let trade = abs(weight - weights[place])
                moved += trade
                cost += rates[place] * trade
            }
            let means = problem.expectedReturns(inPeriod: index)
            var allocation: [String: Double] = [:]
            for (instrument, weight) in zip(problem.instruments, step.weights) where weight != 0 {
                allocation[instrument.id] = weight
            }
            if step.cash != 0 { allocation["cash"] = step.cash }
            periods.append(
                PlannedPeriod(
                    allocation: allocation,
                    turnover: moved / 2,
                    cost: cost,
                    expectedReturn: zip(means, step.weights).reduce(rate * step.cash) { $0 + $1.0 * $1.1 },
                    risk: problem.covariance.quadraticForm(step.weights).squareRoot(),
                    bindingConstraints: step.bindingConstraints
                )
            )
            (weights, cash) = (step.weights, step.cash)
        }
        return PlannedPath(objective: objective, periods: periods)
    }
}

extension AllocationProblem {
    /// Annual expected returns of a period, counted from 0; those of every period where none are foreseen.
    func expectedReturns(inPeriod period: Int) -> [Double] { periodReturns?[period] ?? expectedReturns }

    /// The mandate of one period, counted from 0, that starts from given weights.
    func ofPeriod(_ period: Int, from weights: [Double], cash: Double) -> AllocationProblem {
        var problem = self
        problem.expectedReturns = expectedReturns(inPeriod: period)
        problem.currentWeights = weights
        problem.currentCash = cash
        if let returns = periodBenchmarkReturns { problem.benchmark?.expectedReturn = returns[period] }
        return problem
    }
}
