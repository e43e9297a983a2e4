import Matrices
import MomentEstimation
import PortfolioModel
import TestSupport
import Testing

@Suite("Statistical factors")
struct StatisticalFactorTests {
    /// T periods of n instruments on three factors of clearly different strength.
    private func history(_ periods: Int, _ count: Int, seed: UInt64) -> DenseMatrix {
        var random = SeededGenerator(seed: seed)
        let loadings = (0..<count).map { _ in (0..<3).map { _ in random.normal() } }
        var returns = DenseMatrix(rows: periods, columns: count)
        for t in 0..<periods {
            let factors = [0.04, 0.03, 0.02].map { $0 * random.normal() }
            for i in 0..<count {
                returns[t, i] =
                    0.001 + 0.01 * random.normal() + (0..<3).reduce(0) { $0 + loadings[i][$1] * factors[$1] }
            }
        }
        return returns
    }

    @Test(arguments: [(120, 40), (60, 150)])
    func `factors that are there are counted and found`(_ periods: Int, _ count: Int) throws {
        let returns = history(periods, count, seed: 4)
        let model = try statisticalFactorModel(of: returns, periodsPerYear: 12)
        #expect(model.factors == ["PC1", "PC2", "PC3"])
        #expect(model.loadingsEstimator == "principal_components")
        let covariance = model.covariance
        let sample = try sampleCovariance(of: returns, periodsPerYear: 12)
        // Every variance is the sample's own; the factors explain most of it.
        for i in 0..<count { #expect(abs(covariance[i, i] - sample[i, i]) <= 1e-12 * sample[i, i]) }
        let specific = covariance.specificVariance.reduce(0, +)
        #expect(specific < 0.2 * sample.diagonal.reduce(0, +))
        // Orthonormal loadings, by descending variance.
        for f in 0..<3 {
            for g in 0..<3 {
                let product = zip(covariance.exposures.row(f), covariance.exposures.row(g)).reduce(0) {
                    $0 + $1.0 * $1.1
                }
                #expect(abs(product - (f == g ? 1 : 0)) < 1e-12)
            }
        }
        #expect(covariance.factorCovariance[0, 0] > covariance.factorCovariance[1, 1])
        #expect(covariance.exposures.row(0).reduce(0, +) > 0)
    }

    @Test func `the factors' returns have the covariance that the model says`() throws {
        let model = try statisticalFactorModel(of: history(90, 30, seed: 6), factorCount: 2, periodsPerYear: 252)
        let returns = try #require(model.factorReturns)
        let covariance = try sampleCovariance(of: returns, periodsPerYear: 252)
        #expect(relativeDifference(covariance, model.covariance.factorCovariance) < 1e-12)
    }

    @Test func `all components together are the sample covariance`() throws {
        let returns = history(40, 6, seed: 9)
        let model = try statisticalFactorModel(of: returns, factorCount: 6, periodsPerYear: 12)
        let sample = try sampleCovariance(of: returns, periodsPerYear: 12)
        #expect(relativeDifference(CovarianceModel.factors(model.covariance).multipliedOut(), sample) < 1e-12)
    }

    @Test func `more factors than there are is refused`() {
        func error(_ returns: DenseMatrix, _ count: Int) -> EstimationError? {
            do throws(EstimationError) {
                _ = try statisticalFactorModel(of: returns, factorCount: count, periodsPerYear: 12)
                return nil
            } catch { return error }
        }
        #expect(error(history(5, 9, seed: 1), 5) == .tooFewObservations(have: 5, need: 6))
        #expect(error(DenseMatrix(rows: 1, columns: 3), 1) == .tooFewObservations(have: 1, need: 2))
        #expect(error(DenseMatrix(rows: 8, columns: 3, repeating: 0.01), 1) == .dependentFactors)
        let twice = DenseMatrix(rows: 3, columns: 2, columnMajor: [0.1, 0.2, 0.4, 0.1, 0.2, 0.4])
        #expect(error(twice, 2) == .dependentFactors)
    }
}
