internal import Matrices
public import PortfolioModel

/// Moments after the views, with what they were made of.
public struct BlackLittermanEstimate: Equatable, Sendable {
    /// μ = posterior + risk-free rate, and Σ + M or Σ.
    public let moments: Moments
    /// Prior, posterior and the constants in force.
    public let report: BlackLittermanReport
}

/// The moments that the market's equilibrium and a request's views give, in place of the risk model's expected returns.
///
/// Π = δ Σ w with the market weights w, those of the request or else the benchmark, and δ the risk aversion in force.
///
/// - Parameters:
///   - base: the risk model's moments, of which Σ is taken; its expected returns are not read.
///   - benchmark: the portfolio's benchmark, if it has one.
///   - parameters: views, τ, market weights and whether Σ becomes Σ + M.
///   - preferences: δ and the risk-free rate.
/// - Returns: the moments, and what a result says of them.
/// - Throws: an ``OptimizationFailure`` with the code `missing_market_weights` where neither the request nor the
///   portfolio has them, `invalid_views` for views that no posterior follows from, `invalid_inputs` for instruments that
///   the risk model does not have, and `too_many_instruments`.
/// - Complexity: that of ``blackLittermanPosterior(prior:covariance:views:tau:riskFreeRate:)``.
/// - SeeAlso: `docs/mathematics.md`, Black–Litterman.
public func blackLittermanMoments(
    of base: Moments,
    benchmark: [String: Double]?,
    parameters: MethodParameters,
    preferences: Preferences
) throws(OptimizationFailure) -> BlackLittermanEstimate {
    guard let marketWeights = parameters.marketWeights ?? benchmark else {
        throw OptimizationFailure(
            code: "missing_market_weights",
            message: "Black–Litterman starts from the weights of the market: the request has no market_weights and the"
                + " portfolio has no benchmark."
        )
    }
    var places: [String: Int] = [:]
    for (index, id) in base.instruments.enumerated() { places[id] = index }
    let weights = try column(marketWeights, places, "the market weights")
    let views = try blackLittermanViews(parameters.views ?? [], places)
    let covariance = try base.covariance.matrix(for: "black_litterman")
    let riskAversion = preferences.effectiveRiskAversion
    let riskFreeRate = preferences.effectiveRiskFreeRate
    let prior: [Double]
    do {
        prior = try equilibriumReturns(
            covariance: covariance,
            marketWeights: weights,
            riskAversion: riskAversion
        )
    } catch { throw error.failure }
    let posterior: BlackLittermanPosterior
    do {
        posterior = try blackLittermanPosterior(
            prior: prior,
            covariance: covariance,
            views: views,
            tau: parameters.effectiveTau,
            riskFreeRate: riskFreeRate
        )
    } catch { throw error.failure }
    guard posterior.excessReturns.allSatisfy(\.isFinite) else {
        throw OptimizationFailure(code: "invalid_views", message: "The views lead to returns that are not numbers.")
    }
    var moments = base
    moments.expectedReturns = posterior.excessReturns.map { $0 + riskFreeRate }
    moments.expectedReturnsEstimator = "black_litterman"
    if parameters.usesPosteriorCovariance { moments.covariance = .dense(posterior.covariance) }
    moments.warnings.removeAll { $0.code == "missing_expected_returns" }
    func byInstrument(_ values: [Double]) -> [String: Double] {
        Dictionary(zip(base.instruments, values)) { first, _ in first }
    }
    let report = BlackLittermanReport(
        prior: byInstrument(prior),
        posterior: byInstrument(posterior.excessReturns),
        marketWeights: marketWeights,
        tau: parameters.effectiveTau,
        riskAversion: riskAversion,
        hasPosteriorCovariance: parameters.usesPosteriorCovariance,
        viewVariances: posterior.viewVariances
    )
    return BlackLittermanEstimate(moments: moments, report: report)
}

/// A map of weights in the order of the instruments.
private func column(
    _ map: [String: Double],
    _ places: [String: Int],
    _ what: String
) throws(OptimizationFailure) -> [Double] {
    var column = [Double](repeating: 0, count: places.count)
    for (id, value) in map.sorted(by: { $0.key < $1.key }) where value != 0 {
        guard let place = places[id] else {
            throw OptimizationFailure(
                code: "invalid_inputs",
                message: "\(id) is in \(what) but not in the risk model."
            )
        }
        column[place] = value
    }
    return column
}

/// The views by the places of their instruments.
private func blackLittermanViews(
    _ views: [ReturnView],
    _ places: [String: Int]
) throws(OptimizationFailure) -> [BlackLittermanView] {
    var result: [BlackLittermanView] = []
    for (index, view) in views.enumerated() {
        var terms: [BlackLittermanView.Term] = []
        for (id, coefficient) in view.instruments.sorted(by: { $0.key < $1.key }) where coefficient != 0 {
            guard let place = places[id] else {
                throw OptimizationFailure(
                    code: "invalid_inputs",
                    message: "\(id) is in /views/\(index) but not in the risk model."
                )
            }
            terms.append(.init(instrument: place, coefficient: coefficient))
        }
        let uncertainty: BlackLittermanView.Uncertainty =
            switch view.uncertainty {
            case .asPrior: .asPrior
            case .variance(let variance): .variance(variance)
            case .confidence(let confidence): .confidence(confidence)
            }
        result.append(
            BlackLittermanView(
                terms: terms,
                expectedReturn: view.expectedReturn,
                isTotal: view.isTotal,
                uncertainty: uncertainty
            )
        )
    }
    return result
}

extension BlackLittermanError {
    /// What a caller is told.
    fileprivate var failure: OptimizationFailure {
        let message =
            switch self {
            case .wrongSize(let part, let expected, let actual): "\(part) has \(actual) entries instead of \(expected)."
            case .unusableTau: "tau must be a positive number."
            case .unknownInstrument(let view, _): "/views/\(view) names an instrument that is not there."
            case .notFinite(let view): "/views/\(view) holds a number that is not finite."
            case .unusableUncertainty(let view): "/views/\(view) has a confidence or a variance out of range."
            case .viewWithoutRisk(let view):
                "/views/\(view) is about a combination that has no risk: it needs a variance of its own, greater than 0."
            case .dependentViews: "Of the views that are certain, one follows from the others or contradicts them."
            }
        return OptimizationFailure(code: "invalid_views", message: message)
    }
}
