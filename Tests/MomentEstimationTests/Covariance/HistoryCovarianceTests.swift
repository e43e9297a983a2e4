import Matrices
import MomentEstimation
import TestSupport
import Testing

@Suite("Covariances and means of a history")
struct HistoryCovarianceTests {
    @Test func `agree with scikit-learn and numpy`() throws {
        let cases = try CovarianceFixture.all()
        #expect(cases.count == 5)
        for fixture in cases {
            let returns = try matrix(fixture.returns)
            let periods = fixture.periodsPerYear
            let shrunk = try ledoitWolfCovariance(of: returns, periodsPerYear: periods)
            #expect(abs(shrunk.shrinkage - fixture.shrinkage) < 1e-10, "\(fixture.name)")
            #expect(try relativeDifference(shrunk.covariance, matrix(fixture.ledoitWolf)) < 1e-10, "\(fixture.name)")
            let sample = try sampleCovariance(of: returns, periodsPerYear: periods)
            #expect(try relativeDifference(sample, matrix(fixture.sample)) < 1e-10, "\(fixture.name)")
            let mean = try historicalMean(of: returns, periodsPerYear: periods)
            #expect(zip(mean, fixture.mean).allSatisfy { abs($0 - $1) < 1e-12 }, "\(fixture.name)")
        }
    }

    @Test func `equal probabilities change nothing, and unequal ones weigh the mean`() throws {
        let returns = try matrix([[0.01, 0.02], [0.03, -0.01], [-0.02, 0.04], [0.0, 0.01]])
        let plain = try ledoitWolfCovariance(of: returns, periodsPerYear: 12)
        let weighted = try ledoitWolfCovariance(
            of: returns,
            periodsPerYear: 12,
            probabilities: [0.25, 0.25, 0.25, 0.25]
        )
        #expect(relativeDifference(plain.covariance, weighted.covariance) < 1e-14)
        let mean = try historicalMean(of: returns, periodsPerYear: 1, probabilities: [0.5, 0.5, 0, 0])
        #expect(abs(mean[0] - 0.02) < 1e-15 && abs(mean[1] - 0.005) < 1e-15)
    }

    @Test func `two periods of two instruments, by hand`() throws {
        // Deviations ±(0.01, 0.02): S = [[1, 2], [2, 4]]·1e-4 exactly in every period, so nothing is shrunk.
        let returns = try matrix([[0.01, 0.02], [-0.01, -0.02]])
        let shrunk = try ledoitWolfCovariance(of: returns, periodsPerYear: 1)
        #expect(shrunk.shrinkage < 1e-12)
        #expect(try relativeDifference(shrunk.covariance, matrix([[1e-4, 2e-4], [2e-4, 4e-4]])) < 1e-12)
        let sample = try sampleCovariance(of: returns, periodsPerYear: 1)
        #expect(try relativeDifference(sample, matrix([[2e-4, 4e-4], [4e-4, 8e-4]])) < 1e-12)
    }

    @Test func `returns that never vary give a covariance of zeros`() throws {
        let constant = try matrix([[0.5, 0.25], [0.5, 0.25], [0.5, 0.25]])
        let shrunk = try ledoitWolfCovariance(of: constant, periodsPerYear: 252)
        #expect(shrunk.covariance.elements.allSatisfy { $0 == 0 })
        #expect(shrunk.shrinkage == 0)
    }

    @Test func `a shrunk covariance of fewer periods than instruments is positive definite`() throws {
        for seed in UInt64(1)...20 {
            var random = SeededGenerator(seed: seed)
            var returns = DenseMatrix(rows: 6, columns: 15)
            for index in returns.elements.indices { returns.elements[index] = 0.01 * random.normal() }
            let shrunk = try ledoitWolfCovariance(of: returns, periodsPerYear: 252)
            #expect(shrunk.shrinkage > 0 && shrunk.shrinkage <= 1, "seed \(seed)")
            #expect(inspectCovariance(shrunk.covariance) == .positiveSemidefinite, "seed \(seed)")
        }
    }

    @Test func `short and broken histories are refused with where and what`() throws {
        let single = try matrix([[0.01, 0.02]])
        #expect(throws: EstimationError.tooFewObservations(have: 1, need: 2)) {
            try ledoitWolfCovariance(of: single, periodsPerYear: 252)
        }
        #expect(throws: EstimationError.tooFewObservations(have: 1, need: 2)) {
            try sampleCovariance(of: single, periodsPerYear: 252)
        }
        let broken = try matrix([[0.01, 0.02], [0.0, .nan], [0.01, 0.0]])
        #expect(throws: EstimationError.notFinite(observation: 1, instrument: 1)) {
            try ledoitWolfCovariance(of: broken, periodsPerYear: 252)
        }
        #expect(throws: EstimationError.wrongSize(part: "probabilities", expected: 1, actual: 2)) {
            try historicalMean(of: single, periodsPerYear: 252, probabilities: [0.5, 0.5])
        }
    }
}
