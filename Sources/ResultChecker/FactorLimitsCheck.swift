internal import Matrices
internal import PortfolioModel

/// Checks the exposures to factors against their limits, more closely than weights: they are sums of many.
func checkFactorLimits(of exposure: Exposure, _ mandate: Mandate, _ findings: inout Findings) {
    for (name, limit) in (mandate.limits.factorExposures ?? [:]).sorted(by: { $0.key < $1.key }) {
        let claim = "constraints/factor_exposures/\(name)"
        guard let value = factorExposure(name, exposure.weights, mandate.moments) else {
            findings.require(false, claim, expected: "a factor of the risk model", actual: "none")
            continue
        }
        if let bound = limit.max.map({ mandate.most($0, "/factor_exposures/\(name)/max") }) {
            let holds = value <= bound + Tolerance.factorLimit
            findings.require(holds, claim, expected: "at most \(bound)", actual: "\(value)")
        }
        if let bound = limit.min.map({ mandate.least($0, "/factor_exposures/\(name)/min") }) {
            let holds = value >= bound - Tolerance.factorLimit
            findings.require(holds, claim, expected: "at least \(bound)", actual: "\(value)")
        }
        if let bound = limit.maxRisk.map({ mandate.most($0, "/factor_exposures/\(name)/max_risk") }) {
            let risk = factorRisk(name, exposure.weights, mandate.moments) ?? .nan
            let holds = risk <= bound + Tolerance.factorLimit
            findings.require(holds, "\(claim)/max_risk", expected: "at most \(bound)", actual: "\(risk)")
        }
    }
}

/// The exposure of each instrument to a factor; nil for what is no factor of the model.
func factorCoefficients(_ name: String, _ moments: Moments) -> [Double]? {
    guard let structure = moments.factors, let factor = structure.factors.firstIndex(of: name),
        structure.covariance.exposures.columns == moments.instruments.count
    else { return nil }
    return moments.instruments.indices.map { structure.covariance.exposures[factor, $0] }
}

/// √F_ff; nil for what is no factor of the model, or for one without variance.
func factorVolatility(_ name: String, _ moments: Moments) -> Double? {
    guard let structure = moments.factors, let factor = structure.factors.firstIndex(of: name) else { return nil }
    let variance = structure.covariance.factorCovariance[factor, factor]
    return variance > 0 ? variance.squareRoot() : nil
}

/// |Σ wᵢ bᵢf| √F_ff, the volatility that a factor alone makes; nil for what is no factor with a variance.
func factorRisk(_ name: String, _ weights: [Double], _ moments: Moments) -> Double? {
    guard let exposure = factorExposure(name, weights, moments), let volatility = factorVolatility(name, moments) else {
        return nil
    }
    return abs(exposure) * volatility
}

/// Σ wᵢ bᵢf; nil for what is no factor of the model.
func factorExposure(_ name: String, _ weights: [Double], _ moments: Moments) -> Double? {
    guard let structure = moments.factors, let factor = structure.factors.firstIndex(of: name),
        structure.covariance.exposures.columns == weights.count
    else { return nil }
    var sum = 0.0
    for (i, weight) in weights.enumerated() where weight != 0 {
        sum += weight * structure.covariance.exposures[factor, i]
    }
    return sum
}
