import Foundation
import Matrices
import PortfolioModel
import PortfolioOptimization
import Testing

/// The least risks and largest ratios that the tests of two libraries expect.
private struct PublishedMeasures: Decodable {
    struct Riskfolio: Decodable {
        struct Case: Decodable {
            var measure, objective: String
            var risk, mean: Double
        }
        var returns: [[Double]]
        var cases: [Case]
    }
    struct PyPortfolioOpt: Decodable {
        var returns: [[Double]]
        var means, means_of_complete_rows, cvar_at_return, return_at_cvar, cdar_at_return: [Double]
    }
    var riskfolio: Riskfolio
    var pyportfolioopt: PyPortfolioOpt

    static func read() throws -> PublishedMeasures {
        let url = try #require(Bundle.module.url(forResource: "Fixtures/published_measures", withExtension: "json"))
        return try JSONDecoder().decode(PublishedMeasures.self, from: Data(contentsOf: url))
    }
}

private func mandate(_ means: [Double]) -> TestMandate {
    let n = means.count
    let identity = (0..<n).map { i in (0..<n).map { $0 == i ? 0.04 : 0 } }
    return TestMandate(expectedReturns: means, covariance: identity)
}

private func portfolioReturns(_ returns: DenseMatrix, _ weights: [Double]) -> [Double] {
    (0..<returns.rows).map { t in weights.indices.reduce(0) { $0 + weights[$1] * returns[t, $1] } }
}

@Suite("Published risk measures")
struct PublishedMeasureTests {
    @Test func `least risks and largest ratios are at least as good as Riskfolio's`() throws {
        let published = try PublishedMeasures.read().riskfolio
        let returns = try #require(DenseMatrix(rows: published.returns))
        let p = [Double](repeating: 1 / Double(returns.rows), count: returns.rows)
        let means = (0..<returns.columns).map { j in returns.column(j).reduce(0, +) / Double(returns.rows) * 252 }
        for item in published.cases {
            let measure = try #require(RiskMeasure(rawValue: item.measure))
            let objective = item.objective == "MinRisk" ? Objective.minimizeRisk : .maximizeSharpe
            let problem = try mandate(means).problem(objective, measure: measure, returns: returns)
            let solution = try optimizeAllocation(problem) { false }
            let r = portfolioReturns(returns, solution.weights)
            let risk = definedRisk(measure, r, p, confidence: 0.95)
            if objective == .minimizeRisk {
                #expect(risk <= item.risk * (1 + 1e-6), "\(item)")
                #expect(risk >= item.risk * (1 - 1e-5), "\(item)")
            } else {
                let ratio = r.reduce(0, +) / Double(r.count) / risk
                #expect(ratio >= item.mean / item.risk * (1 - 1e-6), "\(item)")
                #expect(ratio <= item.mean / item.risk * (1 + 1e-5), "\(item)")
            }
        }
        #expect(published.cases.count == 11)
    }

    @Test func `tails at a return and returns at a tail are PyPortfolioOpt's`() throws {
        let published = try PublishedMeasures.read().pyportfolioopt
        let returns = try #require(DenseMatrix(rows: published.returns))
        let p = [Double](repeating: 1 / Double(returns.rows), count: returns.rows)
        func solved(_ objective: Objective, _ measure: RiskMeasure, _ means: [Double]) throws -> (Double, Double) {
            var mandate = mandate(means)
            if objective == .minimizeRisk {
                mandate.constraints.minReturn = 0.2
            } else {
                mandate.constraints.maxRisk = 0.02
            }
            let solution = try optimizeAllocation(mandate.problem(objective, measure: measure, returns: returns)) {
                false
            }
            let risk = definedRisk(measure, portfolioReturns(returns, solution.weights), p, confidence: 0.95)
            return (zip(means, solution.weights).reduce(0) { $0 + $1.0 * $1.1 }, risk)
        }
        let tail = try solved(.minimizeRisk, .conditionalValueAtRisk, published.means)
        #expect(abs(tail.1 - published.cvar_at_return[1]) <= 1e-4)
        let most = try solved(.maximizeReturn, .conditionalValueAtRisk, published.means_of_complete_rows)
        #expect(abs(most.0 - published.return_at_cvar[0]) <= 1e-4)
        let drawdown = try solved(.minimizeRisk, .conditionalDrawdown, published.means_of_complete_rows)
        #expect(abs(drawdown.1 - published.cdar_at_return[1]) <= 1e-4)
    }
}
