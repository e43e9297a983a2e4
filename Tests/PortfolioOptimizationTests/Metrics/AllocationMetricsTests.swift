import Matrices
import PortfolioModel
import PortfolioOptimization
import TestSupport
import Testing

@Suite("Figures of an allocation")
struct AllocationMetricsTests {
    private let none = TradePlan(trades: [], tax: 0, warnings: [])

    private func allocation(
        _ weights: [Double],
        cash: Double = 0,
        benchmark: [String: Double]? = nil,
        preferences: Preferences = Preferences(),
        change: (inout Moments) -> Void = { _ in }
    ) throws -> EvaluatedAllocation {
        let covariance = try #require(DenseMatrix(rows: [[0.04, 0.006], [0.006, 0.01]]))
        var moments = Moments(
            instruments: ["A", "B"],
            expectedReturns: [0.10, 0.04],
            covariance: covariance,
            periodsPerYear: 12
        )
        change(&moments)
        let book = MandateSnapshot(
            portfolio: Portfolio(
                baseCurrency: "USD",
                asOf: Timestamp(microseconds: 0),
                riskModelID: "m",
                cash: 20,
                positions: [Position(instrumentID: "A", quantity: 80)]
            ),
            riskModel: RiskModel(asOf: Timestamp(microseconds: 0), instruments: ["A", "B"], periodsPerYear: 12),
            instruments: [Instrument(id: "A", price: 1), Instrument(id: "B", price: 1)],
            versions: SnapshotVersions(portfolio: 1, riskModelID: "m", riskModel: 1, instruments: 1)
        )
        return EvaluatedAllocation(
            weights: weights,
            cash: cash,
            moments: moments,
            holdings: try Holdings(book),
            benchmark: benchmark,
            preferences: preferences
        )
    }

    @Test func `two instruments and cash, by hand`() throws {
        var preferences = Preferences()
        preferences.riskFreeRate = 0.02
        let metrics = try allocation([0.5, 0.4], cash: 0.1, benchmark: ["A": 1], preferences: preferences).metrics(
            of: none
        )
        let variance = 0.25 * 0.04 + 2 * 0.2 * 0.006 + 0.16 * 0.01
        let volatility = variance.squareRoot()
        #expect(abs(metrics.expectedReturn - (0.05 + 0.016 + 0.002)) < 1e-15)
        #expect(abs(metrics.expectedVolatility - volatility) < 1e-15)
        #expect(try abs(#require(metrics.sharpeRatio) - 0.048 / volatility) < 1e-13)
        #expect(abs(metrics.turnover - 0.4) < 1e-15)
        #expect(abs(metrics.turnoverTwoWay - 0.8) < 1e-15)
        #expect(abs(metrics.effectivePositions - 1 / 0.42) < 1e-13)
        #expect(try abs(#require(metrics.diversificationRatio) - (0.5 * 0.2 + 0.4 * 0.1) / volatility) < 1e-13)
        let active = (0.25 * 0.04 - 2 * 0.2 * 0.006 + 0.16 * 0.01).squareRoot()
        #expect(try abs(#require(metrics.trackingError) - active) < 1e-15)
        #expect(try abs(#require(metrics.informationRatio) - (-0.05 + 0.016) / active) < 1e-13)
        #expect(metrics.maxDrawdown == nil)
        #expect(metrics.notes.keys.sorted() == ["max_drawdown"])
    }

    @Test func `risk contributions sum to 1 and are empty without risk`() throws {
        let shares = try allocation([0.5, 0.5]).riskContributions
        #expect(abs(shares.values.reduce(0, +) - 1) < 1e-14)
        #expect(abs((shares["A"] ?? 0) - 0.5 * 0.023 / 0.0155) < 1e-14)
        #expect(try allocation([0, 0], cash: 1).riskContributions.isEmpty)
    }

