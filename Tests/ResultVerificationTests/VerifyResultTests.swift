import Foundation
import PortfolioDocuments
import PortfolioModel
import ResultChecker
import ResultVerification
import TestSupport
import Testing

/// A change of a right result to a wrong one, and the claim that must be named first.
struct Tampering: Sendable, CustomTestStringConvertible {
    var testDescription: String { claim }
    var claim: String
    var apply: @Sendable (inout OptimizationResult) -> Void

    init(_ claim: String, _ apply: @escaping @Sendable (inout OptimizationResult) -> Void) {
        self.claim = claim
        self.apply = apply
    }

    static let all = figures + trades + reports

    static let figures: [Tampering] = [
        Tampering("current_allocation/I0") { $0.currentAllocation["I0"]? += 1e-6 },
        Tampering("target_allocation") { $0.targetAllocation["I3"]? += 1e-6 },
        Tampering("constraints/max_turnover") { result in
            for (id, weight) in result.targetAllocation { result.targetAllocation[id] = weight * 0.999 }
            result.targetAllocation["I9", default: 0] += 0.001
        },
        Tampering("metrics/expected_return") { $0.metrics.expectedReturn += 1e-6 },
        Tampering("metrics/expected_volatility") { $0.metrics.expectedVolatility *= 1 - 1e-6 },
        Tampering("metrics/sharpe_ratio") { $0.metrics.sharpeRatio? += 1e-5 },
        Tampering("metrics/max_drawdown") { $0.metrics.maxDrawdown? *= 0.99 },
        Tampering("metrics/turnover") { $0.metrics.turnover -= 1e-5 },
        Tampering("metrics/turnover_two_way") { $0.metrics.turnoverTwoWay -= 1e-5 },
        Tampering("metrics/information_ratio") { $0.metrics.informationRatio? += 1e-4 },
        Tampering("metrics/tracking_error") { $0.metrics.trackingError? *= 0.999 },
        Tampering("metrics/diversification_ratio") { $0.metrics.diversificationRatio? += 1e-5 },
        Tampering("metrics/effective_positions") { $0.metrics.effectivePositions += 1e-5 },
        Tampering("metrics/expected_return_net") { $0.metrics.expectedReturnNet += 1e-6 },
        Tampering("metrics/transaction_costs") { $0.metrics.transactionCosts *= 0.9 },
        Tampering("metrics/tax") { $0.metrics.tax += 1 },
        Tampering("metrics/risk_free_rate") { $0.metrics.riskFreeRate = 0 },
        Tampering("metric_notes/sharpe_ratio") { $0.metrics.notes["sharpe_ratio"] = "none" },
    ]

    static let trades: [Tampering] = [
        Tampering("trades/0/estimated_value") { $0.trades[0].estimatedValue += 1 },
        Tampering("trades/0/cost") { $0.trades[0].cost = 0 },
        Tampering("trades/1/priority") { $0.trades[1].priority = 7 },
        Tampering("trades/0/price") { $0.trades[0].price += 0.01 },
    ]

    static let reports: [Tampering] = [
        Tampering("constraints") { $0.constraints.maxAssetClassExposure = nil },
        Tampering("preferences") { $0.preferences.riskFreeRate = 0.02 },
        Tampering("inputs/portfolio/version") { $0.inputs.versions.portfolio = 5 },
        Tampering("inputs/covariance") { $0.inputs.covarianceEstimator = "sample" },
        Tampering("inputs/covariance_condition_number") { $0.inputs.covarianceConditionNumber? *= 0.5 },
        Tampering("solution/relative_gap") { $0.solution.relativeGap = 0.1 },
        Tampering("solution/primal_residual") { $0.solution.primalResidual = 0.1 },
        Tampering("binding_constraints/0/constraint") { $0.bindingConstraints[0].constraint = "/max_weights/I7" },
        Tampering("binding_constraints/0/bound") { $0.bindingConstraints[0].bound *= 1.1 },
        Tampering("binding_constraints/0/shadow_price") { result in
            result.bindingConstraints[0].shadowPrice = result.bindingConstraints[0].shadowPrice.map { -$0 - 0.1 }
        },
        Tampering("risk_contributions/I3") { $0.riskContributions["I3"]? += 1e-4 },
        Tampering("certificate/objective") { $0.certificate?.objective += 1e-4 },
        Tampering("certificate/bound") { $0.certificate?.bound += 1e-6 },
        Tampering("certificate/gap") { $0.certificate?.budgetPrice += 1e-2 },
        Tampering("certificate/gap") { result in
            for index in result.bindingConstraints.indices
            where result.bindingConstraints[index].constraint == "/max_turnover" {
                result.bindingConstraints[index].shadowPrice? *= 1.1
            }
        },
    ]
}

