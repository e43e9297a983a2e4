import Matrices
import PortfolioModel
import Repository
import TestSupport

/// A job that a solver can answer.
struct TestJob {
    var job: OptimizationJob

    /// Terms that need neither benchmark, factors nor scenarios of their own.
    static let terms = [
        ObjectiveTerm(.expectedReturn, weight: 1), ObjectiveTerm(.risk, weight: -0.3),
        ObjectiveTerm(.concentration, weight: -0.02), ObjectiveTerm(.cost, weight: -1),
    ]

    /// Instruments N0, N1, … with a covariance of random returns, each held in equal value.
    init(count: Int = 4, seed: UInt64 = 1, objective: Objective = .maximizeSharpe) {
        var random = SeededGenerator(seed: seed)
        let ids = (0..<count).map { "N\($0)" }
        var covariance = DenseMatrix(rows: count, columns: count)
        var factors = DenseMatrix(rows: count, columns: count + 4)
        for index in factors.elements.indices { factors.elements[index] = random.normal() }
        for i in 0..<count {
            for j in 0..<count {
                for k in 0..<(count + 4) {
                    covariance[i, j] += 0.04 * factors[i, k] * factors[j, k] / Double(count + 4)
                }
            }
        }
        let asOf = Timestamp(microseconds: 1_750_000_000_000_000)
        let model = RiskModel(
            asOf: asOf,
            instruments: ids,
            periodsPerYear: 252,
            expectedReturns: ids.map { _ in random.uniform(0.02...0.12) },
            covariance: covariance
        )
        let instruments = ids.map { Instrument(id: $0, price: random.uniform(20...200)) }
        var portfolio = Portfolio(
            baseCurrency: "USD",
            asOf: asOf,
            riskModelID: "m",
            cash: 5_000,
            positions: instruments.map { Position(instrumentID: $0.id, quantity: 50) }
        )
        portfolio.preferences.transactionCostModel = 0.0005
        var request = OptimizationRequest(portfolioID: "p", type: .meanVariance, objective: objective)
        request.parameters.customObjective = objective == .custom ? Self.terms : nil
        request.parameters.objectives = objective == .multiObjective ? Self.terms : nil
        request.constraints.maxPositionSize = count >= 4 ? 0.4 : 1
        request.constraints.minCash = 0.01
        job = OptimizationJob(
            request: request,
            createdAt: asOf,
            snapshot: MandateSnapshot(
                portfolio: portfolio,
                riskModel: model,
                instruments: instruments,
                versions: SnapshotVersions(portfolio: 1, riskModelID: "m", riskModel: 1, instruments: 1)
            )
        )
    }
}
