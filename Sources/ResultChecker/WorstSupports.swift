internal import Matrices
internal import PortfolioModel

/// The worst expected return of weights, from above: a mean of each less a charge on its size.
struct ReturnSupport {
    /// By instrument.
    var means: [Double]
    /// What a unit of each size costs; empty where nothing does.
    var sizeRates: [Double] = []

    /// Nil where the uncertainty does not fit the moments.
    ///
    /// A box's worst return of a weight is at one of two ends: where that is, is where its sign is. Elsewhere the means at
    /// which the worst is attained stand for all weights.
    init?(_ exposure: Exposure, _ mandate: Mandate) {
        guard let worst = WorstCase(exposure, mandate) else { return nil }
        means = mandate.moments.expectedReturns
        guard let worstMeans = worst.expectedReturns else { return }
        if mandate.guardedAgainst?.kind == .box {
            sizeRates = zip(means, worstMeans).map { abs($0 - $1) }
        } else {
            means = worstMeans
        }
    }
}

/// The worst volatility of weights, from below: a gradient and a charge on each size.
///
/// Where loadings may be off it is √((c + s)² + d), c = √(xᵀFx) for x = Bᵀw, s = Σ rᵢ|wᵢ|, d = Σ dᵢwᵢ²: a norm of norms. With
/// u = (c + s)/σ at the target, σ(w′) ≥ u(c(w′) + s(w′)) + √(1 − u²)√d(w′), whose first and last parts have gradients.
struct VolatilitySupport {
    private(set) var volatility: Double
    /// With 0 for cash.
    private(set) var gradient: [Double]
    /// What a unit of each size adds; empty where nothing does.
    private(set) var sizeRates: [Double] = []

    /// That of weights whose volatility is certain.
    init(_ slope: Slope) { (volatility, gradient) = (slope.volatility, slope.gradient(by: 1)) }

    /// Nil where the uncertainty does not fit the moments.
    init?(_ weights: [Double], _ mandate: Mandate) {
        let moments = mandate.moments
        guard let uncertainty = mandate.guardedAgainst, uncertainty.kind == .factorLoadings else {
            let slope = Slope(weights, moments)
            (volatility, gradient) = (slope.volatility, slope.gradient(by: 1))
            return
        }
        guard let worst = worstVolatility(uncertainty, of: weights, moments), worst > 0,
            let radii = loadingRadii(uncertainty, moments), case .factors(let model) = moments.covariance
        else { return nil }
        volatility = worst
        let factors = model.factorCovariance
        var exposure = [Double](repeating: 0, count: factors.rows)
        var spread = 0.0
        for (i, weight) in weights.enumerated() where weight != 0 {
            for f in exposure.indices { exposure[f] += model.exposures[f, i] * weight }
            spread += radii[i] * abs(weight)
        }
        let pressure = exposure.indices.map { f in
            exposure.indices.reduce(0) { $0 + factors[f, $1] * exposure[$1] }
        }
        let common = max(0, zip(exposure, pressure).reduce(0) { $0 + $1.0 * $1.1 }).squareRoot()
        let share = (common + spread) / worst
        gradient = weights.enumerated().map { i, weight in
            var slope = model.specificVariance[i] * weight / worst
            guard common > 0 else { return slope }
            for f in pressure.indices { slope += share / common * model.exposures[f, i] * pressure[f] }
            return slope
        }
        gradient.append(0)
        sizeRates = radii.map { share * $0 }
    }
}
