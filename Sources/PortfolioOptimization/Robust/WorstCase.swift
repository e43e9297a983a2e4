internal import Matrices
public import PortfolioModel

/// Works out the worst that can happen to an allocation within an uncertainty.
///
/// - Parameters:
///   - uncertainty: what it was guarded against.
///   - weights: in the order of the moments' instruments.
///   - metrics: the allocation's figures without uncertainty.
///   - moments: the estimates without uncertainty.
///   - riskMeasure: how risk is measured.
///   - preferences: those in force, for the confidence level.
/// - Returns: the worst return, volatility and risk, each over the whole set by itself.
/// - Throws: ``OptimizationFailure`` where the uncertainty does not fit the moments.
public func robustReport(
    _ uncertainty: Uncertainty,
    weights: [Double],
    metrics: AllocationMetrics,
    moments: Moments,
    riskMeasure: RiskMeasure,
    preferences: Preferences
) throws(OptimizationFailure) -> RobustReport {
    var report = RobustReport(
        kind: uncertainty.kind,
        size: uncertainty.size,
        worstCaseReturn: metrics.expectedReturn,
        worstCaseVolatility: metrics.expectedVolatility,
        worstCaseRisk: metrics.risk
    )
    switch uncertainty.kind {
    case .ellipsoidal, .box:
        var worst = moments.expectedReturns
        if uncertainty.size > 0 {
            let losses = try worstLosses(uncertainty, weights: weights, moments: moments)
            for (index, loss) in losses.enumerated() {
                worst[index] -= loss
                report.worstCaseReturn -= loss * weights[index]
            }
        }
        report.worstCaseExpectedReturns = Dictionary(zip(moments.instruments, worst)) { first, _ in first }
    case .covarianceBox:
        guard uncertainty.size > 0 else { break }
        let covariance = try worstCovariance(uncertainty, of: moments)
        report.worstCaseVolatility = covariance.quadraticForm(weights).squareRoot()
        if riskMeasure == .volatility { report.worstCaseRisk = report.worstCaseVolatility }
    case .factorLoadings:
        guard let loadings = try LoadingUncertainty(uncertainty, of: moments) else { break }
        report.worstCaseVolatility = loadings.volatility(of: weights)
        if riskMeasure == .volatility { report.worstCaseRisk = report.worstCaseVolatility }
    case .wasserstein:
        let price = uncertainty.size / (1 - preferences.effectiveConfidenceLevel)
        report.worstCaseRisk += price * dualNorm(of: weights, uncertainty.effectiveNorm)
    }
    return report
}

/// By how much each expected return is lower where the portfolio's is the least.
private func worstLosses(
    _ uncertainty: Uncertainty,
    weights: [Double],
    moments: Moments
) throws(OptimizationFailure) -> [Double] {
    let errors = try estimationErrors(uncertainty, of: moments)
    guard uncertainty.kind == .ellipsoidal else {
        return zip(errors.diagonal, weights).map { variance, weight in
            let error = uncertainty.size * max(0, variance).squareRoot()
            return weight < 0 ? -error : error
        }
    }
    let product = errors.times(weights)
    let length = errors.quadraticForm(weights).squareRoot()
    return length > 0 ? product.map { uncertainty.size * $0 / length } : product.map { _ in 0 }
}
