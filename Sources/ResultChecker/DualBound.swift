internal import PortfolioModel

/// A bound, by the prices of the limits, of how much better than a target anything within the limits can be.
protocol DualBound {
    /// The objective's value at the target.
    var objective: Double { get }
    /// What a gap is measured against.
    var size: Double { get }
}

extension DualBound {
    /// A certificate of this bound, where its gap is small enough to show the target to be optimal.
    func proof(_ certificate: OptimalityCertificate) -> OptimalityCertificate? {
        guard certificate.bound.isFinite, certificate.gap <= Tolerance.optimal * size else { return nil }
        return certificate
    }

    /// Checks the objective that a certificate states.
    func checkObjective(of certificate: OptimalityCertificate, _ findings: inout Findings) {
        findings.equal(certificate.objective, objective, "certificate/objective", within: rounding)
    }

    /// Checks what a certificate states against the gap that its prices make.
    func check(_ certificate: OptimalityCertificate, gap: Double, by prices: String, _ findings: inout Findings) {
        checkObjective(of: certificate, &findings)
        findings.require(
            gap <= Tolerance.optimal * size,
            "certificate/gap",
            expected: "at most \(Tolerance.optimal) of \(size) by \(prices)",
            actual: "\(gap)"
        )
        findings.equal(certificate.bound, objective + gap, "certificate/bound", within: rounding)
    }

    /// A gap is a sum of terms that cancel: it is as exact as the largest of them.
    private var rounding: Double { Tolerance.relative * size }
}

extension OptimalityBound: DualBound {}
extension PathBound: DualBound {}
