import PortfolioModel
import ResultChecker
import ResultVerification
import Testing

/// What the stranger's check must say of a book's result, and of one that was changed.
extension VerificationBook {
    /// Expects the result to have a certificate that proves it.
    func expectProof(_ comment: Comment, at place: SourceLocation = #_sourceLocation) throws {
        guard let certificate = result.certificate else {
            Issue.record("no certificate: \(comment)", sourceLocation: place)
            return
        }
        #expect(certificate.gap >= 0, comment, sourceLocation: place)
        let verdict = try VerifyResult.verdict(on: resultBytes, against: snapshotBytes())
        #expect(verdict == .passes(certificate), comment, sourceLocation: place)
    }

    /// Expects another result of the same request to be found out at a claim.
    func expectViolation(
        _ claim: String,
        in other: OptimizationResult,
        at place: SourceLocation = #_sourceLocation
    ) throws {
        let verdict = try VerifyResult.verdict(on: bytes(of: other), against: snapshotBytes())
        guard case .violated(let violations) = verdict else {
            Issue.record("passes: \(claim)", sourceLocation: place)
            return
        }
        #expect(violations.contains { $0.claim == claim }, "\(claim): \(violations)", sourceLocation: place)
    }

    /// Expects the result with another certificate to be found out at a claim.
    func expectViolation(
        _ claim: String,
        in certificate: OptimalityCertificate,
        at place: SourceLocation = #_sourceLocation
    ) throws {
        var other = result
        other.certificate = certificate
        try expectViolation(claim, in: other, at: place)
    }

    /// The result with weights a share of the way to those of another.
    func result(movedTo other: OptimizationResult, by share: Double) -> OptimizationResult {
        var mixed = result
        for id in Set(mixed.targetAllocation.keys).union(other.targetAllocation.keys) {
            let (own, aim) = (mixed.targetAllocation[id] ?? 0, other.targetAllocation[id] ?? 0)
            mixed.targetAllocation[id] = own + share * (aim - own)
        }
        return mixed
    }
}
