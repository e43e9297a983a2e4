import MomentEstimation
import PortfolioDocuments
import PortfolioModel
import ResultChecker
import ResultVerification
import Testing

/// Answers with choices in them: who is held, who is traded, what is sold at a loss.
@Suite("Certificates of choices")
struct RelaxationCertificateTests {
    enum Choice: String, CaseIterable {
        case positions, threshold, both, fixedCosts, losses, shortThreshold

        func apply(to request: inout OptimizationRequest, _ snapshot: inout MandateSnapshot) {
            switch self {
            case .positions: request.constraints.maxPositions = 5
            case .threshold: request.constraints.minPositionSize = 0.08
            case .both:
                request.constraints.maxPositions = 6
                request.constraints.minPositionSize = 0.1
            case .fixedCosts:
                request.preferences.includeTransactionCosts = true
                for index in snapshot.instruments.indices { snapshot.instruments[index].cost?.fixed = 25 }
            case .losses:
                request.preferences.considerTaxImplications = true
                request.preferences.longTermTaxRate = 0.2
                for index in snapshot.portfolio.positions.indices where index % 2 == 0 {
                    let id = snapshot.portfolio.positions[index].instrumentID
                    let price = snapshot.instruments.first { $0.id == id }?.price ?? 0
                    snapshot.portfolio.positions[index].taxLots[0].costBasis = 1.2 * price
                }
            case .shortThreshold:
                request.constraints.minPositionSize = 0.06
                request.constraints.allowShort = true
                request.constraints.maxGrossExposure = 1.4
                request.constraints.minWeights = nil
                request.constraints.maxTurnover = 0.8
            }
        }

        /// Turnover leaves no room to hold few of many.
        func widened(_ request: inout OptimizationRequest) {
            if self == .positions || self == .both { request.constraints.maxTurnover = 0.9 }
        }
    }

    private static func book(_ choice: Choice, _ objective: Objective, seed: UInt64) throws -> VerificationBook {
        try VerificationBook(seed: seed, objective: objective) { request, snapshot in
            choice.apply(to: &request, &snapshot)
            choice.widened(&request)
        }
    }

    @Test(
        arguments: Choice.allCases,
        [Objective.minimizeRisk, .maximizeReturn, .maximizeUtility, .maximizeSharpe, .minimizeTransactionCosts]
    )
    func `an answer with choices has a bound that passes`(_ choice: Choice, _ objective: Objective) throws {
        for seed in UInt64(1)...4 {
            let book: VerificationBook
            do { book = try Self.book(choice, objective, seed: seed) } catch {
                #expect((error as? OptimizationFailure)?.code == "infeasible", "\(error)")
                continue
            }
            let certificate = try #require(book.result.certificate, "\(choice) seed \(seed)")
            print("GAP", choice, objective, seed, certificate.gap / abs(certificate.objective), certificate.relaxation == nil ? "own" : certificate.relaxation!.allocation == book.result.targetAllocation ? "chosen" : "relaxed")
            #expect(certificate.gap >= 0)
            let verdict = try VerifyResult.verdict(on: book.resultBytes, against: book.snapshotBytes())
            #expect(verdict == .passes(certificate), "\(choice) seed \(seed)")
        }
    }
}
