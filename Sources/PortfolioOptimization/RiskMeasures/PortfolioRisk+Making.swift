internal import Matrices
internal import PortfolioModel

/// Largest difference of equal probabilities, relative.
private let equalProbabilities = 1e-9

/// Makes a measure other than volatility from what is known of the instruments.
///
/// - Throws: ``OptimizationFailure`` with the code `missing_scenarios` for a measure that needs them where there are none,
///   `unequal_probabilities` for a measure of the path on scenarios that differ in probability, and
///   `invalid_inputs` for a Gaussian value-at-risk below a confidence of ½, which is not convex.
func portfolioRisk(
    _ measure: RiskMeasure,
    returns: DenseMatrix?,
    probabilities: [Double]?,
    expectedReturns: [Double],
    covariance: CovarianceModel,
    periodsPerYear: Double,
    confidence: Double
) throws(OptimizationFailure) -> any PortfolioRisk {
    guard let returns, returns.rows > 0 else {
        guard measure.hasGaussianForm else {
            throw OptimizationFailure(
                code: "missing_scenarios",
                message: "\(measure.rawValue) is measured over scenarios; the risk model has neither returns nor prices"
            )
        }
        let isTail = measure == .conditionalValueAtRisk
        guard isTail || confidence >= 0.5 else {
            throw OptimizationFailure(
                code: "invalid_inputs",
                message:
                    "Without scenarios var is that of normal returns, which needs a confidence_level of at least 0.5"
            )
        }
        guard covariance.count <= Capabilities.denseInstruments else {
            throw OptimizationFailure(
                code: "too_many_instruments",
                message: "At most \(Capabilities.denseInstruments) instruments can be weighed by \(measure.rawValue) of"
                    + " normal returns, not \(covariance.count)."
            )
        }
        return GaussianRisk(
            multiple: isTail ? GaussianRisk.tailMultiple(confidence) : max(0, GaussianRisk.quantile(confidence)),
            expectedReturns: expectedReturns,
            covariance: covariance,
            periodsPerYear: periodsPerYear
        )
    }
    if measure.isOfPath, let probabilities {
        let mean = 1 / Double(max(1, probabilities.count))
        guard probabilities.allSatisfy({ abs($0 - mean) <= equalProbabilities * mean }) else {
            throw OptimizationFailure(
                code: "unequal_probabilities",
                message: "\(measure.rawValue) follows the path of the scenarios, which must be equally likely"
            )
        }
    }
    return scenarioRisk(measure, Scenarios(returns: returns, probabilities: probabilities), confidence: confidence)
}

/// The same of estimated moments, at the confidence level preferred.
func portfolioRisk(
    of moments: Moments,
    _ measure: RiskMeasure,
    _ preferences: Preferences
) throws(OptimizationFailure) -> any PortfolioRisk {
    try portfolioRisk(
        measure,
        returns: moments.returns,
        probabilities: moments.probabilities,
        expectedReturns: moments.expectedReturns,
        covariance: moments.covariance,
        periodsPerYear: moments.periodsPerYear,
        confidence: preferences.effectiveConfidenceLevel
    )
}

private func scenarioRisk(_ measure: RiskMeasure, _ scenarios: Scenarios, confidence: Double) -> any PortfolioRisk {
    switch measure {
    case .conditionalValueAtRisk, .volatility: TailRisk(scenarios: scenarios, confidence: confidence)
    case .valueAtRisk: QuantileRisk(scenarios: scenarios, confidence: confidence)
    case .semiDeviation: SemiDeviationRisk(scenarios: scenarios)
    case .meanAbsoluteDeviation: AbsoluteDeviationRisk(scenarios: scenarios)
    case .entropicValueAtRisk: EntropicRisk(scenarios: scenarios, confidence: confidence)
    case .conditionalDrawdown: DrawdownRisk(scenarios: scenarios, confidence: confidence)
    case .maximumDrawdown: DrawdownRisk(scenarios: scenarios, confidence: nil)
    case .worstRealization: WorstRisk(scenarios: scenarios)
    }
}
