import Foundation
import Matrices
import MomentEstimation
import PortfolioModel
import TestSupport
import Testing

/// Regressions of three portfolios on Fama–French factors, as statsmodels computes them.
struct FrenchFactors: Decodable {
    var columns: [String: [Double]]
    var cases: [Case]

    struct Case: Decodable {
        var portfolio: String
        var factors: [String]
        var alpha: Double
        var betas: [Double]
        var standard_errors_ols: [Double]
        var standard_errors_newey_west_6_lags: [Double]
        var r_squared: Double
        var residual_variance: Double
    }

    static func load() throws -> FrenchFactors {
        let folder = try #require(Bundle.module.url(forResource: "Fixtures", withExtension: nil))
        let data = try Data(contentsOf: folder.appendingPathComponent("french_factors.json"))
        return try JSONDecoder().decode(FrenchFactors.self, from: data)
    }

    func matrix(_ names: [String]) throws -> DenseMatrix {
        let columns = try names.map { try #require(self.columns[$0]) }
        return DenseMatrix(rows: columns[0].count, columns: columns.count, columnMajor: columns.flatMap { $0 })
    }

    /// A portfolio's returns less the risk-free rate.
    func excess(_ portfolio: String) throws -> [Double] {
        zip(try #require(columns[portfolio]), try #require(columns["RF"])).map { $0 - $1 }
    }
}

@Suite("Factor regressions")
struct FactorRegressionTests {
    private func expectClose(_ left: [Double], _ right: [Double], _ what: String) {
        #expect(left.count == right.count)
        for (a, b) in zip(left, right) { #expect(abs(a - b) <= 1e-8 * abs(b), "\(what): \(a), not \(b)") }
    }

    @Test func `loadings, both standard errors and R² are those that statsmodels prints`() throws {
        let french = try FrenchFactors.load()
        for example in french.cases {
            let name = "\(example.portfolio) on \(example.factors)"
            let fit = try regress(
                series: french.excess(example.portfolio),
                on: french.matrix(example.factors),
                lags: 6
            )
            expectClose(fit.coefficients, [example.alpha] + example.betas, name)
            expectClose(fit.standardErrors, example.standard_errors_ols, name)
            expectClose(fit.neweyWestStandardErrors, example.standard_errors_newey_west_6_lags, name)
            expectClose(
                [fit.rSquared ?? .nan, fit.residualVariance],
                [example.r_squared, example.residual_variance],
                name
            )
            #expect(fit.observationCount == 819 && fit.lags == 6)
            for (t, (beta, error)) in zip(fit.tValues, zip(fit.coefficients, fit.standardErrors)) {
                #expect(t == beta / error)
            }
        }
    }

    @Test func `many instruments at once get the loadings that each gets alone`() throws {
        let french = try FrenchFactors.load()
        let factors = try french.matrix(["MktRF", "SMB", "HML"])
        let names = ["NoDur", "BusEq", "S1V5"]
        let returns = try french.matrix(names)
        let all = try regress(returns, on: factors)
        for (i, name) in names.enumerated() {
            let alone = try regress(series: #require(french.columns[name]), on: factors)
            expectClose(all.loadings.row(i), Array(alone.coefficients.dropFirst()), name)
            expectClose([all.residualVariance[i]], [alone.residualVariance], name)
        }
    }

    @Test func `more instruments than are regressed at once get the loadings that each gets alone`() throws {
        var random = SeededGenerator(seed: 12)
        var factors = DenseMatrix(rows: 12, columns: 2)
        for index in factors.elements.indices { factors.elements[index] = 0.01 * random.normal() }
        var returns = DenseMatrix(rows: 12, columns: 300)
        for index in returns.elements.indices { returns.elements[index] = 0.02 * random.normal() }
        let all = try regress(returns, on: factors)
        let again = try regress(returns, on: factors, loadings: all.loadings)
        for i in [0, 255, 256, 299] {
            let alone = try regress(series: Array(returns.column(i)), on: factors)
            expectClose(all.loadings.row(i), Array(alone.coefficients.dropFirst()), "\(i)")
            expectClose([all.residualVariance[i]], [alone.residualVariance], "\(i)")
            expectClose([again.residualVariance[i]], [alone.residualVariance], "\(i), loadings given")
        }
    }

    @Test func `a series that is a combination of factors is recovered with nothing left over`() throws {
        var random = SeededGenerator(seed: 7)
        var factors = DenseMatrix(rows: 40, columns: 2)
        for index in factors.elements.indices { factors.elements[index] = 0.01 * random.normal() }
        let series = (0..<40).map { 0.001 + 1.5 * factors[$0, 0] - 0.5 * factors[$0, 1] }
        let fit = try regress(series: series, on: factors)
        expectClose(fit.coefficients, [0.001, 1.5, -0.5], "exact")
        #expect(fit.residualVariance < 1e-30 && abs((fit.rSquared ?? 0) - 1) < 1e-12)
    }

    @Test func `a series that does not vary has no R²`() throws {
        let factors = DenseMatrix(rows: 4, columns: 1, columnMajor: [0.1, -0.1, 0.2, 0])
        let fit = try regress(series: [0.01, 0.01, 0.01, 0.01], on: factors)
        #expect(fit.rSquared == nil)
        #expect(fit.tValues.allSatisfy { $0 == nil })
    }

    @Test func `lags follow the rule of Newey and West`() {
        #expect([0, 1, 2, 100, 819, 2_520].map { neweyWestLags(observations: $0) } == [0, 0, 1, 4, 6, 8])
    }

    @Test func `what cannot be regressed is refused by name`() throws {
        func error(_ series: [Double], _ factors: DenseMatrix) -> EstimationError? {
            do throws(EstimationError) {
                _ = try regress(series: series, on: factors)
                return nil
            } catch { return error }
        }
        let twice = DenseMatrix(rows: 4, columns: 2, columnMajor: [1, 2, 3, 5, 2, 4, 6, 10])
        #expect(error([1, 2, 3, 4], twice) == .dependentFactors)
        #expect(error([1, 2, 3], DenseMatrix(rows: 3, columns: 1, repeating: 0.1)) == .dependentFactors)
        let short = DenseMatrix(rows: 2, columns: 1, columnMajor: [0.1, 0.2])
        #expect(error([1, 2], short) == .tooFewObservations(have: 2, need: 3))
        let one = DenseMatrix(rows: 3, columns: 1, columnMajor: [0.1, 0.2, 0.1])
        #expect(error([1, 2], one) == .wrongSize(part: "factor_returns", expected: 2, actual: 3))
        #expect(error([1, .nan, 2], one) == .notFinite(observation: 1, instrument: 0))
    }
}

@Suite("Moments of factor models")
struct FactorMomentsTests {
    @Test func `loadings that are not given are regressed, and specific variance is what is left`() throws {
        let french = try FrenchFactors.load()
        let factors = ["MktRF", "SMB", "HML"]
        let names = ["NoDur", "BusEq", "S1V5"]
        let moments = try estimateMoments(
            of: RiskModel(
                asOf: Timestamp(microseconds: 0),
                instruments: names,
                periodsPerYear: 12,
                returns: french.matrix(names),
                factorModel: FactorModel(factors: factors, factorReturns: french.matrix(factors))
            )
        )
        let structure = try #require(moments.factors)
        #expect(structure.loadingsEstimator == "regressed" && structure.factors == factors)
        #expect(moments.covarianceEstimator == "factor_model")
        #expect(moments.covariance == .factors(structure.covariance))
        let fit = try regress(french.matrix(names), on: french.matrix(factors))
        #expect(structure.covariance.exposures == fit.loadings.transposed)
        #expect(structure.covariance.specificVariance == fit.residualVariance.map { $0 * 12 })
        let sample = try sampleCovariance(of: french.matrix(factors), periodsPerYear: 12)
        #expect(relativeDifference(structure.covariance.factorCovariance, sample) < 1e-14)
    }

    @Test func `a covariance that is given goes before the factors, which are kept for their exposures`() throws {
        let moments = try estimateMoments(
            of: RiskModel(
                asOf: Timestamp(microseconds: 0),
                instruments: ["A", "B"],
                periodsPerYear: 12,
                expectedReturns: [0.1, 0.2],
                covariance: matrix([[0.04, 0.01], [0.01, 0.09]]),
                factorModel: FactorModel(
                    factors: ["MKT"],
                    loadings: matrix([[1.2], [0.5]]),
                    factorCovariance: matrix([[0.02]]),
                    specificVariance: [0.01, 0.08]
                )
            )
        )
        #expect(try moments.covariance == .dense(matrix([[0.04, 0.01], [0.01, 0.09]])))
        #expect(moments.factors?.covariance.exposures.elements == [1.2, 0.5])
    }

    @Test func `a covariance of factors that is slightly indefinite is repaired, and one that is none is refused`()
        throws
    {
        func model(_ covariance: [[Double]]) throws -> RiskModel {
            RiskModel(
                asOf: Timestamp(microseconds: 0),
                instruments: ["A", "B"],
                periodsPerYear: 12,
                expectedReturns: [0.1, 0.2],
                factorModel: FactorModel(
                    factors: ["X", "Y"],
                    loadings: try matrix([[1, 0], [0, 1]]),
                    factorCovariance: try matrix(covariance),
                    specificVariance: [0.01, 0.01]
                )
            )
        }
        let repaired = try estimateMoments(of: model([[1, 1.0000001], [1.0000001, 1]]))
        #expect(repaired.warnings.map(\.code) == ["covariance_repaired"])
        #expect(throws: OptimizationFailure.self) { try estimateMoments(of: model([[1, 2], [2, 1]])) }
    }
}
