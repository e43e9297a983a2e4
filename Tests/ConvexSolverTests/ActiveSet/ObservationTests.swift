import ConvexSolver
import Matrices
import TestSupport
import Testing

/// A program over names whose covariance is s XᵀX + δI of a matrix X with fewer rows than columns.
private struct ObservedProgram {
    let observations: DenseMatrix
    let scale: Double
    let shrinkage: Double
    private let returns: [Double]

    init(seed: UInt64, names n: Int, days: Int, shrinkage: Double) {
        var generator = SeededGenerator(seed: seed)
        var matrix = DenseMatrix(rows: days, columns: n)
        for index in matrix.elements.indices { matrix.elements[index] = 0.01 * generator.normal() }
        observations = matrix
        scale = 252 / Double(max(1, days - 1))
        self.shrinkage = shrinkage
        returns = (0..<n).map { _ in 0.05 + 0.05 * generator.normal() }
    }

    private var residual: [Double] { [Double](repeating: shrinkage, count: returns.count) }

    var asObservations: Curvature {
        .factors(FactorCurvature(observations: observations, scale: scale, residual: residual))
    }

    var multipliedOut: Curvature {
        let n = returns.count
        var covariance = DenseMatrix(rows: n, columns: n)
        for i in 0..<n {
            for j in 0..<n {
                var sum = 0.0
                for t in 0..<observations.rows { sum += observations[t, i] * observations[t, j] }
                covariance[i, j] = scale * sum + (i == j ? shrinkage : 0)
            }
        }
        return .dense(covariance)
    }

    func program(_ curvature: Curvature) -> ParametricProgram {
        let n = returns.count
        return ParametricProgram(
            curvature: curvature,
            linear: returns.map { -$0 / 5 },
            direction: returns.map { -$0 },
            lower: [Double](repeating: 0, count: n),
            upper: [Double](repeating: 0.3, count: n),
            rows: [ParametricProgram.Row(coefficients: [Double](repeating: 1, count: n), lower: 1, upper: 1)]
        )
    }
}

@Suite("Covariances given as observations")
struct ObservationTests {
    @Test(arguments: 0..<20)
    func `observations give the solution of their covariance`(seed: Int) throws {
        let observed = ObservedProgram(seed: UInt64(seed), names: 40 + 10 * seed, days: 12 + seed, shrinkage: 0.004)
        let solution = try ActiveSetSolver(observed.program(observed.asObservations)).solve()
        let reference = try ActiveSetSolver(observed.program(observed.multipliedOut)).solve()
        #expect(solution.method == .activeSet)
        for (weight, expected) in zip(solution.point, reference.point) { #expect(abs(weight - expected) < 1e-10) }
    }

    @Test(arguments: 0..<10)
    func `without shrinkage the objective is that of the singular covariance`(seed: Int) throws {
        let observed = ObservedProgram(seed: UInt64(seed), names: 60, days: 10, shrinkage: 0)
        let solution = try ActiveSetSolver(observed.program(observed.asObservations)).solve()
        let reference = try ActiveSetSolver(observed.program(observed.multipliedOut)).solve()
        #expect(abs(solution.check.objective - reference.check.objective) <= 1e-9 * reference.check.scale)
    }

    @Test func `the path over observations is the path over their covariance`() throws {
        let observed = ObservedProgram(seed: 3, names: 50, days: 15, shrinkage: 0.01)
        let path = try ActiveSetSolver(observed.program(observed.asObservations)).path()
        let reference = try ActiveSetSolver(observed.program(observed.multipliedOut)).path()
        #expect(path.corners.count == reference.corners.count)
        for (corner, expected) in zip(path.corners, reference.corners) {
            #expect(abs(corner.parameter - expected.parameter) <= 1e-9 * max(1, expected.parameter))
            for (weight, other) in zip(corner.point, expected.point) { #expect(abs(weight - other) < 1e-9) }
        }
    }
}
