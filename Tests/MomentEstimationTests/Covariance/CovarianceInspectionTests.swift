import Matrices
import MomentEstimation
import TestSupport
import Testing

@Suite("Inspection and repair of a covariance")
struct CovarianceInspectionTests {
    /// Q diag(values) Qᵀ for a rotation Q by plane rotations from a seed.
    private func rotated(_ values: [Double], seed: UInt64) -> DenseMatrix {
        var random = SeededGenerator(seed: seed)
        var matrix = DenseMatrix(rows: values.count, columns: values.count)
        for (i, value) in values.enumerated() { matrix[i, i] = value }
        for i in values.indices {
            for j in values.indices where j > i {
                let angle = random.uniform(-1...1)
                let sine = angle / (1 + angle * angle).squareRoot()
                let cosine = (1 - sine * sine).squareRoot()
                for k in values.indices {
                    let (left, right) = (matrix[k, i], matrix[k, j])
                    (matrix[k, i], matrix[k, j]) = (cosine * left - sine * right, sine * left + cosine * right)
                }
                for k in values.indices {
                    let (upper, lower) = (matrix[i, k], matrix[j, k])
                    (matrix[i, k], matrix[j, k]) = (cosine * upper - sine * lower, sine * upper + cosine * lower)
                }
            }
        }
        for j in values.indices { for i in 0..<j { matrix[i, j] = matrix[j, i] } }
        return matrix
    }

    @Test func `definite, singular and zero matrices are covariances`() throws {
        #expect(inspectCovariance(rotated([0.01, 0.02, 0.5], seed: 1)) == .positiveSemidefinite)
        #expect(inspectCovariance(rotated([0, 0, 0.02, 0.5], seed: 2)) == .positiveSemidefinite)
        #expect(try inspectCovariance(matrix([[1, 1], [1, 1]])) == .positiveSemidefinite)
        #expect(inspectCovariance(DenseMatrix(rows: 3, columns: 3)) == .positiveSemidefinite)
        #expect(inspectCovariance(DenseMatrix(rows: 0, columns: 0)) == .positiveSemidefinite)
    }

    @Test func `a slightly negative eigenvalue can be repaired, a larger one is refused`() throws {
        guard case .repairable(let smallest, let largest) = inspectCovariance(rotated([-4e-7, 0.1, 0.5], seed: 3))
        else {
            Issue.record("not called repairable")
            return
        }
        #expect(abs(smallest + 4e-7) < 1e-12 && abs(largest - 0.5) < 1e-12)
        guard case .indefinite = inspectCovariance(rotated([-6e-7, 0.1, 0.5], seed: 3)) else {
            Issue.record("not called indefinite")
            return
        }
        guard case .indefinite = inspectCovariance(try matrix([[1, 2], [2, 1]])) else {
            Issue.record("not called indefinite")
            return
        }
        guard case .indefinite = inspectCovariance(try matrix([[.nan, 0], [0, 1]])) else {
            Issue.record("a NaN is no covariance")
            return
        }
    }

    @Test func `the nearest covariance clips the negative eigenvalues`() throws {
        let repaired = try nearestPositiveSemidefinite(to: matrix([[1, 2], [2, 1]]))
        // Eigenvalues 3 and −1: what is left is 3 · ½ [[1, 1], [1, 1]], at a distance of 1.
        #expect(try relativeDifference(repaired.covariance, matrix([[1.5, 1.5], [1.5, 1.5]])) < 1e-14)
        #expect(abs(repaired.distance - 1) < 1e-14)
        for seed in UInt64(1)...20 {
            let repaired = try nearestPositiveSemidefinite(to: rotated([-3e-7, 0.1, 0.2, 0.5], seed: seed))
            #expect(inspectCovariance(repaired.covariance) == .positiveSemidefinite, "seed \(seed)")
            #expect(abs(repaired.distance - 3e-7) < 1e-13, "seed \(seed)")
        }
    }
}
