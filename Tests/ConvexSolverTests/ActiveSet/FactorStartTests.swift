import ConvexSolver
import Matrices
import TestSupport
import Testing

/// A book over a factor model: costs at what is held, a budget, caps of names and sectors, one sector with a floor as well.
private struct FactorBook {
    var exposures: DenseMatrix
    var factorCovariance: DenseMatrix
    var residual: [Double]
    var linear: [Double]
    var held: [Double]
    var costs: [Double]
    var cap = 0.05
    var sectorCap = 0.3
    var sectorFloor = 0.05
    var budget = 1.0
    private let sectors: [Int]

    init(seed: UInt64, names n: Int, factors k: Int) {
        var generator = SeededGenerator(seed: seed)
        exposures = DenseMatrix(rows: k, columns: n)
        for index in exposures.elements.indices { exposures.elements[index] = generator.normal() }
        for j in 0..<n { exposures[0, j] = 1 + 0.2 * generator.normal() }
        factorCovariance = DenseMatrix(rows: k, columns: k)
        for a in 0..<k {
            for b in 0..<k { factorCovariance[a, b] = a == b ? (a == 0 ? 0.03 : 0.004) : 0.0005 }
        }
        residual = (0..<n).map { _ in 0.02 + 0.1 * abs(generator.normal()) }
        linear = (0..<n).map { _ in -(0.05 + 0.05 * generator.normal()) / 5 }
        // A third is held, the rest at 0, where the kink is on the bound.
        var positions = (0..<n).map { j in j.isMultiple(of: 3) ? abs(generator.normal()) : 0 }
        let total = positions.reduce(0, +)
        for j in positions.indices { positions[j] = min(0.05, positions[j] / total) }
        held = positions
        costs = (0..<n).map { j in j.isMultiple(of: 7) ? 0 : 0.0006 * abs(generator.normal()) }
        sectors = (0..<n).map { $0 % 5 }
    }

    var asFactors: Curvature {
        .factors(
            FactorCurvature(exposuresTransposed: exposures, factorCovariance: factorCovariance, residual: residual)
        )
    }

    var multipliedOut: Curvature {
        let (n, k) = (residual.count, factorCovariance.rows)
        var matrix = DenseMatrix(rows: n, columns: n)
        for j in 0..<n {
            let loaded = (0..<k).map { a in (0..<k).reduce(0) { $0 + factorCovariance[a, $1] * exposures[$1, j] } }
            for i in 0..<n { matrix[i, j] = (0..<k).reduce(0) { $0 + exposures[$1, i] * loaded[$1] } }
            matrix[j, j] += residual[j]
        }
        return .dense(matrix)
    }

    /// The program, its objective times a number.
    func program(_ curvature: Curvature, isKinked: Bool = true, times scale: Double = 1) -> ParametricProgram {
        let n = residual.count
        var rows = [
            ParametricProgram.Row(coefficients: [Double](repeating: 1, count: n), lower: budget, upper: budget)
        ]
        for sector in 0..<5 {
            rows.append(
                ParametricProgram.Row(
                    coefficients: sectors.map { $0 == sector ? 1 : 0 },
                    lower: sector == 0 ? sectorFloor : -.infinity,
                    upper: sectorCap
                )
            )
        }
        return ParametricProgram(
            curvature: curvature,
            linear: linear.map { scale * $0 },
            lower: [Double](repeating: 0, count: n),
            upper: [Double](repeating: cap, count: n),
            rows: rows,
            kinks: isKinked ? ParametricProgram.Kinks(positions: held, costs: costs.map { scale * $0 }) : nil
        )
    }
}

