internal import PortfolioModel

/// A ratio of a gain to a risk that an objective maximises: the gain is linear in the decision variables, the risk is the
/// volatility of the weights, or of their difference from the benchmark.
///
/// | objective | gain | risk |
/// | --- | --- | --- |
/// | `maximize_sharpe` | excess return, net of costs | √(wᵀΣw) |
/// | `maximize_information_ratio` | μᵀ(w − b), net of costs | √((w − b)ᵀΣ(w − b)) |
/// | `maximize_diversification` | Σ wᵢσᵢ | √(wᵀΣw) |
struct RatioObjective {
    /// The gain's coefficients over the decision variables.
    let gains: [Double]
    /// The gain's constant.
    let constant: Double
    /// What the risk is measured against; nil for the weights themselves.
    let benchmark: BenchmarkFigures?

    /// The gain of decision variables.
    func gain(at point: [Double]) -> Double {
        zip(gains, point).reduce(constant) { $0 + $1.0 * $1.1 }
    }
}

extension MeanVarianceMethod {
    /// The ratio that the problem's objective maximises; nil for objectives that are none.
    ///
    /// - Throws: ``OptimizationFailure`` with the code `missing_benchmark`.
    func ratioObjective() throws(OptimizationFailure) -> RatioObjective? {
        let layout = limits.layout
        switch problem.objective {
        case .maximizeSharpe:
            return RatioObjective(
                gains: scaling.netExcessReturns(layout),
                constant: scaling.costOfCurrentWeights + scaling.constantGain,
                benchmark: nil
            )
        case .maximizeDiversification:
            var gains = [Double](repeating: 0, count: layout.count)
            for (index, variance) in problem.covariance.diagonal.enumerated() { gains[index] = variance.squareRoot() }
            return RatioObjective(gains: gains, constant: 0, benchmark: nil)
        case .maximizeInformationRatio:
            let benchmark = try requiredBenchmark()
            // Unlike the excess return the active one leaves cash out, so the rate is put back.
            let rate = problem.preferences.effectiveRiskFreeRate
            var gains = scaling.netExcessReturns(layout)
            for index in 0..<layout.cash { gains[index] += rate }
            let constant = scaling.costOfCurrentWeights + scaling.constantGain - benchmark.expectedReturn
            return RatioObjective(gains: gains, constant: constant, benchmark: benchmark)
        case .minimizeRisk, .maximizeReturn, .maximizeUtility, .minimizeTrackingError, .minimizeTransactionCosts,
            .riskBudgeting, .multiObjective, .custom:
            return nil
        }
    }

    /// The benchmark of an objective that is measured against it.
    func requiredBenchmark() throws(OptimizationFailure) -> BenchmarkFigures {
        if let benchmark = problem.benchmark { return benchmark }
        throw OptimizationFailure(
            code: "missing_benchmark",
            message: "\(problem.objective.rawValue) is measured against a benchmark, and the portfolio has none."
        )
    }

    /// The risk of a ratio, annual.
    func risk(of ratio: RatioObjective, at point: [Double]) -> Double {
        guard let benchmark = ratio.benchmark else { return annualizedVolatility(of: point[..<limits.layout.cash]) }
        return trackingError(of: point[..<limits.layout.cash], benchmark)
    }

    /// √((w − b)ᵀΣ(w − b)), annual.
    func trackingError(of weights: ArraySlice<Double>, _ benchmark: BenchmarkFigures) -> Double {
        if benchmark.isWithinInstruments {
            let active = zip(weights, benchmark.weights).map { $0 - $1 }
            return problem.covariance.quadraticForm(active).squareRoot()
        }
        let crossed = zip(weights, benchmark.covariances).reduce(0) { $0 + $1.0 * $1.1 }
        return max(0, problem.covariance.quadraticForm(Array(weights)) - 2 * crossed + benchmark.variance)
            .squareRoot()
    }

    /// Why a ratio has no maximum where the best gain is not positive.
    func noGain(_ ratio: RatioObjective, best: Double) -> OptimizationFailure { noGain(forRatioWithBest: best) }

    /// Why the ratio of the problem's objective has no maximum where the best gain is not positive.
    func noGain(forRatioWithBest best: Double) -> OptimizationFailure {
        switch problem.objective {
        case .maximizeInformationRatio:
            OptimizationFailure(
                code: "no_active_return",
                message: "No allocation within the limits is expected to earn more than the benchmark: the best"
                    + " attainable active return is \(readable(best))."
            )
        case .maximizeDiversification:
            OptimizationFailure(
                code: "riskless",
                message: "Nothing that may be held has any risk: there is none to diversify."
            )
        default: noExcessReturn(best: best)
        }
    }

    /// Why a ratio has no maximum where a gain comes without risk.
    func gainWithoutRisk() -> OptimizationFailure {
        let what =
            switch problem.objective {
            case .maximizeInformationRatio:
                "An allocation that moves as the benchmark does earns more: the information ratio has no maximum."
            case .maximizeDiversification:
                "Instruments that have risk cancel each other's entirely: the diversification ratio has no maximum."
            default:
                "An allocation without risk earns more than the risk-free rate: the Sharpe ratio has no maximum."
            }
        return OptimizationFailure(
            code: "unbounded",
            message: what + " Check the covariance, or limit the instruments without risk."
        )
    }
}
