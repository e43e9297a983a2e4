import MomentEstimation
import PortfolioDocuments
import PortfolioModel
import ResultChecker
import ResultVerification
import Testing

@Suite("Certificates")
struct CertificateTests {
    @Test(arguments: Objective.withCertificates, [false, true])
    func `an optimum under any continuous limits proves itself`(_ objective: Objective, inParts: Bool) throws {
        var checked = 0
        for seed in UInt64(1)...25 {
            let book: VerificationBook
            do { book = try VerificationBook(seed: seed, objective: objective, inParts: inParts) } catch {
                // Some benchmarks are the best that there is.
                #expect((error as? OptimizationFailure)?.code == "no_active_return")
                continue
            }
            checked += 1
            let certificate = try #require(book.result.certificate, "seed \(seed)")
            #expect(certificate.gap >= 0 && certificate.gap <= 1e-7, "seed \(seed): \(certificate)")
        }
        #expect(checked >= 15)
    }

    /// A target between the optimum and what is held meets the same limits and is worse: its prices prove nothing.
    @Test(arguments: [Objective.maximizeSharpe, .minimizeRisk, .maximizeUtility, .maximizeReturn])
    func `a target that is not the best has no certificate, whatever the prices say`(_ objective: Objective) throws {
        var book = try VerificationBook(objective: objective)
        let optimum = book.result
        var loose = book.request
        let largest = try #require(optimum.targetAllocation.max { $0.value < $1.value })
        loose.constraints.maxWeights = [largest.key: largest.value - 0.01]
        let other = try VerificationBook.solved(loose, book.snapshot)
        book.result.targetAllocation = other.targetAllocation
        #expect(other.targetAllocation != optimum.targetAllocation)
        book.result.certificate = nil
        let moments = try estimateMoments(of: book.snapshot.riskModel)
        let check = AllocationCheck(snapshot: book.snapshot, moments: moments, request: book.request)
        #expect(check.certificate(of: book.result) == nil)
        book.result = optimum
        #expect(check.certificate(of: book.result) != nil)
    }

    @Test func `where positions are whole choices the result passes without a certificate, too`() throws {
        var book = try VerificationBook(objective: .minimizeRisk)
        book.request.constraints.minPositionSize = 0.08
        book.result = try VerificationBook.solved(book.request, book.snapshot)
        #expect(book.result.bindingConstraints.allSatisfy { $0.shadowPrice == nil })
        #expect(book.result.certificate?.relaxation != nil)
        book.result.certificate = nil
        let verdict = try VerifyResult.verdict(on: book.resultBytes, against: book.snapshotBytes())
        #expect(verdict == .passes(nil))
    }
}
