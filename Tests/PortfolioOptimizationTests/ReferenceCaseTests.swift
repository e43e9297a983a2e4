import Foundation
import Matrices
import PortfolioModel
import PortfolioOptimization
import Testing

/// What the tests of two libraries and a textbook expect: see Fixtures/make_reference_cases.py.
private struct ReferenceCases: Decodable {
    struct Stocks: Decodable {
        struct Case: Decodable {
            let `case`: String
            let expected: [Double]
            let tolerance: Double
        }
        let mean: [Double]
        let covariance, semicovariance, exponential: [[Double]]
        let cases: [Case]
    }
    struct Riskfolio: Decodable {
        struct Tolerance: Decodable { let weights: Double }
        let objective, measure: String
        let weights: [Double]
        let risk, mean: Double
        let tolerance: Tolerance
    }
    struct Bacon: Decodable {
        let portfolio, benchmark: [Double]
        let expected: [String: [Double]]
    }
    let stocks: Stocks
    let riskfolio: [Riskfolio]
    let bacon: Bacon

    static func read() throws -> ReferenceCases {
        let url = try #require(Bundle.module.url(forResource: "Fixtures/reference_cases", withExtension: "json"))
        return try JSONDecoder().decode(ReferenceCases.self, from: Data(contentsOf: url))
    }

    /// The last 200 daily returns of ten stocks.
    static func riskfolioReturns() throws -> DenseMatrix {
        struct Measures: Decodable {
            struct Part: Decodable { let returns: [[Double]] }
            let riskfolio: Part
        }
        let url = try #require(Bundle.module.url(forResource: "Fixtures/published_measures", withExtension: "json"))
        let returns = try JSONDecoder().decode(Measures.self, from: Data(contentsOf: url)).riskfolio.returns
        return try #require(DenseMatrix(rows: returns))
    }
}

private func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }

/// The root of the mean squared distance from the mean.
private func deviation(_ values: [Double]) -> Double {
    let center = mean(values)
    return mean(values.map { ($0 - center) * ($0 - center) }).squareRoot()
}

@Suite("Figures that libraries and textbooks expect")
struct ReferenceCaseTests {
    /// Mean, volatility and Sharpe ratio above 2 %.
    private func expectFigures(
        _ problem: AllocationProblem,
        _ solution: AllocationSolution,
        _ expected: [Double],
        _ tolerance: Double
    ) {
        let figures = Figures(problem, solution.weights, solution.cash)
        let found = [
            figures.expectedReturn, figures.volatility, (figures.expectedReturn - 0.02) / figures.volatility,
        ]
        for (figure, value) in zip(found, expected) {
            #expect(abs(figure - value) <= tolerance, "\(found) \(expected)")
        }
    }

    private func expected(_ name: String, _ cases: ReferenceCases.Stocks) throws -> ReferenceCases.Stocks.Case {
        try #require(cases.cases.first { $0.case == name })
    }

    @Test func `variance with a penalty on concentration is PyPortfolioOpt's L2 regularisation`() throws {
        let stocks = try ReferenceCases.read().stocks
        var mandate = TestMandate(expectedReturns: stocks.mean, covariance: stocks.covariance)
        mandate.type = .custom
        mandate.parameters.customObjective = [
            ObjectiveTerm(.variance, weight: -1), ObjectiveTerm(.concentration, weight: -1),
        ]
        for (name, least) in [("min_volatility_L2", nil), ("efficient_return_L2", 0.25)] {
            mandate.constraints.minReturn = least
            let problem = try mandate.problem(.custom)
            let item = try expected(name, stocks)
            expectFigures(problem, try optimizeAllocation(problem) { false }, item.expected, item.tolerance)
        }
    }

    @Test func `the best ratios on semicovariances and exponential covariances are PyPortfolioOpt's`() throws {
        let stocks = try ReferenceCases.read().stocks
        for (name, covariance) in [
            ("semicovariance_max_sharpe", stocks.semicovariance), ("exp_cov_max_sharpe", stocks.exponential),
        ] {
            var mandate = TestMandate(expectedReturns: stocks.mean, covariance: covariance)
            mandate.preferences.riskFreeRate = 0.02
            let problem = try mandate.problem(.maximizeSharpe)
            let item = try expected(name, stocks)
            expectFigures(problem, try optimizeAllocation(problem) { false }, item.expected, item.tolerance)
        }
    }

