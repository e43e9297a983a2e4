import LinearAlgebra
import Matrices
import TestSupport
import Testing

/// Rounding of a few dozen operations on numbers near one.
private let rounding = 1e-12

private func randomMatrix(_ rows: Int, _ columns: Int, _ generator: inout SeededGenerator) -> DenseMatrix {
    DenseMatrix(rows: rows, columns: columns, columnMajor: (0..<(rows * columns)).map { _ in generator.normal() })
}

private func expectClose(
    _ a: [Double],
    _ b: [Double],
    tolerance: Double = rounding,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(a.count == b.count, sourceLocation: sourceLocation)
    let size = max(1, b.map(\.magnitude).max() ?? 0)
    for (x, y) in zip(a, b) { #expect((x - y).magnitude <= tolerance * size, sourceLocation: sourceLocation) }
}

@Suite("Vectors")
struct VectorTests {
    @Test(arguments: [0, 1, 5, 95, 96, 97, 500])
    func `short loops and BLAS agree with the definition`(count: Int) {
        var generator = SeededGenerator(seed: UInt64(count))
        let x = (0..<count).map { _ in generator.normal() }
        let y = (0..<count).map { _ in generator.normal() }
        let product = zip(x, y).reduce(0) { $0 + $1.0 * $1.1 }
        #expect((dot(x, y) - product).magnitude < rounding * Double(count + 1))
        #expect((norm2(x) - dot(x, x).squareRoot()).magnitude < rounding * Double(count + 1))
        #expect(normInfinity(x) == x.map(\.magnitude).max() ?? 0)
        #expect((norm1(x) - x.reduce(0) { $0 + $1.magnitude }).magnitude < rounding * Double(count + 1))
        var sum = y
        axpy(-2, x, into: &sum)
        expectClose(sum, zip(x, y).map { $1 - 2 * $0 })
    }

    @Test func `norms neither overflow nor hide a NaN`() {
        #expect((norm2([3e200, 4e200]) / 5e200 - 1).magnitude < rounding)
        #expect((norm2([3e-200, 4e-200]) / 5e-200 - 1).magnitude < rounding)
        #expect(normInfinity([1, .nan, 2]).isNaN)
        #expect(normInfinity([.nan, 5]).isNaN)
        #expect(norm2([1, .nan]).isNaN)
        #expect(normInfinity([1, -.infinity]) == .infinity)
    }
}

@Suite("Products")
struct ProductTests {
    @Test(arguments: [(1, 1), (3, 5), (5, 3), (40, 30), (120, 7)])
    func `matrix products agree with the definition`(rows: Int, columns: Int) {
        var generator = SeededGenerator(seed: UInt64(rows * 1000 + columns))
        let a = randomMatrix(rows, columns, &generator)
        let x = (0..<columns).map { _ in generator.normal() }
        let y = (0..<rows).map { _ in generator.normal() }
        expectClose(a.times(x), (0..<rows).map { dot(a.row($0), x) })
        expectClose(a.transposedTimes(y), (0..<columns).map { dot(Array(a.column($0)), y) })
        let gram = a.gram()
        let outer = a.outerGram()
        #expect(gram == gram.transposed)
        #expect(outer == outer.transposed)
        expectClose(gram.elements, a.times(a, transposingSelf: true).elements)
        expectClose(outer.elements, a.times(a, transposingOther: true).elements)
        expectClose(gram.times(x), gram.symmetricTimes(x))
        #expect((gram.quadraticForm(x) - dot(a.times(x), a.times(x))).magnitude < 1e-9)
        expectClose(a.times(.identity(columns)).elements, a.elements)
        let both = a.transposed.times(a.transposed, transposingSelf: true)
        expectClose(both.elements, outer.elements)
    }

    @Test func `empty matrices have empty products`() {
        let empty = DenseMatrix(rows: 0, columns: 3)
        #expect(empty.times([1, 2, 3]) == [])
        #expect(empty.transposedTimes([]) == [0, 0, 0])
        #expect(empty.gram() == DenseMatrix(rows: 3, columns: 3))
        #expect(DenseMatrix(rows: 0, columns: 0).symmetricTimes([]) == [])
    }

    @Test(arguments: [1, 2, 20, 30])
    func `a symmetric product reads the lower triangle only`(order: Int) {
        var generator = SeededGenerator(seed: 9)
        let full = randomMatrix(order, order, &generator).gram()
        var lower = full
        for j in 0..<order { for i in 0..<j { lower[i, j] = .nan } }
        let x = (0..<order).map { _ in generator.normal() }
        expectClose(lower.symmetricTimes(x), full.times(x))
        lower.copyLowerTriangleToUpper()
        #expect(lower == full)
    }
}

@Suite("Factorizations")
struct FactorizationTests {
    @Test(arguments: [0, 1, 2, 10, 80])
    func `Cholesky solves what it factored`(order: Int) throws {
        var generator = SeededGenerator(seed: UInt64(order))
        let matrix = randomMatrix(order + 5, order, &generator).gram()
        let factorization = try CholeskyFactorization(matrix)
        let x = (0..<order).map { _ in generator.normal() }
        expectClose(factorization.solve(matrix.times(x)), x, tolerance: 1e-7)
        let lower = factorization.lowerFactor
        expectClose(lower.outerGram().elements, matrix.elements)
        expectClose(lower.times(factorization.solveTriangular(x)), x)
        expectClose(lower.transposedTimes(factorization.solveTriangular(x, transposed: true)), x)
        let columns = randomMatrix(order, 3, &generator)
        expectClose(factorization.solve(matrix.times(columns)).elements, columns.elements, tolerance: 1e-7)
    }

    @Test(arguments: [0, 1, 7, 64])
    func `the inverse of a factored matrix is one`(order: Int) throws {
        var generator = SeededGenerator(seed: UInt64(order))
        var matrix = randomMatrix(order + 3, order, &generator).gram()
        for i in 0..<order { matrix[i, i] += 1 }
        let inverse = try CholeskyFactorization(matrix).inverse
        expectClose(matrix.times(inverse).elements, DenseMatrix.identity(order).elements, tolerance: 1e-10)
        #expect(inverse == inverse.transposed)
    }

    @Test func `Cholesky names the minor that fails`() {
        let indefinite = DenseMatrix(rows: 3, columns: 3, columnMajor: [1, 0, 0, 0, 4, 2, 0, 2, 1])
        #expect(throws: LinearAlgebraError.notPositiveDefinite(order: 3)) { try CholeskyFactorization(indefinite) }
        let negative = DenseMatrix(rows: 1, columns: 1, columnMajor: [-1])
        #expect(throws: LinearAlgebraError.notPositiveDefinite(order: 1)) { try CholeskyFactorization(negative) }
        let notANumber = DenseMatrix(rows: 2, columns: 2, columnMajor: [1, .nan, .nan, 1])
        #expect(throws: LinearAlgebraError.self) { try CholeskyFactorization(notANumber) }
    }

    @Test(arguments: [1, 2, 15, 130])
    func `LDL solves indefinite systems`(order: Int) throws {
        var generator = SeededGenerator(seed: UInt64(order))
        var matrix = randomMatrix(order, order, &generator)
        for j in 0..<order { for i in 0..<j { matrix[i, j] = matrix[j, i] } }
        let factorization = try LDLFactorization(matrix)
        let x = (0..<order).map { _ in generator.normal() }
        expectClose(factorization.solve(matrix.times(x)), x, tolerance: 1e-8)
        let block = randomMatrix(order, 2, &generator)
        expectClose(factorization.solve(matrix.times(block)).elements, block.elements, tolerance: 1e-8)
    }

    @Test func `refinement undoes a regularization`() throws {
        var generator = SeededGenerator(seed: 4)
        let matrix = randomMatrix(20, 12, &generator).gram()
        var regularized = matrix
        for i in 0..<12 { regularized[i, i] += 1e-4 }
        let factorization = try LDLFactorization(regularized)
        let x = (0..<12).map { _ in generator.normal() }
        let b = matrix.times(x)
        #expect(normInfinity(zip(factorization.solve(b), x).map { $0 - $1 }) > 1e-7)
        let (refined, residual) = factorization.solveRefined(b, maximumRounds: 10, tolerance: 0) { candidate in
            zip(b, matrix.times(candidate)).map { $0 - $1 }
        }
        expectClose(refined, x)
        #expect(residual < 1e-12)
    }

    @Test func `LDL refuses a zero pivot`() {
        #expect(throws: LinearAlgebraError.singular(pivot: 1)) {
            try LDLFactorization(DenseMatrix(rows: 2, columns: 2))
        }
    }

    @Test(arguments: [1, 3, 40])
    func `eigenvectors diagonalize`(order: Int) throws {
        var generator = SeededGenerator(seed: UInt64(order))
        let matrix = randomMatrix(order + 2, order, &generator).gram()
        let eigen = try SymmetricEigen(matrix)
        #expect(eigen.values == eigen.values.sorted())
        expectClose(eigen.vectors.gram().elements, DenseMatrix.identity(order).elements)
        for j in 0..<order {
            let v = Array(eigen.vectors.column(j))
            expectClose(matrix.times(v), v.map { $0 * eigen.values[j] })
        }
        expectClose(try SymmetricEigen.values(of: matrix), eigen.values)
        let largest = eigen.values[order - 1]
        #expect(largestEigenvalueBound(of: matrix) >= largest * (1 - rounding))
        let power = largestEigenvalue(of: matrix, maximumIterations: 5000, tolerance: 1e-14)
        #expect(power <= largest * (1 + rounding))
        #expect(power >= largest * (1 - 1e-4))
    }

    @Test func `eigenvalues of what is not finite are refused`() {
        #expect(throws: LinearAlgebraError.notFinite) {
            try SymmetricEigen(DenseMatrix(rows: 2, columns: 2, columnMajor: [1, 0, 0, .infinity]))
        }
    }

    @Test func `power iteration of nothing is nothing`() {
        #expect(largestEigenvalue(of: DenseMatrix(rows: 0, columns: 0)) == 0)
        #expect(largestEigenvalue(of: DenseMatrix(rows: 3, columns: 3)) == 0)
    }

    @Test func `the kernel has a name`() { #expect(!kernelName.isEmpty) }
}
