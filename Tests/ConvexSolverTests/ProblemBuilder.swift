import ConvexSolver
import Matrices
import TestSupport

/// Collects rows and puts them into standard form.
struct ProblemBuilder {
    typealias Row = (coefficients: [Double], bound: Double)

    let variableCount: Int
    var quadratic: DenseMatrix
    var linear: [Double]
    var equalities: [Row] = []
    var inequalities: [Row] = []
    /// Each is (t, u): the rows of one second-order cone.
    var secondOrder: [[Row]] = []
    /// The three rows of each exponential or power cone.
    var nonsymmetric: [(cone: Cone, rows: [Row])] = []

    init(_ variableCount: Int) {
        self.variableCount = variableCount
        quadratic = DenseMatrix(rows: variableCount, columns: variableCount)
        linear = [Double](repeating: 0, count: variableCount)
    }

    func unit(_ j: Int, _ value: Double = 1) -> [Double] {
        var row = [Double](repeating: 0, count: variableCount)
        row[j] = value
        return row
    }

    mutating func bound(_ j: Int, _ range: ClosedRange<Double>) {
        inequalities.append((unit(j), range.upperBound))
        inequalities.append((unit(j, -1), -range.lowerBound))
    }

    var problem: ConicProblem {
        let rows = equalities + inequalities + secondOrder.flatMap { $0 } + nonsymmetric.flatMap(\.rows)
        var constraints = DenseMatrix(rows: rows.count, columns: variableCount)
        for (i, row) in rows.enumerated() {
            for j in 0..<variableCount { constraints[i, j] = row.coefficients[j] }
        }
        var cones: [Cone] = []
        if !equalities.isEmpty { cones.append(.zero(equalities.count)) }
        if !inequalities.isEmpty { cones.append(.nonnegative(inequalities.count)) }
        cones += secondOrder.map { .secondOrder($0.count) } + nonsymmetric.map(\.cone)
        return ConicProblem(
            quadratic: quadratic,
            linear: linear,
            constraints: constraints,
            bounds: rows.map(\.bound),
            cones: cones
        )
    }
}

/// A random matrix product FᵀF of the given rank, order n.
func randomGram(_ n: Int, rank: Int, _ generator: inout SeededGenerator) -> DenseMatrix {
    var result = DenseMatrix(rows: n, columns: n)
    for _ in 0..<rank {
        let factor = (0..<n).map { _ in generator.normal() }
        for i in 0..<n {
            for j in 0..<n { result[i, j] += factor[i] * factor[j] }
        }
    }
    return result
}

/// A random problem, feasible at a known point unless `feasible` is false, bounded by a box if `boxed`.
///
/// Some slacks are exactly zero, some equalities repeat another, P may have any rank.
func randomProblem(seed: UInt64, feasible: Bool = true, boxed: Bool = true) -> ConicProblem {
    var generator = SeededGenerator(seed: seed)
    let n = Int.random(in: 1...12, using: &generator)
    var builder = ProblemBuilder(n)
    builder.quadratic = randomGram(n, rank: Int.random(in: 0...n, using: &generator), &generator)
    let point = (0..<n).map { _ in generator.normal() }
    builder.linear = (0..<n).map { _ in generator.normal() }
    func chance(_ probability: Double) -> Bool { generator.uniform(0...1) < probability }
    func sparseRow() -> [Double] { (0..<n).map { _ in chance(0.6) ? generator.normal() : 0 } }
    func value(_ row: [Double]) -> Double { zip(row, point).reduce(0) { $0 + $1.0 * $1.1 } }
    func slack() -> Double { chance(0.3) ? 0 : generator.uniform(0...2) }

    for _ in 0..<Int.random(in: 0...(n / 2), using: &generator) {
        let row = sparseRow()
        builder.equalities.append((row, value(row)))
    }
    if chance(0.2), let first = builder.equalities.first {
        builder.equalities.append((first.coefficients.map { 2 * $0 }, 2 * first.bound))
    }
    for _ in 0..<Int.random(in: 0...15, using: &generator) {
        let row = sparseRow()
        builder.inequalities.append((row, value(row) + slack()))
    }
    if boxed {
        for j in 0..<n {
            builder.bound(j, (point[j] - generator.uniform(0...3))...(point[j] + generator.uniform(0...3)))
        }
    }
    if chance(0.3), let first = builder.inequalities.first { builder.inequalities.append(first) }
    for _ in 0..<Int.random(in: 0...2, using: &generator) {
        let tail = (0..<Int.random(in: 1...5, using: &generator)).map { _ in (sparseRow(), generator.normal()) }
        let length = tail.reduce(0) { $0 + $1.1 * $1.1 }.squareRoot()
        let head = sparseRow()
        builder.secondOrder.append(
            [(head, value(head) + length + slack())] + tail.map { ($0.0, value($0.0) + $0.1) }
        )
    }
    if !feasible {
        // aᵀx ≤ β and −aᵀx ≤ −β − 1 exclude each other.
        let row = (0..<n).map { _ in generator.normal() }
        builder.inequalities.append((row, value(row)))
        builder.inequalities.append((row.map { -$0 }, -value(row) - 1))
    }
    return builder.problem
}
