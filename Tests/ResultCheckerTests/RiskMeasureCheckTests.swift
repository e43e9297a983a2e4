import PortfolioModel
import PortfolioOptimization
import ResultChecker
import Testing

@Suite("Checker: the chosen measure of risk")
struct RiskMeasureCheckTests {
    /// A right result whose risk is measured otherwise.
    private func book(_ measure: RiskMeasure, seed: UInt64) throws -> RandomBook {
        var book = try RandomBook(seed: seed, isRich: true)
        book.request.riskMeasure = measure
        book.request.constraints.maxRisk = nil
        book.result.constraints.maxRisk = nil
        book.result.bindingConstraints.removeAll { $0.constraint == "/max_risk" }
        let weights = book.moments.instruments.map { book.result.targetAllocation[$0] ?? 0 }
        let measured = try MeasuredRisk(
            measure,
            weights: weights,
            moments: book.moments,
            preferences: book.result.preferences
        )
        book.result.metrics.risk = measured.value
        let excess = book.result.metrics.expectedReturn - book.result.metrics.riskFreeRate
        book.result.metrics.returnRiskRatio = measured.value > 0 ? excess / measured.value : nil
        book.result.metrics.notes["return_risk_ratio"] = measured.value > 0 ? nil : "the risk is not above 0"
        book.result.riskContributions = [:]
        for (id, share) in zip(book.moments.instruments, measured.contributions) where share != 0 {
            book.result.riskContributions[id] = share
        }
        let allocation = EvaluatedAllocation(
            weights: weights,
            cash: book.result.targetAllocation["cash"] ?? 0,
            moments: book.moments,
            holdings: try Holdings(book.snapshot),
            benchmark: book.snapshot.portfolio.benchmark,
            preferences: book.result.preferences
        )
        book.result.trades = try TradeExplanation(
            allocation,
            metrics: book.result.metrics,
            objective: book.request.objective,
            measure: measure
        ).explained(book.result.trades)
        return book
    }

    private func violations(_ book: RandomBook) -> [Violation] {
        AllocationCheck(snapshot: book.snapshot, moments: book.moments, request: book.request)
            .violations(in: book.result)
    }

    @Test(arguments: RiskMeasure.allCases.filter { $0 != .volatility }, UInt64(1)...5)
    func `what is right passes, and each wrong figure of the measure is named`(
        measure: RiskMeasure,
        seed: UInt64
    ) throws {
        let right = try book(measure, seed: seed)
        #expect(violations(right) == [])
        var wrong = right
        wrong.result.metrics.risk *= 1 + 1e-6
        #expect(violations(wrong).contains { $0.claim == "metrics/risk" })
        wrong = right
        wrong.result.metrics.returnRiskRatio = (right.result.metrics.returnRiskRatio ?? 1) * (1 + 1e-6)
        #expect(violations(wrong).contains { $0.claim == "metrics/return_risk_ratio" })
        wrong = right
        let names = right.result.riskContributions.keys.sorted()
        let (first, last) = (names[0], names[names.count - 1])
        // At a kink every share between two slopes is right: so large a step is beyond both.
        wrong.result.riskContributions[first]? += 1.5
        wrong.result.riskContributions[last]? -= 1.5
        #expect(violations(wrong).contains { $0.claim == "risk_contributions/\(first)" })
        wrong = right
        wrong.result.riskContributions[first]? += 1e-6
        #expect(violations(wrong).contains { $0.claim == "risk_contributions" })
        wrong = right
        wrong.request.constraints.maxRisk = right.result.metrics.risk * 0.99
        wrong.result.constraints.maxRisk = wrong.request.constraints.maxRisk
        #expect(violations(wrong).contains { $0.claim == "constraints/max_risk" })
    }
}
