import PortfolioModel
import ResultChecker
import ResultVerification
import Testing

@Suite("Verifying robust and scenario-based results")
struct VerifyWorstCaseTests {
    private func verdict(_ book: VerificationBook) throws -> VerifyResult.Verdict {
        try VerifyResult.verdict(on: book.resultBytes, against: book.snapshotBytes())
    }

    private func claims(_ book: VerificationBook) throws -> [String] {
        guard case .violated(let found) = try verdict(book) else { return [] }
        return found.map(\.claim)
    }

    @Test(arguments: [Uncertainty.Kind.ellipsoidal, .box, .covarianceBox])
    func `a worst case passes, and one that was changed is named`(kind: Uncertainty.Kind) throws {
        var book = try VerificationBook()
        book.request.type = .robust
        book.request.parameters.uncertainty = Uncertainty(kind: kind, size: 0.05)
        book.result = try VerificationBook.solved(book.request, book.snapshot)
        #expect(try verdict(book) == .passes(book.result.certificate))
        book.result.robust?.worstCaseReturn += 1e-6
        #expect(try claims(book).contains("robust/worst_case_return"))
    }

    @Test func `outcomes pass, and one that was changed is named`() throws {
        var book = try VerificationBook(objective: .minimizeRisk)
        book.request.type = .scenarioBased
        book.request.parameters.scenarios = ["2008", "calm"].enumerated().map { index, name in
            ReturnScenario(
                name: name,
                probability: 0.1 + 0.8 * Double(index),
                returns: Dictionary(
                    uniqueKeysWithValues: (0..<10).map { ("I\($0)", index == 0 ? -0.02 * Double($0 + 1) : 0.01) }
                )
            )
        }
        book.request.constraints.maxScenarioLosses = ["2008": 0.2]
        book.result = try VerificationBook.solved(book.request, book.snapshot)
        #expect(try verdict(book) == .passes(book.result.certificate))
        book.result.scenarioOutcomes?.outcomes[0].expectedReturn += 1e-6
        #expect(try claims(book).contains("scenario_outcomes/scenarios/0/return"))
    }
}
