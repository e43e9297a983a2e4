import Foundation
import Matrices
import MomentEstimation
import PortfolioModel
import TestSupport
import Testing

/// Estimates of one history by other libraries and from their definitions.
private struct Estimates: Decodable {
    var returns: [[Double]]
    var periods_per_year, half_life, risk_free_rate: Double
    var market_weights: [Double]
    var sample, oas, ledoit_wolf, exponential, gerber: [[Double]]
    var oas_shrinkage, condition_of_sample, james_stein_shrinkage: Double
    var historical_mean, exponential_mean, james_stein, capm, equilibrium: [Double]

    static func read() throws -> Estimates {
        let url = try #require(Bundle.module.url(forResource: "Fixtures/estimates", withExtension: "json"))
        return try JSONDecoder().decode(Estimates.self, from: Data(contentsOf: url))
    }
}

private func model(_ returns: [[Double]], periodsPerYear: Double = 252) throws -> RiskModel {
    RiskModel(
        asOf: Timestamp(microseconds: 0),
        instruments: returns[0].indices.map { "I\($0)" },
        periodsPerYear: periodsPerYear,
        returns: DenseMatrix(rows: returns)
    )
}

private func expectClose(_ actual: [Double], _ expected: [Double], _ what: String) {
    #expect(actual.count == expected.count)
    let size = expected.reduce(0) { max($0, abs($1)) }
    for (a, b) in zip(actual, expected) { #expect(abs(a - b) <= 1e-11 * size, "\(what): \(a), not \(b)") }
}

@Suite("Estimation as a request asks")
struct EstimateAsAskedTests {
    @Test func `covariances are those of scikit-learn and of their definitions`() throws {
        let expected = try Estimates.read()
        let model = try model(expected.returns)
        let cases: [(Estimation.Covariance, [[Double]])] = [
            (.sample, expected.sample), (.oas, expected.oas), (.ledoitWolf, expected.ledoit_wolf),
            (.exponential, expected.exponential), (.gerber, expected.gerber),
        ]
        for (kind, matrix) in cases {
            let estimation = Estimation(covariance: kind, halfLife: expected.half_life)
            let moments = try estimateMoments(of: model, as: estimation)
            let covariance = moments.covariance.multipliedOut()
            expectClose(covariance.elements, (DenseMatrix(rows: matrix)?.elements ?? []), kind.rawValue)
            #expect(moments.covarianceEstimator == kind.rawValue)
            #expect(moments.expectedReturnsEstimator == "historical_mean")
        }
        let sample = try estimateMoments(of: model, as: Estimation(covariance: .sample))
        let condition = try #require(sample.covarianceConditionNumber)
        #expect(abs(condition / expected.condition_of_sample - 1) <= 1e-9)
    }

    @Test func `expected returns are those of their definitions`() throws {
        let expected = try Estimates.read()
        let model = try model(expected.returns)
        let weights = Dictionary(uniqueKeysWithValues: zip(model.instruments, expected.market_weights))
        let market = MarketView(weights: weights, riskFreeRate: expected.risk_free_rate, riskAversion: 2.5)
        let cases: [(Estimation.ExpectedReturns, [Double])] = [
            (.historicalMean, expected.historical_mean), (.exponentialMean, expected.exponential_mean),
            (.jamesStein, expected.james_stein), (.capm, expected.capm), (.equilibrium, expected.equilibrium),
        ]
        for (kind, values) in cases {
            let estimation = Estimation(expectedReturns: kind, covariance: .sample, halfLife: expected.half_life)
            let moments = try estimateMoments(of: model, as: estimation, market: market)
            expectClose(moments.expectedReturns, values, kind.rawValue)
            #expect(moments.expectedReturnsEstimator == kind.rawValue)
        }
        #expect(expected.james_stein_shrinkage > 0.01 && expected.james_stein_shrinkage <= 1)
    }

    @Test func `noise loses its eigenvalues, a market keeps its own, and variances stay`() throws {
        var generator = SeededGenerator(seed: 3)
        let rows = (0..<400).map { _ -> [Double] in
            let market = generator.normal()
            return (0..<40).map { _ in 0.01 * (0.8 * market + generator.normal()) }
        }
        let model = try model(rows)
        let sample = try estimateMoments(of: model, as: Estimation(covariance: .sample)).covariance.multipliedOut()
        let returns = try #require(model.returns)
        let denoised = try denoisedCovariance(of: returns, periodsPerYear: 252)
        #expect(denoised.keptCount == 1)
        for i in 0..<40 { #expect(abs(denoised.covariance[i, i] / sample[i, i] - 1) <= 1e-12) }
        let moments = try estimateMoments(of: model, as: Estimation(covariance: .denoised))
        let condition = try estimateMoments(of: model, as: Estimation(covariance: .sample)).covarianceConditionNumber
        #expect(try #require(moments.covarianceConditionNumber) < (try #require(condition)))
        let factors = try estimateMoments(of: model, as: Estimation(covariance: .factorModel))
        #expect(factors.covarianceEstimator == "factor_model")
        guard case .factors(let parts) = factors.covariance else {
            Issue.record("a factor model stays in its parts")
            return
        }
        #expect(parts.factorCount == 1)
        for i in 0..<40 { #expect(abs(factors.covariance[i, i] / sample[i, i] - 1) <= 1e-12) }
        #expect(abs(factors.covariance[0, 1] - denoised.covariance[0, 1]) <= 0.1 * denoised.covariance[0, 1])
    }

    @Test func `what is provided is taken as it is, and what is not is named`() throws {
        var model = try model([[0.01, 0.02], [-0.01, 0.01], [0.02, -0.03]])
        func code(_ estimation: Estimation, _ market: MarketView? = nil) -> String? {
            do throws(OptimizationFailure) {
                _ = try estimateMoments(of: model, as: estimation, market: market)
                return nil
            } catch { return error.code }
        }
        #expect(code(Estimation(expectedReturns: .provided)) == "missing_expected_returns")
        #expect(code(Estimation(covariance: .provided)) == "missing_covariance")
        #expect(code(Estimation(expectedReturns: .capm)) == "missing_market")
        let stranger = MarketView(weights: ["XXX": 1], riskFreeRate: 0, riskAversion: 2.5)
        #expect(code(Estimation(expectedReturns: .equilibrium), stranger) == "missing_market")
        model.expectedReturns = [0.1, 0.2]
        model.covariance = DenseMatrix(rows: [[0.04, 0], [0, 0.09]])
        let own = try estimateMoments(of: model, as: Estimation(expectedReturns: .provided, covariance: .provided))
        #expect(own.expectedReturns == [0.1, 0.2] && own.covariance[1, 1] == 0.09)
        #expect(own.expectedReturnsEstimator == "provided" && own.covarianceEstimator == "provided")
        let mixed = try estimateMoments(
            of: model,
            as: Estimation(expectedReturns: .historicalMean, covariance: .sample)
        )
        #expect(mixed.expectedReturns != own.expectedReturns && mixed.covariance != own.covariance)
        model.returns = nil
        #expect(code(Estimation(covariance: .sample)) == "missing_history")
        #expect(code(Estimation(expectedReturns: .jamesStein)) == "missing_history")
    }

    @Test func `a singular estimate is warned of and has no condition number`() throws {
        let model = try model([[0.01, 0.02, 0.03], [-0.01, 0.01, 0.0]])
        let moments = try estimateMoments(of: model, as: Estimation(covariance: .sample))
        #expect(moments.covarianceConditionNumber == nil)
        #expect(moments.warnings.map(\.code).contains("singular_covariance"))
    }

    @Test func `probabilities weigh the periods of every estimator`() throws {
        var weighted = try model([[0.01, 0.02], [-0.01, 0.01], [0.02, -0.03]])
        weighted.probabilities = [0.25, 0.25, 0.5]
        let repeated = try model([[0.01, 0.02], [-0.01, 0.01], [0.02, -0.03], [0.02, -0.03]])
        for kind in [Estimation.ExpectedReturns.historicalMean] {
            let a = try estimateMoments(of: weighted, as: Estimation(expectedReturns: kind))
            let b = try estimateMoments(of: repeated, as: Estimation(expectedReturns: kind))
            expectClose(a.expectedReturns, b.expectedReturns, kind.rawValue)
        }
        let gerber = try estimateMoments(of: weighted, as: Estimation(covariance: .gerber)).covariance
        #expect(gerber[0, 1] < 0)
    }
}
