public import PortfolioModel

extension AllocationCheck {
    /// The certificate that a result's shadow prices make, or nil where they prove nothing.
    ///
    /// That is so for objectives on other measures of risk, for budgets of risk, and where the best is one of finitely many
    /// choices, which no prices tell apart.
    ///
    /// - Parameter result: a result, with or without a certificate of its own.
    /// - Returns: the certificate with the least bound, when that shows the target to be optimal.
    /// - Complexity: O(n · held) for the gradient, O(n) for each of the steps that find the budget's price.
    public func certificate(of result: OptimizationResult) -> OptimalityCertificate? {
        guard mandate.isUsable, result.solution.status == .optimal,
            let bound = OptimalityBound(targetExposure(of: result), result.bindingConstraints, mandate)
        else { return nil }
        let certificate = bound.certificate()
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
    guard let bound = OptimalityBound(exposure, result.bindingConstraints, mandate) else {
        findings.require(false, "certificate", expected: "none for this objective", actual: "one")
        return
    }
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
