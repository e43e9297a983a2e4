public import PortfolioModel

extension AllocationCheck {
    /// The certificate that a result's shadow prices make, or nil where they prove nothing.
    ///
    /// That is so for value-at-risk over scenarios, for budgets of risk, and where the best is one of finitely many
    /// choices, which no prices tell apart.
    ///
    /// - Parameter result: a result, with or without a certificate of its own.
    /// - Returns: the certificate with the least bound, when that shows the target to be optimal.
    /// - Complexity: O(n · held) for the gradient, O(n) for each of the steps that find the budget's price; with scenarios
    ///   O(T · held) more, and O(n k²) for each of the steps that find the shares of k of them.
    public func certificate(of result: OptimizationResult) -> OptimalityCertificate? {
        if mandate.request.type == .multiPeriod {
            return mandate.isUsable && result.solution.status == .optimal ? pathCertificate(of: result) : nil
        }
        let exposure = targetExposure(of: result)
        guard mandate.isUsable, result.solution.status == .optimal,
            let bound = OptimalityBound(exposure, result.bindingConstraints, mandate)
        else { return nil }
        for support in KinkSupports(of: bound, exposure, mandate) {
            let supported = bound.leaning(on: support)
            var certificate = supported.certificate()
            support.list(in: &certificate, bound.tiedSizes, mandate)
            if let proof = supported.proof(certificate) { return proof }
        }
        return nil
    }
}

/// Checks that a certificate is what its prices make of it, and that it shows the target to be optimal.
func checkCertificate(
    of result: OptimizationResult,
    _ exposure: Exposure,
    _ mandate: Mandate,
    _ findings: inout Findings
) {
    guard let certificate = result.certificate else { return }
    if mandate.request.type == .multiPeriod {
        let isOwn = certificate.relaxation == nil
        findings.require(isOwn, "certificate/relaxation", expected: "none of a path", actual: "one")
        checkPathCertificate(certificate, of: result, mandate, &findings)
        return
    }
    findings.require(
        certificate.budgetPrices.isEmpty,
        "certificate/budget_prices",
        expected: "none for a single period",
        actual: "\(certificate.budgetPrices.count)"
    )
    guard var bound = OptimalityBound(exposure, result.bindingConstraints, mandate) else {
        findings.require(false, "certificate", expected: "none for this objective", actual: "one")
        return
    }
    if let relaxation = certificate.relaxation {
        bound.checkObjective(of: certificate, &findings)
        PricedBound(relaxation, mandate).check(certificate, &findings)
        return
    }
    guard bound.take(certificate, exposure, mandate, &findings) else { return }
    let gap = bound.gap(budgetPrice: certificate.budgetPrice)
    bound.check(certificate, gap: gap, by: "the shadow prices and the budget's", &findings)
}

/// What a certificate's weights make of the scenarios' losses; nil for weights that are none of the measure.
func supportingGradient(
    _ weights: [ScenarioWeight],
    _ bound: OptimalityBound,
    _ exposure: Exposure,
    _ mandate: Mandate
) -> (values: [Double], risk: Double)? {
    var named: [Int: Double] = [:]
    for entry in weights {
        guard named.updateValue(entry.weight, forKey: entry.scenario) == nil else { return nil }
    }
    guard let support = RiskSupport(bound.riskMeasure, exposure, mandate, named: Set(named.keys), width: 0),
        support.ties.count == named.count
    else { return nil }
    let shares = support.ties.map { named[$0.scenario] ?? 0 }
    guard support.allows(shares) else { return nil }
    return (support.gradient(shares), support.value)
}

/// Puts the shares that a certificate lists in their place.
///
/// - Returns: whether they are those of what is tied, all of it and nothing else, and such as may be.
func addShares(of certificate: OptimalityCertificate, to bound: inout OptimalityBound, _ mandate: Mandate)
    -> Bool
{
    var named: [String: [String: Double]] = [:]
    for entry in certificate.weightShares {
        let known = named[entry.constraint, default: [:]].updateValue(entry.share, forKey: entry.instrumentID)
        guard known == nil else { return false }
    }
    for sum in bound.tiedSizes {
        guard let own = named.removeValue(forKey: sum.constraint), own.count == sum.members.count else { return false }
        let shares = sum.members.map { own[mandate.moments.instruments[$0]] ?? .nan }
        guard sum.allows(shares) else { return false }
        bound.add(shares, of: sum)
    }
    return named.isEmpty
}
