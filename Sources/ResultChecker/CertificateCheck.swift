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
        guard bound.riskPrice > 0 else { return proof(bound, bound.certificate()) }
        // A width that is too small leaves scenarios out that are at the kink but for roundings of the solve.
        for width in [1e-11, 1e-9, 1e-7] {
            guard
                let support = RiskSupport(bound.riskMeasure, exposure, mandate, named: nil, width: width),
                support.ties.count <= TiedShares.mostTies
            else { return nil }
            var search = TiedShares(bound, support)
            let shares = search.found()
            guard support.allows(shares) else { continue }
            var supported = bound
            supported.add(support.gradient(shares), of: support.value)
            var certificate = supported.certificate()
            certificate.scenarioWeights = zip(support.ties, shares).map {
                ScenarioWeight(scenario: $0.scenario, weight: $1)
            }
            if let proof = proof(supported, certificate) { return proof }
        }
        return nil
    }

    private func proof(_ bound: OptimalityBound, _ certificate: OptimalityCertificate) -> OptimalityCertificate? {
        guard certificate.bound.isFinite, certificate.gap <= Tolerance.optimal * bound.size else { return nil }
        return certificate
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
        let rounding = Tolerance.relative * bound.size
        findings.equal(certificate.objective, bound.objective, "certificate/objective", within: rounding)
        PricedBound(relaxation, mandate).check(certificate, &findings)
        return
    }
    guard bound.take(certificate.scenarioWeights, exposure, mandate, &findings) else { return }
    // A gap is a sum of terms that cancel: it is as exact as the largest of them.
    let rounding = Tolerance.relative * bound.size
    findings.equal(certificate.objective, bound.objective, "certificate/objective", within: rounding)
    let gap = bound.gap(budgetPrice: certificate.budgetPrice)
    findings.require(
        gap <= Tolerance.optimal * bound.size,
        "certificate/gap",
        expected: "at most \(Tolerance.optimal) of \(bound.size) by the shadow prices and the budget's",
        actual: "\(gap)"
    )
    findings.equal(certificate.bound, bound.objective + gap, "certificate/bound", within: rounding)
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