@Suite("A stranger's check of a result")
struct VerifyResultTests {
    @Test(arguments: Objective.withCertificates)
    func `a right result passes with its certificate, with the request and without`(_ objective: Objective) throws {
        let book = try VerificationBook(objective: objective)
        let certificate = try #require(book.result.certificate)
        for withRequest in [true, false] {
            let verdict = try VerifyResult.verdict(
                on: book.resultBytes,
                against: book.snapshotBytes(withRequest: withRequest)
            )
            #expect(verdict == .passes(certificate))
        }
    }

    @Test func `a result made of terms and its non-dominated set pass, and what is changed in them does not`() throws {
        var book = try VerificationBook()
        book.request.objective = .multiObjective
        book.request.parameters.objectives = [
            ObjectiveTerm(.expectedReturn, weight: 1), ObjectiveTerm(.variance, weight: -2),
            ObjectiveTerm(.score, weight: 0.01, name: "liked", scores: ["I0": 1, "I3": -0.5]),
        ]
        book.request.parameters.paretoPoints = 5
        book.result = try VerificationBook.solved(book.request, book.snapshot)
        #expect(book.result.paretoSet?.count == 5)
        for withRequest in [true, false] {
            let snapshot = book.snapshotBytes(withRequest: withRequest)
            let verdict = try VerifyResult.verdict(on: book.resultBytes, against: snapshot)
            guard case .passes = verdict else {
                Issue.record("\(verdict)")
                return
            }
        }
        let changes: [(String, (inout OptimizationResult) -> Void)] = [
            ("objective_terms/2/value", { $0.objectiveTerms?[2].value += 1e-6 }),
            ("pareto_set/1/objectives/variance", { $0.paretoSet?[1].values[1] += 1e-6 }),
        ]
        for (claim, change) in changes {
            var wrong = book
            change(&wrong.result)
            guard
                case .violated(let found) = try VerifyResult.verdict(
                    on: wrong.resultBytes,
                    against: wrong.snapshotBytes()
                )
            else {
                Issue.record("\(claim) passed")
                return
            }
            #expect(found.contains { $0.claim == claim }, "\(found)")
        }
    }

