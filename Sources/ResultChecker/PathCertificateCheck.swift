internal import PortfolioModel

extension AllocationCheck {
    /// The certificate that the prices of a path make, or nil where they prove nothing.
    ///
    /// - Parameter result: a result over several periods; a certificate of its own is taken for proposed budget prices.
    /// - Returns: the certificate, where its gap is small enough.
    /// - Complexity: O(n H²) for each set of budget prices, after O(H n · held) for the gradients.
    func pathCertificate(of result: OptimizationResult) -> OptimalityCertificate? {
        guard let bound = PathBound(result, mandate) else { return nil }
        return bound.proof(bound.certificate(from: result.certificate?.budgetPrices ?? []))
    }
}

/// Checks that a path's certificate is what its prices make of it, and that it shows the path to be optimal.
func checkPathCertificate(
    _ certificate: OptimalityCertificate,
    of result: OptimizationResult,
    _ mandate: Mandate,
    _ findings: inout Findings
) {
    guard let bound = PathBound(result, mandate) else {
        findings.require(false, "certificate", expected: "none for this path", actual: "one")
        return
    }
    let prices = certificate.budgetPrices
    findings.require(
        prices.count == bound.periodCount,
        "certificate/budget_prices",
        expected: "one for each of \(bound.periodCount) periods",
        actual: "\(prices.count)"
    )
    findings.require(
        certificate.scenarioWeights.isEmpty,
        "certificate/scenario_weights",
        expected: "none without a measure over scenarios",
        actual: "\(certificate.scenarioWeights.count)"
    )
    guard prices.count == bound.periodCount else { return }
    let size = prices.reduce(0) { $0 + abs($1) }
    findings.equal(
        certificate.budgetPrice,
        prices.reduce(0, +),
        "certificate/budget_price",
        within: Tolerance.relative * size
    )
    let gap = bound.gap(budgetPrices: prices)
    bound.check(certificate, gap: gap, by: "the shadow prices and the budgets'", &findings)
}
