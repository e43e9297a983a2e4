import ConvexSolver
import Matrices
import TestSupport
import Testing

/// A book of few names: a budget, caps, and sectors of two names each, so that rows and bounds depend on each other.
private func smallBook(seed: UInt64, names n: Int, conditioning: Double = 1, scale: Double = 1) -> ParametricProgram {
    var generator = SeededGenerator(seed: seed)
    var factors = DenseMatrix(rows: n, columns: n)
    for index in factors.elements.indices { factors.elements[index] = 0.2 * generator.normal() }
    var covariance = DenseMatrix(rows: n, columns: n)
    for i in 0..<n {
        for j in 0..<n {
            var sum = i == j ? 0.01 * conditioning : 0
            for k in 0..<max(1, n / 2) { sum += factors[i, k] * factors[j, k] }
            covariance[i, j] = scale * sum
        }
    }
    let returns = (0..<n).map { _ in 0.06 + 0.05 * generator.normal() }
    var rows = [ParametricProgram.Row(coefficients: [Double](repeating: 1, count: n), lower: 1, upper: 1)]
    for sector in 0..<(n / 2) {
        rows.append(
            ParametricProgram.Row(
                coefficients: (0..<n).map { $0 / 2 == sector ? 1 : 0 },
                lower: sector == 0 ? 0.02 : -.infinity,
                upper: 0.25
            )
        )
    }
    return ParametricProgram(
        curvature: .dense(covariance),
        linear: [Double](repeating: 0, count: n),
        direction: returns.map { -scale * $0 },
        lower: [Double](repeating: 0, count: n),
        upper: [Double](repeating: 0.15, count: n),
        rows: rows
    )
}

/// The same solver without the inverse.
private func general(_ program: ParametricProgram) throws -> ActiveSetSolver {
    var settings = ActiveSetSettings()
    settings.tinyProgram = 0
    return try ActiveSetSolver(program, settings: settings)
}

/// xᵀPx of a program whose curvature is a matrix.
private func quadraticForm(_ program: ParametricProgram, _ point: [Double]) -> Double {
    guard case .dense(let matrix) = program.curvature else { return .nan }
    return point.indices.reduce(0) { sum, i in
        sum + point.indices.reduce(0) { $0 + point[i] * matrix[i, $1] * point[$1] }
    }
}

private func expectSame(_ found: ActiveSetSolution, _ reference: ActiveSetSolution, within tolerance: Double = 1e-10) {
    #expect(found.check.infeasibility <= 1e-12)
    #expect(found.check.suboptimality <= 1e-12 * found.check.scale)
    for (weight, expected) in zip(found.point, reference.point) { #expect(abs(weight - expected) < tolerance) }
}

@Suite("A few dozen variables from the inverse")
struct InverseGuessTests {
    @Test(arguments: 0..<150)
    func `a small book has the solution of the general method`(seed: Int) throws {
        let program = smallBook(seed: UInt64(seed), names: 8 + seed % 25)
        let parameter = [0, 0.05, 0.2, 1, 20][seed % 5]
        let found = try ActiveSetSolver(program).solve(at: parameter)
        expectSame(found, try general(program).solve(at: parameter))
    }

    @Test(arguments: 0..<150)
    func `a small book has the largest ratio of the general method`(seed: Int) throws {
        let program = smallBook(seed: UInt64(1000 + seed), names: 10 + seed % 23)
        let found = try ActiveSetSolver(program).solveLargestRatio()
        // The general search leaves a few of these to the critical line; a solve at the same parameter it does not.
        let reference = try general(program).solve(at: found.parameter)
        expectSame(found, reference, within: 1e-9)
        let gain = -zip(program.direction ?? [], found.point).reduce(0) { $0 + $1.0 * $1.1 }
        let variance = quadraticForm(program, found.point)
        #expect(abs(variance - found.parameter * gain) <= 1e-10 * variance)
    }

    @Test func `most small books need no walk`() throws {
        let walked = try (0..<100).count { seed in
            try ActiveSetSolver(smallBook(seed: UInt64(seed), names: 20)).solve(at: 0.2).effort.steps > 0
        }
        #expect(walked < 30)
    }

    @Test(arguments: [1e-5, 1e-9, 1e-14])
    func `a covariance near singular is left to the general method`(conditioning: Double) throws {
        for seed in UInt64(0)..<20 {
            let program = smallBook(seed: seed, names: 16, conditioning: conditioning)
            let found = try ActiveSetSolver(program).solve(at: 0.1)
            let reference = try general(program).solve(at: 0.1)
            let scale = max(reference.check.scale, 1e-12)
            #expect(abs(found.check.objective - reference.check.objective) <= 1e-9 * scale)
        }
    }

    @Test(arguments: [1e-6, 1e6])
    func `units do not matter`(scale: Double) throws {
        for seed in UInt64(0)..<20 {
            let found = try ActiveSetSolver(smallBook(seed: seed, names: 18, scale: scale)).solve(at: 0.1)
            expectSame(found, try ActiveSetSolver(smallBook(seed: seed, names: 18)).solve(at: 0.1))
        }
    }

    @Test func `caps below the budget are infeasible, and a budget of all the caps has one answer`() throws {
        var program = smallBook(seed: 3, names: 10)
        program.upper = [Double](repeating: 0.0999, count: 10)
        #expect(throws: ActiveSetFailure.infeasible) { try ActiveSetSolver(program).solve(at: 0.1) }
        program.upper = [Double](repeating: 0.1, count: 10)
        let solution = try ActiveSetSolver(program).solve(at: 0.1)
        for weight in solution.point { #expect(abs(weight - 0.1) < 1e-12) }
    }

    @Test func `what cannot move stays, and one name holds the budget`() throws {
        var program = smallBook(seed: 4, names: 10)
        (program.lower[3], program.upper[3]) = (0.07, 0.07)
        #expect(try ActiveSetSolver(program).solve(at: 0.1).point[3] == 0.07)
        var one = smallBook(seed: 5, names: 1)
        one.upper = [1]
        #expect(try ActiveSetSolver(one).solve(at: 0.1).point == [1])
    }
}