    @Test func `a result on a factor model and one with a frontier pass`() throws {
        let parts = try VerificationBook(objective: .minimizeRisk, inParts: true)
        #expect(parts.result.certificate != nil)
        #expect(
            try VerifyResult.verdict(on: parts.resultBytes, against: parts.snapshotBytes())
                == .passes(parts.result.certificate)
        )
        var book = try VerificationBook()
        book.request.frontierPointCount = 5
        book.result = try VerificationBook.solved(book.request, book.snapshot)
        #expect(book.result.efficientFrontier?.count == 5)
        #expect(
            try VerifyResult.verdict(on: book.resultBytes, against: book.snapshotBytes())
                == .passes(book.result.certificate)
        )
        book.result.efficientFrontier?[2].risk *= 0.99
        guard
            case .violated(let found) = try VerifyResult.verdict(
                on: book.resultBytes,
                against: book.snapshotBytes()
            )
        else {
            Issue.record("a curve that is too low passed")
            return
        }
        #expect(found.first?.claim.contains("efficient_frontier") == true, "\(found)")
    }

    @Test func `a Black-Litterman result is checked with its request, and not without`() throws {
        var book = try VerificationBook()
        book.request.type = .blackLitterman
        book.request.parameters.views = [
            ReturnView(instruments: ["I0": 1, "I1": -1], expectedReturn: 0.02, uncertainty: .confidence(0.5))
        ]
        book.result = try VerificationBook.solved(book.request, book.snapshot)
        #expect(
            try VerifyResult.verdict(on: book.resultBytes, against: book.snapshotBytes())
                == .passes(book.result.certificate)
        )
        #expect(throws: VerifyResult.BadInput.self) {
            try VerifyResult.verdict(on: book.resultBytes, against: book.snapshotBytes(withRequest: false))
        }
    }

    /// Whoever changes a claim writes the fingerprint anew: the claim itself must be named.
    @Test func `a path over several periods is checked with its request, period by period`() throws {
        var book = try VerificationBook()
        book.request.type = .multiPeriod
        book.request.objective = .maximizeUtility
        let up = (0..<book.snapshot.instruments.count).map { 0.03 + 0.01 * Double($0) }
        book.request.parameters.horizon = Horizon(periodCount: 2, expectedReturns: [up, up.reversed()])
        book.result = try VerificationBook.solved(book.request, book.snapshot)
        #expect(
            try VerifyResult.verdict(on: book.resultBytes, against: book.snapshotBytes())
                == .passes(book.result.certificate)
        )
        book.result.path?.periods[1].risk += 1e-6
        guard
            case .violated(let found) = try VerifyResult.verdict(
                on: book.resultBytes,
                against: book.snapshotBytes()
            )
        else {
            Issue.record("it passed")
            return
        }
        #expect(found.first?.claim == "path/1: risk")
    }

    @Test(arguments: Tampering.all)
    func `a claim that was changed is named`(_ tampering: Tampering) throws {
        let book = try VerificationBook()
        #expect(book.result.bindingConstraints.contains { $0.constraint == "/max_turnover" })
        var wrong = book.result
        tampering.apply(&wrong)
        #expect(wrong != book.result, "nothing was changed")
        guard
            case .violated(let found) = try VerifyResult.verdict(
                on: book.bytes(of: wrong),
                against: book.snapshotBytes()
            )
        else {
            Issue.record("it passed")
            return
        }
        #expect(found.contains { $0.claim.hasPrefix(tampering.claim) }, "\(found)")
    }

    @Test func `a changed byte that no claim covers breaks the fingerprint`() throws {
        let book = try VerificationBook()
        let text = String(decoding: book.resultBytes, as: UTF8.self)
        let changed = text.replacingOccurrences(of: "\"iterations\":", with: "\"iterations\":1")
        #expect(changed != text)
        guard
            case .violated(let found) = try VerifyResult.verdict(
                on: Array(changed.utf8),
                against: book.snapshotBytes()
            )
        else {
            Issue.record("it passed")
            return
        }
        #expect(found.map(\.claim) == ["result_hash"])
    }

    @Test func `another snapshot than the result's is told by its version and by what follows from it`() throws {
        var book = try VerificationBook()
        book.snapshot.portfolio.positions[0].quantity = 61
        book.snapshot.portfolio.positions[0].taxLots[0].quantity = 61
        guard
            case .violated(let found) = try VerifyResult.verdict(
                on: book.resultBytes,
                against: book.snapshotBytes()
            )
        else {
            Issue.record("it passed")
            return
        }
        #expect(found.first?.claim.hasPrefix("current_allocation/") == true)
    }

    @Test func `what cannot be read is no verdict`() throws {
        let book = try VerificationBook()
        let snapshot = book.snapshotBytes()
        for bytes in ["", "{", "[]", "{\"status\":\"failed\"}", "{\"status\":\"completed\"}"] {
            #expect(throws: VerifyResult.BadInput.self) {
                try VerifyResult.verdict(on: Array(bytes.utf8), against: snapshot)
            }
            #expect(throws: VerifyResult.BadInput.self) {
                try VerifyResult.verdict(on: book.resultBytes, against: Array(bytes.utf8))
            }
        }
        let text = String(decoding: book.resultBytes, as: UTF8.self)
        let changed = text.replacingOccurrences(of: "\"turnover\":", with: "\"turnover_\":")
        #expect {
            try VerifyResult.verdict(on: Array(changed.utf8), against: snapshot)
        } throws: { error in
            (error as? VerifyResult.BadInput)?.faults == ["the result: /metrics/turnover: turnover is missing"]
        }
    }
}

extension Objective {
    /// The objectives whose optimum prices prove.
    static let withCertificates: [Objective] = [
        .maximizeSharpe, .minimizeRisk, .maximizeReturn, .maximizeUtility, .minimizeTrackingError,
        .maximizeInformationRatio, .maximizeDiversification, .minimizeTransactionCosts,
    ]
}
