internal import Matrices
internal import PortfolioModel

/// The largest volatility of weights where factor loadings may be off, by plain loops over the definition.
///
/// - Returns: nil where the uncertainty does not fit the moments.
func worstVolatility(_ uncertainty: Uncertainty, of weights: [Double], _ moments: Moments) -> Double? {
    guard case .factors(let model) = moments.covariance else { return nil }
    let factors = model.factorCovariance
    let periods = moments.returns?.rows ?? 0
    guard uncertainty.radii != nil || periods > 0 else { return nil }
    var exposure = [Double](repeating: 0, count: factors.rows)
    var specific = 0.0
    var spread = 0.0
    for (i, weight) in weights.enumerated() where weight != 0 {
        for f in exposure.indices { exposure[f] += model.exposures[f, i] * weight }
        specific += weight * model.specificVariance[i] * weight
        let error = (model.specificVariance[i] / Double(max(1, periods))).squareRoot()
        let radius = uncertainty.radii.map { $0[moments.instruments[i]] ?? 0 } ?? error
        spread += uncertainty.size * radius * abs(weight)
    }
    var common = 0.0
    // Loadings on factors without variance move nothing.
    var isMoved = false
    for f in exposure.indices {
        isMoved = isMoved || factors[f, f] > 0
        for g in exposure.indices { common += exposure[f] * factors[f, g] * exposure[g] }
    }
    let most = max(0, common).squareRoot() + (isMoved ? spread : 0)
    return (most * most + specific).squareRoot()
}

extension Mandate {
    /// The same under what a request guards against; nil where loadings are certain.
    func worstLoadingVolatility(of weights: [Double]) -> Double? {
        guard let uncertainty = guardedAgainst, uncertainty.kind == .factorLoadings else { return nil }
        return worstVolatility(uncertainty, of: weights, moments)
    }
}
