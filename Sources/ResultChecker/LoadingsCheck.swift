internal import Matrices
internal import PortfolioModel

/// The largest volatility of weights where factor loadings may be off, by plain loops over the definition.
///
/// - Returns: nil where the uncertainty does not fit the moments.
func worstVolatility(_ uncertainty: Uncertainty, of weights: [Double], _ moments: Moments) -> Double? {
    guard case .factors(let model) = moments.covariance else { return nil }
    let factors = model.factorCovariance
    guard let radii = loadingRadii(uncertainty, moments) else { return nil }
    var exposure = [Double](repeating: 0, count: factors.rows)
    var specific = 0.0
    var spread = 0.0
    for (i, weight) in weights.enumerated() where weight != 0 {
        for f in exposure.indices { exposure[f] += model.exposures[f, i] * weight }
        specific += weight * model.specificVariance[i] * weight
        spread += radii[i] * abs(weight)
    }
    var common = 0.0
    for f in exposure.indices {
        for g in exposure.indices { common += exposure[f] * factors[f, g] * exposure[g] }
    }
    let most = max(0, common).squareRoot() + spread
    return (most * most + specific).squareRoot()
}

/// By how much a unit of each weight may move the volatility that factors bring; nil where that is not known.
func loadingRadii(_ uncertainty: Uncertainty, _ moments: Moments) -> [Double]? {
    guard case .factors(let model) = moments.covariance else { return nil }
    let periods = moments.returns?.rows ?? 0
    guard uncertainty.radii != nil || periods > 0 else { return nil }
    // Loadings on factors without variance move nothing.
    let isMoved = (0..<model.factorCovariance.rows).contains { model.factorCovariance[$0, $0] > 0 }
    return moments.instruments.enumerated().map { i, id in
        guard isMoved else { return 0 }
        let error = (model.specificVariance[i] / Double(max(1, periods))).squareRoot()
        return uncertainty.size * (uncertainty.radii.map { $0[id] ?? 0 } ?? error)
    }
}

extension Mandate {
    /// The same under what a request guards against; nil where loadings are certain.
    func worstLoadingVolatility(of weights: [Double]) -> Double? {
        guard let uncertainty = guardedAgainst, uncertainty.kind == .factorLoadings else { return nil }
        return worstVolatility(uncertainty, of: weights, moments)
    }
}
