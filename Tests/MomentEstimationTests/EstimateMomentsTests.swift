import Matrices
import MomentEstimation
import PortfolioModel
import Testing

@Suite("Moments of a risk model")
struct EstimateMomentsTests {
    private func model(_ change: (inout RiskModel) throws -> Void) rethrows -> RiskModel {
        var model = RiskModel(
            asOf: Timestamp(microseconds: 0),
            instruments: ["A", "B"],
            periodsPerYear: 12,
            expectedReturns: [0.08, 0.03]
        )
        try change(&model)
        return model
    }

    @Test func `what is provided is taken as it is`() throws {
        let covariance = try matrix([[0.04, 0.002], [0.002, 0.0025]])
        let moments = try estimateMoments(of: model { $0.covariance = covariance })
        #expect(moments.covariance == .dense(covariance))
        #expect(moments.expectedReturns == [0.08, 0.03])
        #expect(moments.expectedReturnsEstimator == "provided" && moments.covarianceEstimator == "provided")
        #expect(moments.warnings.isEmpty && moments.returns == nil)
    }

    @Test func `volatilities and correlations multiply`() throws {
        let moments = try estimateMoments(
            of: model {
                $0.volatilities = [0.2, 0.05]
                $0.correlations = try matrix([[1, 0.2], [0.2, 1]])
            }
        )
        #expect(
            try relativeDifference(moments.covariance.multipliedOut(), matrix([[0.04, 0.002], [0.002, 0.0025]])) < 1e-15
        )
        #expect(moments.covarianceEstimator == "volatilities_and_correlations")
    }

    @Test func `a factor model is B F Bᵀ + D`() throws {
        let moments = try estimateMoments(
            of: model {
                $0.factorModel = FactorModel(
                    factors: ["MKT"],
                    loadings: try matrix([[1.2], [0.5]]),
                    factorCovariance: try matrix([[0.04]]),
                    specificVariance: [0.01, 0.001]
                )
            }
        )
        #expect(
            try relativeDifference(moments.covariance.multipliedOut(), matrix([[0.0676, 0.024], [0.024, 0.011]]))
                < 1e-15
        )
        #expect(moments.covarianceEstimator == "factor_model")
    }

    @Test func `prices become returns, a mean and a shrunk covariance`() throws {
        let moments = try estimateMoments(
            of: model {
                $0.expectedReturns = nil
                $0.prices = try matrix([[100, 50], [110, 50], [99, 55], [99, 44]])
            }
        )
        let returns = try #require(moments.returns)
        #expect(try relativeDifference(returns, matrix([[0.1, 0], [-0.1, 0.1], [0, -0.2]])) < 1e-14)
        #expect(abs(moments.expectedReturns[0]) < 1e-14 && abs(moments.expectedReturns[1] + 0.4) < 1e-14)
        #expect(moments.expectedReturnsEstimator == "historical_mean")
        #expect(moments.covarianceEstimator == "ledoit_wolf")
    }

    @Test func `without returns and history there is a warning and no invented number`() throws {
        let moments = try estimateMoments(
            of: model {
                $0.expectedReturns = nil
                $0.covariance = try matrix([[0.04, 0.002], [0.002, 0.0025]])
            }
        )
        #expect(moments.expectedReturnsEstimator == "none")
        #expect(moments.warnings.map(\.code) == ["missing_expected_returns"])
    }

    @Test func `a slightly indefinite covariance is repaired with its distance in the warning`() throws {
        // Eigenvalues 2 + 1e-7 and −1e-7.
        let moments = try estimateMoments(of: model { $0.covariance = try matrix([[1, 1.0000001], [1.0000001, 1]]) })
        #expect(moments.warnings.map(\.code) == ["covariance_repaired"])
        #expect(moments.warnings[0].message.contains("distance"))
        #expect(inspectCovariance(moments.covariance.multipliedOut()) == .positiveSemidefinite)
    }

    @Test func `models that tell no covariance are refused by code`() throws {
        func code(_ change: (inout RiskModel) throws -> Void) throws -> String? {
            do {
                _ = try estimateMoments(of: model(change))
                return nil
            } catch let failure as OptimizationFailure { return failure.code }
        }
        #expect(try code { _ in } == "missing_covariance")
        #expect(try code { $0.covariance = try matrix([[1, 2], [2, 1]]) } == "indefinite_covariance")
        #expect(try code { $0.covariance = try matrix([[1, 0.1], [0.2, 1]]) } == "invalid_inputs")
        #expect(try code { $0.covariance = try matrix([[1, 0], [0, -1]]) } == "invalid_inputs")
        #expect(try code { $0.covariance = try matrix([[1]]) } == "invalid_inputs")
        #expect(try code { $0.covariance = DenseMatrix(rows: 2, columns: 3) } == "invalid_inputs")
        #expect(try code { $0.returns = try matrix([[0.1, 0.1]]) } == "too_few_observations")
        #expect(try code { $0.returns = try matrix([[0.1], [0.2]]) } == "invalid_inputs")
        #expect(try code { $0.prices = try matrix([[1, 1], [0, 1]]) } == "invalid_inputs")
        #expect(try code { $0.prices = try matrix([[1, 1]]) } == "too_few_observations")
        #expect(try code { $0.expectedReturns = [0.1] } == "invalid_inputs")
        #expect(try code { $0.expectedReturns = [0.1, .infinity] } == "invalid_inputs")
        let correlations = try matrix([[1, 1.2], [1.2, 1]])
        #expect(try code { ($0.volatilities, $0.correlations) = ([0.1, 0.1], correlations) } == "invalid_inputs")
    }
}
