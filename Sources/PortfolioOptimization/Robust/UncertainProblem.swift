internal import PortfolioModel

/// The covariance that a request is solved on: the worst one of a box, else the one of the moments.
///
/// - Throws: ``OptimizationFailure`` with the code `unsupported_constraint`, or as ``worstCovariance(_:of:)``.
func covarianceGuardedAgainst(
    _ request: OptimizationRequest,
    _ moments: Moments
) throws(OptimizationFailure) -> CovarianceModel {
    guard let uncertainty = try uncertainty(of: request), uncertainty.kind == .covarianceBox else {
        return moments.covariance
    }
    return try worstCovariance(uncertainty, of: moments)
}

/// How uncertain the expected returns of a request are; nil where they are certain.
func uncertainReturns(
    of request: OptimizationRequest,
    moments: Moments,
    chosen: [Int],
    benchmark: [String: Double]?
) throws(OptimizationFailure) -> ReturnUncertainty? {
    guard let uncertainty = try uncertainty(of: request) else { return nil }
    return try ReturnUncertainty(uncertainty, moments: moments, chosen: chosen, benchmark: benchmark)
}

/// How uncertain the factor loadings of a request's instruments are; nil where they are certain.
func uncertainLoadings(
    of request: OptimizationRequest,
    moments: Moments,
    chosen: [Int]
) throws(OptimizationFailure) -> LoadingUncertainty? {
    guard let uncertainty = try uncertainty(of: request) else { return nil }
    return try LoadingUncertainty(uncertainty, of: moments)?.selecting(chosen)
}

/// What a robust request guards against; nil for the other types.
private func uncertainty(of request: OptimizationRequest) throws(OptimizationFailure) -> Uncertainty? {
    guard request.type == .robust else { return nil }
    // Requests are refused for this before they get here.
    guard let uncertainty = request.parameters.uncertainty, uncertainty.size >= 0, uncertainty.size.isFinite else {
        throw OptimizationFailure(code: "invalid_inputs", message: "robust needs an uncertainty with a size.")
    }
    let kinds = Capabilities.uncertainties(of: request.objective, request.riskMeasure)
    guard kinds.contains(uncertainty.kind) else {
        throw OptimizationFailure(
            code: "invalid_inputs",
            message: "An uncertainty of kind \(uncertainty.kind.rawValue) does not go with"
                + " \(request.objective.rawValue) and \(request.riskMeasure.rawValue)."
        )
    }
    return uncertainty
}

/// The failure of a limit in force whose worst case is not known; nil when there is none.
func refusal(of constraints: Constraints, under request: OptimizationRequest) -> OptimizationFailure? {
    guard request.type == .robust, let uncertainty = request.parameters.uncertainty, uncertainty.size != 0 else {
        return nil
    }
    if uncertainty.kind == .factorLoadings { return refusal(underUncertainLoadings: constraints) }
    guard uncertainty.kind == .covarianceBox else { return nil }
    let refused = constraints.set(among: ["max_tracking_error", "allow_short"])
    guard !refused.isEmpty else { return nil }
    return OptimizationFailure(
        code: "unsupported_constraint",
        message: "\(refused.joined(separator: " and ")) does not go with an uncertainty of kind covariance_box: where"
            + " weights have both signs the worst covariance is not the largest one."
    )
}

/// Limits on the loadings themselves, and on a risk of active weights, are of what is uncertain, too.
private func refusal(underUncertainLoadings constraints: Constraints) -> OptimizationFailure? {
    var refused = constraints.set(among: ["max_tracking_error"])
    if constraints.factorExposures?.isEmpty == false { refused.append("factor_exposures") }
    guard !refused.isEmpty else { return nil }
    return OptimizationFailure(
        code: "unsupported_constraint",
        message:
            "\(refused.joined(separator: " and ")) does not go with an uncertainty of kind factor_loadings: it is a"
            + " limit on what the loadings say, and would have to hold in a worst case of its own."
    )
}

/// Says where an uncertainty has nothing to act on.
func uncertaintyWarnings(_ request: OptimizationRequest, _ constraints: Constraints) -> [ResultWarning] {
    guard request.type == .robust, let uncertainty = request.parameters.uncertainty, uncertainty.kind.isOfReturns,
        !request.objective.needsExpectedReturns, !request.terms.needExpectedReturns, constraints.minReturn == nil
    else { return [] }
    return [
        ResultWarning(
            code: "uncertainty_without_effect",
            message: "\(request.objective.rawValue) without min_return does not depend on expected returns, whatever"
                + " their uncertainty."
        )
    ]
}

/// A measure of risk in the worst case of uncertain scenarios; the measure itself where they are certain.
///
/// - Throws: ``OptimizationFailure`` with the code `missing_scenarios` where there are none to be uncertain about.
func guarded(
    _ risk: any PortfolioRisk,
    by uncertainty: Uncertainty?
) throws(OptimizationFailure) -> any PortfolioRisk {
    guard let uncertainty, uncertainty.kind == .wasserstein else { return risk }
    guard let tail = risk as? TailRisk else {
        throw OptimizationFailure(
            code: "missing_scenarios",
            message: "An uncertainty of kind wasserstein is one of scenarios; the risk model has neither returns nor"
                + " prices."
        )
    }
    guard uncertainty.size > 0 else { return tail }
    return WassersteinTailRisk(tail, radius: uncertainty.size, norm: uncertainty.effectiveNorm)
}
