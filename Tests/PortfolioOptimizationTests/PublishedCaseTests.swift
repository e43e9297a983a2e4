import Foundation
import Matrices
import PortfolioModel
import PortfolioOptimization
import Testing

/// Published portfolios: the numbers and their sources are in Fixtures/published.json.
struct PublishedCases: Decodable {
    struct CriticalLine: Decodable, Sendable, CustomTestStringConvertible {
        struct Corner: Decodable, Sendable {
            let risk_tolerance: Double
            let weights: [Double]
            let mean: Double
            let volatility: Double
        }

        let source: String
        let mean: [Double]
        let covariance: [[Double]]
        let corners: [Corner]
        let max_sharpe_weights: [Double]?
        let max_sharpe: Double?
        var testDescription: String { source }
    }

    struct Bounds: Decodable {
        struct Case: Decodable, Sendable {
            let lower: Double
            let upper: Double
            let weights: [Double]
        }

        let covariance: [[Double]]
        let cases: [Case]
    }

    struct Stocks: Decodable {
        struct Case: Decodable, Sendable, CustomTestStringConvertible {
            let `case`: String
            let objective: String
            let limits: [String: Double]
            let expected: [Double]
            let tolerance: Double
            var testDescription: String { `case` }
        }

        let mean: [Double]
        let covariance: [[Double]]
        let cases: [Case]
    }

    let critical_line: [CriticalLine]
    let bounds: Bounds
    let stocks: Stocks

    static let all: PublishedCases? = {
        guard let url = Bundle.module.url(forResource: "Fixtures/published", withExtension: "json"),
            let data = try? Data(contentsOf: url)
        else { return nil }
        return try? JSONDecoder().decode(PublishedCases.self, from: data)
    }()
}

@Suite("Published portfolios")
struct PublishedCaseTests {
    private func largestDifference(_ left: [Double], _ right: [Double]) -> Double {
        zip(left, right).reduce(0) { max($0, abs($1.0 - $1.1)) }
    }

    @Test func `the fixture is complete`() throws {
        let cases = try #require(PublishedCases.all)
        #expect(cases.critical_line.count == 3)
        #expect(cases.bounds.cases.count == 4)
        #expect(cases.stocks.cases.count == 5)
    }

    @Test(arguments: PublishedCases.all?.critical_line ?? [])
    func `utility with the risk tolerance of a corner finds the corner portfolio`(
        _ example: PublishedCases.CriticalLine
    ) throws {
        for corner in example.corners {
            var mandate = TestMandate(expectedReturns: example.mean, covariance: example.covariance)
            guard corner.risk_tolerance > 0 else {
                let solution = try mandate.solve(.minimizeRisk)
                #expect(largestDifference(solution.weights, corner.weights) < 1e-6)
                continue
            }
            mandate.preferences.riskAversion = 1 / corner.risk_tolerance
            let solution = try mandate.solve(.maximizeUtility)
            #expect(largestDifference(solution.weights, corner.weights) < 1e-6, "\(corner.risk_tolerance)")
        }
    }

    @Test(arguments: PublishedCases.all?.critical_line ?? [])
    func `least risk at a corner's return finds the corner portfolio`(
        _ example: PublishedCases.CriticalLine
    ) throws {
        for corner in example.corners {
            var mandate = TestMandate(expectedReturns: example.mean, covariance: example.covariance)
            // The printed mean is rounded in its last digit: where it is the highest there is, a hair less is asked.
            mandate.constraints.minReturn = corner.mean - 1e-12
            let problem = try mandate.problem(.minimizeRisk)
            let solution = try optimizeAllocation(problem) { false }
            let volatility = Figures(problem, solution.weights, solution.cash).volatility
            #expect(abs(volatility - corner.volatility) < 1e-9)
            #expect(largestDifference(solution.weights, corner.weights) < 1e-6, "\(corner.mean)")
        }
    }

    @Test func `the tangency portfolio of Bailey and López de Prado is found`() throws {
        let example = try #require(PublishedCases.all?.critical_line.first)
        let weights = try #require(example.max_sharpe_weights)
        let mandate = TestMandate(expectedReturns: example.mean, covariance: example.covariance)
        let problem = try mandate.problem(.maximizeSharpe)
        let solution = try optimizeAllocation(problem) { false }
        #expect(largestDifference(solution.weights, weights) < 1e-6)
        let ratio = Figures(problem, solution.weights, solution.cash).value(.maximizeSharpe)
        #expect(abs(ratio - (example.max_sharpe ?? 0)) < 5e-5)
    }

    @Test func `least risk between Roncalli's bounds is his`() throws {
        let bounds = try #require(PublishedCases.all?.bounds)
        for example in bounds.cases {
            var mandate = TestMandate(expectedReturns: [0, 0, 0, 0], covariance: bounds.covariance)
            mandate.constraints.minWeights = [
                "A": example.lower, "B": example.lower, "C": example.lower, "D": example.lower,
            ]
            mandate.constraints.maxPositionSize = example.upper
            let solution = try mandate.solve(.minimizeRisk)
            #expect(largestDifference(solution.weights, example.weights) < 1e-5)
        }
    }

    @Test(arguments: PublishedCases.all?.stocks.cases ?? [])
    func `the optimum of twenty stocks has the published figures`(_ example: PublishedCases.Stocks.Case) throws {
        let stocks = try #require(PublishedCases.all?.stocks)
        var mandate = TestMandate(expectedReturns: stocks.mean, covariance: stocks.covariance)
        mandate.constraints.targetVolatility = example.limits["target_volatility"]
        mandate.constraints.minReturn = example.limits["min_return"]
        mandate.preferences.riskAversion = 2
        mandate.preferences.riskFreeRate = 0.02
        let problem = try mandate.problem(#require(Objective(rawValue: example.objective)))
        let solution = try optimizeAllocation(problem) { false }
        let figures = Figures(problem, solution.weights, solution.cash)
        #expect(abs(figures.expectedReturn - example.expected[0]) <= example.tolerance)
        #expect(abs(figures.volatility - example.expected[1]) <= example.tolerance)
        #expect(abs(figures.value(.maximizeSharpe) - example.expected[2]) <= example.tolerance)
    }
}
