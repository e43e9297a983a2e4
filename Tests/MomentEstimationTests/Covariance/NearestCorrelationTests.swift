import LinearAlgebra
import Matrices
import MomentEstimation
import PortfolioModel
import TestSupport
import Testing

/// A matrix and the correlation matrix nearest to it, printed to four digits.
struct PublishedCorrelation: Sendable, CustomTestStringConvertible {
    let source: String
    let given: [[Double]]
    let nearest: [[Double]]

    var testDescription: String { source }

    static let all = [
        PublishedCorrelation(
            source: "Higham, Computing the Nearest Correlation Matrix (2002), order 3",
            given: [[1, 1, 0], [1, 1, 1], [0, 1, 1]],
            nearest: [[1, 0.7607, 0.1573], [0.7607, 1, 0.7607], [0.1573, 0.7607, 1]]
        ),
        PublishedCorrelation(
            source: "Higham, Computing the Nearest Correlation Matrix (2002), order 4",
            given: [[2, -1, 0, 0], [-1, 2, -1, 0], [0, -1, 2, -1], [0, 0, -1, 2]],
            nearest: [
                [1, -0.8084, 0.1916, 0.1068], [-0.8084, 1, -0.6562, 0.1916], [0.1916, -0.6562, 1, -0.8084],
                [0.1068, 0.1916, -0.8084, 1],
            ]
        ),
        PublishedCorrelation(
            source: "Wicklin, Computing the nearest correlation matrix (2012)",
            given: [[1, 0.99, 0.35], [0.99, 1, 0.8], [0.35, 0.8, 1]],
            nearest: [[1, 0.9044, 0.3896], [0.9044, 1, 0.7453], [0.3896, 0.7453, 1]]
        ),
    ]
}

@Suite("The nearest correlation matrix")
struct NearestCorrelationTests {
    @Test(arguments: PublishedCorrelation.all)
    func `is the published one`(_ published: PublishedCorrelation) throws {
        let found = try nearestCorrelation(to: try #require(DenseMatrix(rows: published.given)))
        for (i, row) in published.nearest.enumerated() {
            for (j, value) in row.enumerated() { #expect(abs(found.covariance[i, j] - value) <= 1e-4) }
        }
    }

    @Test func `has a unit diagonal, no negative eigenvalue, and is a correlation matrix's own nearest`() throws {
        var random = SeededGenerator(seed: 5)
        for n in [1, 2, 5, 12] {
            var matrix = DenseMatrix(rows: n, columns: n)
            for j in 0..<n {
                for i in 0...j {
                    matrix[i, j] = i == j ? 1 : random.uniform(-1...1)
                    matrix[j, i] = matrix[i, j]
                }
            }
            let found = try nearestCorrelation(to: matrix).covariance
            #expect(found.diagonal.allSatisfy { $0 == 1 })
            #expect(try SymmetricEigen.values(of: found)[0] > -1e-12)
            #expect(try nearestCorrelation(to: found).distance < 1e-8)
        }
    }

    @Test func `repairs correlations without touching volatilities`() throws {
        // A circle of correlations whose smallest eigenvalue is a hair below 0.
        let rho = -0.5 - 4e-7
        let correlations = try #require(DenseMatrix(rows: [[1, rho, rho], [rho, 1, rho], [rho, rho, 1]]))
        let model = RiskModel(
            asOf: Timestamp(microseconds: 0),
            instruments: ["A", "B", "C"],
            periodsPerYear: 252,
            expectedReturns: [0.1, 0.1, 0.1],
            volatilities: [0.1, 0.2, 0.4],
            correlations: correlations
        )
        let moments = try estimateMoments(of: model)
        #expect(moments.warnings.map(\.code) == ["covariance_repaired"])
        for (i, volatility) in [0.1, 0.2, 0.4].enumerated() {
            #expect(abs(moments.covariance[i, i] - volatility * volatility) < 1e-17)
        }
    }
}