    @Test func `cash alone has no ratio, and says so`() throws {
        let metrics = try allocation([0, 0], cash: 1, benchmark: ["A": 0, "B": 0]).metrics(of: none)
        #expect(metrics.expectedVolatility == 0)
        #expect(metrics.sharpeRatio == nil && metrics.returnRiskRatio == nil && metrics.diversificationRatio == nil)
        #expect(metrics.trackingError == 0 && metrics.informationRatio == nil)
        let unexplained = Set(["sharpe_ratio", "return_risk_ratio", "diversification_ratio", "information_ratio"])
        #expect(Set(metrics.notes.keys).isSuperset(of: unexplained))
    }

    @Test func `a perfect hedge has no volatility, not a tiny one`() throws {
        let metrics = try allocation([1 / 3.0, 2 / 3.0]) {
            $0.covariance = .dense(DenseMatrix(rows: 2, columns: 2, columnMajor: [0.04, -0.02, -0.02, 0.01]))
        }.metrics(of: none)
        #expect(metrics.expectedVolatility == 0 && metrics.sharpeRatio == nil)
    }

    @Test func `costs and taxes of the listed trades are spread over the horizon, when asked for`() throws {
        let trade = Trade(
            instrumentID: "A",
            action: .sell,
            quantity: 1,
            price: 1,
            estimatedValue: 1,
            weightChange: -0.01,
            cost: 0.5,
            priority: 1
        )
        let plan = TradePlan(trades: [trade], tax: 0.25, warnings: [])
        var preferences = Preferences()
        func drag() throws -> Double {
            let metrics = try allocation([0.5, 0.5], preferences: preferences).metrics(of: plan)
            #expect(metrics.transactionCosts == 0.5 && metrics.tax == 0.25)
            return metrics.expectedReturn - metrics.expectedReturnNet
        }
        #expect(try drag() == 0)
        preferences.includeTransactionCosts = true
        #expect(try abs(drag() - 0.005) < 1e-15)
        preferences.considerTaxImplications = true
        preferences.costHorizonYears = 3
        #expect(try abs(drag() - 0.0025) < 1e-15)
    }

    @Test func `figures of return have no meaning where no return is known`() throws {
        let metrics = try allocation([0.5, 0.5], benchmark: ["A": 1]) {
            $0.expectedReturns = [0, 0]
            $0.expectedReturnsEstimator = "none"
        }.metrics(of: none)
        #expect(metrics.sharpeRatio == nil && metrics.informationRatio == nil)
        #expect(metrics.diversificationRatio != nil && metrics.trackingError != nil)
    }

    /// Maximum drawdown of Bacon's 24 monthly portfolio returns (2008, table 3.1): from October to November 2001 back to
    /// the peak of January 2001 it is the product of the losses in between.
    @Test func `the drawdown of a published series`() throws {
        let returns = [
            0.003, 0.026, 0.011, -0.01, 0.015, 0.025, 0.016, 0.067, -0.014, 0.04, -0.005, 0.081, 0.04, -0.037, -0.061,
            0.017, -0.049, -0.022, 0.07, 0.058, -0.065, 0.024, -0.005, -0.009,
        ]
        let history = DenseMatrix(rows: 24, columns: 1, columnMajor: returns)
        let expected = 1 - (1 - 0.037) * (1 - 0.061) * (1 + 0.017) * (1 - 0.049) * (1 - 0.022)
        #expect(try abs(#require(maximumDrawdown(weights: [1], returns: history)) - expected) < 1e-14)
    }

    @Test func `a drawdown counts the start as a peak, ends at 1, and needs a history`() throws {
        func drawdown(_ rows: [[Double]], _ weights: [Double] = [1]) throws -> Double? {
            maximumDrawdown(weights: weights, returns: try #require(DenseMatrix(rows: rows)))
        }
        #expect(try abs((drawdown([[-0.1], [0.5]]) ?? .nan) - 0.1) < 1e-15)
        #expect(try drawdown([[0.1], [0.2]]) == 0)
        #expect(try drawdown([[0.1], [-1], [0.2]]) == 1)
        #expect(try abs((drawdown([[0.2, -0.4]], [0.5, 0.5]) ?? .nan) - 0.1) < 1e-15)
        #expect(maximumDrawdown(weights: [1], returns: DenseMatrix(rows: 0, columns: 1)) == nil)
    }
}