@Suite("Starts from the factors")
struct FactorStartTests {
    private func expectSame(_ book: FactorBook, isKinked: Bool) throws {
        let solution = try ActiveSetSolver(book.program(book.asFactors, isKinked: isKinked)).solve()
        let reference = try ActiveSetSolver(book.program(book.multipliedOut, isKinked: isKinked)).solve()
        #expect(solution.check.infeasibility <= 1e-12)
        #expect(solution.check.suboptimality <= 1e-12 * solution.check.scale)
        for (weight, expected) in zip(solution.point, reference.point) { #expect(abs(weight - expected) < 1e-9) }
    }

    @Test(arguments: 0..<25)
    func `a factor model has the solution of its covariance`(seed: Int) throws {
        let book = FactorBook(seed: UInt64(seed), names: 140 + 10 * seed, factors: 2 + seed % 9)
        try expectSame(book, isKinked: seed % 3 > 0)
    }

    @Test func `caps so tight that hardly anything is free are met`() throws {
        var book = FactorBook(seed: 5, names: 200, factors: 4)
        (book.cap, book.sectorCap, book.sectorFloor) = (0.0051, 0.2, 0.2)
        try expectSame(book, isKinked: true)
    }

    @Test func `names that are all alike share what one of them would hold`() throws {
        var book = FactorBook(seed: 6, names: 200, factors: 3)
        for j in 0..<200 {
            for a in 0..<3 { book.exposures[a, j] = book.exposures[a, 0] }
            (book.residual[j], book.linear[j], book.held[j], book.costs[j]) = (0.04, -0.01, 0, 0)
        }
        let solution = try ActiveSetSolver(book.program(book.asFactors)).solve()
        for weight in solution.point { #expect(abs(weight - 1.0 / 200) < 1e-12) }
    }

    @Test func `a book that is best kept as it is is kept`() throws {
        var book = FactorBook(seed: 7, names: 200, factors: 3)
        let total = book.held.reduce(0, +)
        book.held = book.held.map { $0 / total }
        book.costs = book.costs.map { _ in 10 }
        (book.cap, book.sectorCap, book.sectorFloor) = (0.2, 1, 0)
        let solution = try ActiveSetSolver(book.program(book.asFactors)).solve()
        for (weight, held) in zip(solution.point, book.held) { #expect(abs(weight - held) < 1e-12) }
    }

    @Test func `a budget that the caps cannot hold is infeasible`() throws {
        var book = FactorBook(seed: 8, names: 150, factors: 3)
        book.cap = 0.99 / 150
        let solver = try ActiveSetSolver(book.program(book.asFactors, isKinked: false))
        #expect(throws: ActiveSetFailure.infeasible) { try solver.solve() }
    }

    @Test func `a factor covariance or a residual that is singular takes the other start`() throws {
        var book = FactorBook(seed: 9, names: 150, factors: 3)
        for a in 0..<3 { for b in 0..<3 { book.factorCovariance[a, b] = 0.01 } }
        try expectSame(book, isKinked: true)
        book = FactorBook(seed: 9, names: 150, factors: 3)
        book.residual[4] = 0
        try expectSame(book, isKinked: true)
    }

    @Test(arguments: [1e-6, 1e6])
    func `units do not matter`(scale: Double) throws {
        var book = FactorBook(seed: 10, names: 300, factors: 6)
        let plain = try ActiveSetSolver(book.program(book.asFactors)).solve()
        book.residual = book.residual.map { scale * $0 }
        for index in book.factorCovariance.elements.indices { book.factorCovariance.elements[index] *= scale }
        let scaled = try ActiveSetSolver(book.program(book.asFactors, times: scale)).solve()
        for (weight, expected) in zip(scaled.point, plain.point) { #expect(abs(weight - expected) < 1e-10) }
    }

    @Test func `thousands of names with costs take a few steps and no walk`() throws {
        let book = FactorBook(seed: 11, names: 3000, factors: 20)
        let effort = try ActiveSetSolver(book.program(book.asFactors)).solve().effort
        #expect(effort.steps == 0)
        #expect(effort.guesses <= 20)
        #expect(effort.considered < 300)
    }
}
