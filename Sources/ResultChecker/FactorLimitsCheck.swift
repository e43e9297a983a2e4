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
    }
}

/// The exposure of each instrument to a factor; nil for what is no factor of the model.
func factorCoefficients(_ name: String, _ moments: Moments) -> [Double]? {
    guard let structure = moments.factors, let factor = structure.factors.firstIndex(of: name),
        structure.covariance.exposures.columns == moments.instruments.count
    else { return nil }
    return moments.instruments.indices.map { structure.covariance.exposures[factor, $0] }
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