    @Test func `variances, ratios and risk parities of ten stocks are Riskfolio's`() throws {
        let returns = try ReferenceCases.riskfolioReturns()
        let (count, n) = (returns.rows, returns.columns)
        let means = (0..<n).map { mean(Array(returns.column($0))) }
        let covariance = (0..<n).map { i in
            (0..<n).map { j in
                zip(returns.column(i), returns.column(j)).reduce(0) { $0 + ($1.0 - means[i]) * ($1.1 - means[j]) }
                    / Double(count - 1)
            }
        }
        let cases = try ReferenceCases.read().riskfolio
        for item in cases {
            var mandate = TestMandate(expectedReturns: means, covariance: covariance)
            if item.objective == "RP" { mandate.type = .riskParity }
            let objectives: [String: Objective] = [
                "MinRisk": .minimizeRisk, "Sharpe": .maximizeSharpe, "RP": .riskBudgeting,
            ]
            let measure = try #require(RiskMeasure(rawValue: item.measure))
            let problem = try mandate.problem(
                try #require(objectives[item.objective]),
                measure: measure,
                returns: measure == .volatility ? nil : returns
            )
            let solution = try optimizeAllocation(problem) { false }
            for (weight, expected) in zip(solution.weights, item.weights) {
                #expect(abs(weight - expected) <= item.tolerance.weights, "\(item)")
            }
            let figures = Figures(problem, solution.weights, solution.cash)
            if item.objective == "MinRisk" { #expect(figures.volatility <= item.risk * (1 + 1e-6)) }
            if item.objective == "Sharpe" {
                #expect(figures.expectedReturn / figures.volatility >= item.mean / item.risk * (1 - 1e-6))
            }
        }
        #expect(cases.count == 4)
    }

    /// Measures that the service has: those against a least acceptable return it does not have.
    @Test func `measures of Bacon's months are those printed`() throws {
        let bacon = try ReferenceCases.read().bacon
        func expect(_ value: Double, _ name: String) throws {
            let expected = try #require(bacon.expected[name])
            #expect(abs(value - expected[0]) <= expected[1], "\(name): \(value)")
        }
        let count = bacon.portfolio.count
        let returns = DenseMatrix(rows: count, columns: 2, columnMajor: bacon.portfolio + bacon.benchmark)
        var covariance = DenseMatrix(rows: 2, columns: 2)
        let series = [bacon.portfolio, bacon.benchmark]
        for i in 0..<2 {
            for j in 0..<2 {
                let products = zip(series[i], series[j]).map { ($0 - mean(series[i])) * ($1 - mean(series[j])) }
                covariance[i, j] = mean(products) * 12
            }
        }
        let moments = Moments(
            instruments: ["P", "B"],
            expectedReturns: series.map { mean($0) * 12 },
            covariance: .dense(covariance),
            returns: returns,
            probabilities: nil,
            periodsPerYear: 12
        )
        func risk(_ measure: RiskMeasure, _ weights: [Double]) throws -> Double {
            try MeasuredRisk(measure, weights: weights, moments: moments, preferences: Preferences()).value
        }
        try expect(risk(.meanAbsoluteDeviation, [1, 0]), "mean_absolute_deviation")
        let ratio = try risk(.volatility, [1, 0]) / risk(.volatility, [0, 1])
        try expect(ratio, "fama_beta")
        let growth = bacon.portfolio.reduce(1) { $0 * (1 + $1) }
        try expect((pow(growth, 12 / Double(count)) - 1) / ratio, "m_squared")
        // The residual of the regression is what is left of the benchmark's share.
        let beta = covariance[0, 1] / covariance[1, 1]
        try expect(risk(.volatility, [1, -beta]), "specific_risk_annual")
    }
}
