internal import PortfolioModel

/// What a path is judged by: means over its periods, and for risks the root of the mean square.
///
/// | objective | over H periods |
/// | --- | --- |
/// | `maximize_return`, `maximize_utility` | the mean of the periods' own |
/// | `minimize_risk`, `minimize_tracking_error` | √(mean variance) |
/// | ratios | mean gain / √(mean variance) |
/// | `minimize_transaction_costs` | the sum of all trades' costs |
/// | `multi_objective` | the sum of the periods' own |
struct PathObjective {
    let problem: AllocationProblem
    let stages: [PathStage]

    private var count: Int { stages.count }

    /// The net excess return over the risk-free rate as a linear function of each period's variables; with
    /// `costOfCurrentWeights` for a constant.
    ///
    /// The cost of |w − w₋| is rate · (w − w₋ + 2s): what w pays in its own period it gets back in the next.
    func netExcessReturns() -> [[Double]] {
        let rate = problem.preferences.effectiveRiskFreeRate
        return zip(stages, tradingCosts()).map { stage, costs in
            var gains = costs.map { -$0 }
            for (place, mean) in stage.method.problem.expectedReturns.enumerated() { gains[place] += mean - rate }
            return gains
        }
    }

    /// What trades cost, at the rates that the objective is charged with, but for the constant −Σ rate · c.
    func tradingCosts() -> [[Double]] {
        let rates = problem.objectiveCostRates
        return stages.enumerated().map { index, stage in
            let layout = stage.limits.layout
            var costs = [Double](repeating: 0, count: layout.count)
            for (place, rate) in rates.enumerated() {
                if index == count - 1 { costs[place] = rate }
                if let column = layout.soldColumns[place] { costs[column] = 2 * rate }
            }
            return costs
        }
    }

    /// Σ rate · c, the constant of the net returns.
    var costOfCurrentWeights: Double {
        zip(problem.objectiveCostRates, problem.currentWeights).reduce(0) { $0 + $1.0 * $1.1 }
    }

    /// The gain of a ratio, summed over the periods: coefficients and constant; nil for objectives that are none.
    func ratioGains() throws(OptimizationFailure) -> (gains: [[Double]], constant: Double)? {
        switch problem.objective {
        case .maximizeSharpe: return (netExcessReturns(), costOfCurrentWeights)
        case .maximizeDiversification:
            let deviations = problem.covariance.diagonal.map { $0.squareRoot() }
            let gains = stages.map { stage in
                deviations + [Double](repeating: 0, count: stage.limits.layout.count - deviations.count)
            }
            return (gains, 0)
        case .maximizeInformationRatio:
            let rate = problem.preferences.effectiveRiskFreeRate
            var constant = costOfCurrentWeights
            for stage in stages { constant -= try stage.method.requiredBenchmark().expectedReturn }
            let gains = netExcessReturns().map { own in
                own.enumerated().map { $0.offset < problem.instruments.count ? $0.element + rate : $0.element }
            }
            return (gains, constant)
        case .minimizeRisk, .maximizeReturn, .maximizeUtility, .minimizeTrackingError, .minimizeTransactionCosts,
            .riskBudgeting, .multiObjective, .custom:
            return nil
        }
    }

    /// What the objective comes to on a path of weights with cash last.
    func value(of path: [[Double]]) throws(OptimizationFailure) -> Double {
        if problem.objective.isOfTerms { return try ComposedPath(problem, stages: stages).value(of: path) }
        let instrumentCount = problem.instruments.count
        let rate = problem.preferences.effectiveRiskFreeRate
        let rates = problem.objectiveCostRates
        var previous = problem.currentWeights
        var (gross, costs, variance, active, activeVariance, undiversified) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
        for (stage, point) in zip(stages, path) {
            let weights = Array(point.prefix(instrumentCount))
            let means = stage.method.problem.expectedReturns
            let earned = zip(means, weights).reduce(0) { $0 + $1.0 * $1.1 }
            gross += earned + rate * point[instrumentCount]
            for place in weights.indices { costs += rates[place] * abs(weights[place] - previous[place]) }
            let own = problem.covariance.quadraticForm(weights)
            variance += own
            for (weight, square) in zip(weights, problem.covariance.diagonal) {
                undiversified += weight * square.squareRoot()
            }
            if let benchmark = stage.method.problem.benchmark {
                active += earned - benchmark.expectedReturn
                let error = stage.method.trackingError(of: weights[...], benchmark)
                activeVariance += error * error
            }
            previous = weights
        }
        let periods = Double(count)
        switch problem.objective {
        case .maximizeReturn: return (gross - costs) / periods
        case .maximizeUtility:
            return (gross - costs - problem.preferences.effectiveRiskAversion / 2 * variance) / periods
        case .minimizeRisk: return (variance / periods).squareRoot()
        case .minimizeTrackingError: return (activeVariance / periods).squareRoot()
        case .minimizeTransactionCosts: return costs
        case .maximizeSharpe: return ratio((gross - costs) / periods - rate, variance / periods)
        case .maximizeInformationRatio: return ratio((active - costs) / periods, activeVariance / periods)
        case .maximizeDiversification: return ratio(undiversified / periods, variance / periods)
        case .riskBudgeting, .multiObjective, .custom: return 0
        }
    }

    /// A gain over the root of a variance; 0 without one.
    private func ratio(_ gain: Double, _ variance: Double) -> Double {
        variance > 0 ? gain / variance.squareRoot() : 0
    }

    /// √(mean variance), of the weights or of their difference from the benchmark.
    func rootMeanVariance(of path: [[Double]], againstBenchmark: Bool) -> Double {
        var sum = 0.0
        for (stage, point) in zip(stages, path) {
            let weights = point.prefix(problem.instruments.count)
            if againstBenchmark, let benchmark = stage.method.problem.benchmark {
                let error = stage.method.trackingError(of: weights, benchmark)
                sum += error * error
            } else {
                sum += problem.covariance.quadraticForm(Array(weights))
            }
        }
        return (sum / Double(count)).squareRoot()
    }
}
