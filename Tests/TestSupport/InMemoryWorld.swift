import Matrices
package import PortfolioModel
import Repository

/// The in-memory repositories with a small mandate in them: portfolio `demo` on risk model `two` of AAPL and BND.
package struct InMemoryWorld {
    /// The tenant the mandate belongs to.
    package static let tenant = "default"

    /// The inputs.
    package let inputs = InMemoryInputRepository()
    /// The optimizations.
    package let optimizations: InMemoryOptimizationRepository
    /// The computations that somebody waits for.
    package let computations: InMemoryComputationRepository

    package init() throws {
        optimizations = InMemoryOptimizationRepository(inputs: inputs)
        computations = InMemoryComputationRepository(inputs: inputs)
        _ = try inputs.putInstruments(Self.instruments, tenant: Self.tenant)
        _ = try inputs.putRiskModel(Self.riskModel, id: "two", tenant: Self.tenant)
        _ = try inputs.putPortfolio(Self.portfolio, id: "demo", tenant: Self.tenant)
    }

    /// AAPL and BND in dollars, SAP in euros, and GLD, which no risk model has.
    package static var instruments: [Instrument] {
        [
            Instrument(id: "AAPL", sector: "Technology", assetClass: "equity", currency: "USD", price: 175),
            Instrument(id: "BND", assetClass: "bond", price: 73),
            Instrument(id: "GLD", price: 180),
            Instrument(id: "SAP", currency: "EUR", price: 120),
        ]
    }

    /// A risk model of AAPL and BND.
    package static var riskModel: RiskModel {
        RiskModel(
            asOf: asOf,
            instruments: ["AAPL", "BND"],
            periodsPerYear: 252,
            expectedReturns: [0.08, 0.03],
            covariance: DenseMatrix(rows: 2, columns: 2, columnMajor: [0.04, 0.002, 0.002, 0.0025])
        )
    }

    /// A portfolio of 100 AAPL and some cash.
    package static var portfolio: Portfolio {
        Portfolio(
            baseCurrency: "USD",
            asOf: asOf,
            riskModelID: "two",
            cash: 2500,
            positions: [Position(instrumentID: "AAPL", quantity: 100)]
        )
    }

    /// 2025-06-20T00:00:00Z.
    package static var asOf: Timestamp { Timestamp(microseconds: 1_750_377_600_000_000) }
}
