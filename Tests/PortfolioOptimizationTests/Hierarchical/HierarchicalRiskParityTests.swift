import Foundation
import Matrices
import PortfolioModel
import PortfolioOptimization
import TestSupport
import Testing

/// What the rounding of a few thousand operations may change a weight by, relative to it.
private let weightTolerance = 1e-10

@Suite("Hierarchical risk parity")
struct HierarchicalRiskParityTests {
    // MARK: Cases others computed

    @Test(arguments: try HierarchyFixtures.load().computed)
    func `trees, orders and weights agree with SciPy`(fixture: HierarchyFixtures.Computed) throws {
        let covariance = symmetric(fixture.covariance)
        var options = HierarchicalOptions()
        options.linkage = fixture.method
        options.distanceOfDistance = fixture.distanceOfDistance
        let portfolio = try hierarchicalRiskParityPortfolio(covariance: covariance, options: options)
        #expect(portfolio.order == fixture.order)
        for (merge, height) in zip(portfolio.tree.merges, fixture.heights) {
            #expect((merge.distance - height).magnitude < 1e-9)
        }
        expectWeights(portfolio.weights, fixture.weights)
        options.childOrder = .earliestFirst
        let other = try hierarchicalRiskParityPortfolio(covariance: covariance, options: options)
        #expect(other.order == fixture.earliestFirstOrder)
    }

    @Test(arguments: try HierarchyFixtures.load().published)
    func `published weights are found`(fixture: HierarchyFixtures.Published) throws {
        let covariance = symmetric(fixture.covariance)
        if let distances = fixture.distances {
            let tree = clusterTree(distances: symmetric(distances), linkage: .single, childOrder: .earliestFirst)
            #expect(tree.leafOrder == fixture.order)
        }
        expectWeights(recursiveBisectionWeights(covariance: covariance, order: fixture.order), fixture.weights)
    }

    // MARK: From returns

    @Test(arguments: [(2, 5), (3, 40), (24, 60), (90, 30), (150, 400)])
    func `returns give the tree and the weights of their covariance`(count: Int, periods: Int) throws {
        var generator = SeededGenerator(seed: UInt64(count * 1000 + periods))
        for repetition in 0..<3 {
            var returns = DenseMatrix(rows: periods, columns: count)
            for j in 0..<count {
                let scale = generator.uniform(0.001...10)
                for k in 0..<periods { returns[k, j] = 0.3 + scale * generator.normal() }
            }
            // More alike than single precision can tell: 1 − ρ is about 1e-10.
            for j in stride(from: 1, to: count, by: 3) {
                for k in 0..<periods {
                    let change = repetition == 0 ? 1e-3 : 1e-5
                    returns[k, j] = returns[k, j - 1] * (1 + change * generator.normal())
                }
            }
            let covariance = sampleCovariance(returns)
            for order in [ChildOrder.smallestIndexFirst, .earliestFirst] {
                var options = HierarchicalOptions()
                options.childOrder = order
                let expected = try hierarchicalRiskParityPortfolio(covariance: covariance, options: options)
                let found = try hierarchicalRiskParityPortfolio(returns: returns, childOrder: order)
                #expect(found.order == expected.order)
                expectWeights(found.weights, expected.weights)
            }
        }
    }

    @Test func `equal instruments are told apart by their index`() throws {
        var generator = SeededGenerator(seed: 5)
        var returns = DenseMatrix(rows: 50, columns: 9)
        for k in 0..<50 {
            for j in 0..<3 {
                let value = generator.normal()
                for copy in 0..<3 { returns[k, j + 3 * copy] = value }
            }
        }
        let found = try hierarchicalRiskParityPortfolio(returns: returns)
        let expected = try hierarchicalRiskParityPortfolio(covariance: sampleCovariance(returns))
        #expect(found.order == expected.order)
        #expect(Set(found.tree.merges.prefix(6).map(\.distance)).allSatisfy { $0 < 1e-7 })
    }

    @Test func `returns that cannot be clustered are refused`() {
        var returns = DenseMatrix(rows: 3, columns: 2, columnMajor: [1, 2, 4, 5, 5, 5])
        #expect(throws: HierarchicalError.noVariance(instrument: 1)) {
            try hierarchicalRiskParityPortfolio(returns: returns)
        }
        returns[2, 1] = .nan
        #expect(throws: HierarchicalError.notFinite(what: "returns", index: 5)) {
            try hierarchicalRiskParityPortfolio(returns: returns)
        }
        #expect(throws: HierarchicalError.noVariance(instrument: 0)) {
            try hierarchicalRiskParityPortfolio(returns: DenseMatrix(rows: 1, columns: 2, repeating: 1))
        }
    }

    /// The sample covariance, written out here.
    private func sampleCovariance(_ returns: DenseMatrix) -> DenseMatrix {
        let periods = Double(returns.rows)
        var result = DenseMatrix(rows: returns.columns, columns: returns.columns)
        let columns = (0..<returns.columns).map { j -> [Double] in
            let mean = returns.column(j).reduce(0, +) / periods
            return returns.column(j).map { $0 - mean }
        }
        for i in columns.indices {
            for j in 0...i {
                let product = zip(columns[i], columns[j]).reduce(0) { $0 + $1.0 * $1.1 } / (periods - 1)
                (result[i, j], result[j, i]) = (product, product)
            }
        }
        return result
    }

    // MARK: Cases worked by hand

    @Test func `four instruments in two pairs`() throws {
        // 0 and 2 alike, 1 and 3 alike, nothing between the pairs: the order is 0 2 1 3.
        var covariance = DenseMatrix.identity(4)
        for (i, j, value) in [(0, 2, 0.6), (1, 3, 0.8)] {
            covariance[i, j] = value
            covariance[j, i] = value
        }
        let portfolio = try hierarchicalRiskParityPortfolio(covariance: covariance)
        #expect(portfolio.order == [0, 2, 1, 3])
        // Variances of the halves: (1 + 0.6)/2 and (1 + 0.8)/2, so the first half gets 0.9/1.7.
        let first = 0.9 / 1.7 / 2
        expectWeights(portfolio.weights, [first, 0.5 - first, first, 0.5 - first])
        // d² = (1 − ρ)/2: 0.1 for the nearer pair, 0.2 for the other, 0.5 between them.
        let heights = portfolio.tree.merges.map { $0.distance * $0.distance }
        for (height, expected) in zip(heights, [0.1, 0.2, 0.5]) { #expect((height - expected).magnitude < 1e-15) }
    }

    @Test func `the smaller first index comes first, not the cluster formed earlier`() throws {
        // {1, 2} forms first, then 0 joins: 0 stands first in either order. {2, 3} then {0, 1}: they differ.
        let distances = symmetric([0, 0.5, 1, 1, 0, 1, 1, 0, 0.2, 0])
        let tree = clusterTree(distances: distances, linkage: .single)
        #expect(tree.leafOrder == [0, 1, 2, 3])
        let earliest = clusterTree(distances: distances, linkage: .single, childOrder: .earliestFirst)
        #expect(earliest.leafOrder == [2, 3, 0, 1])
    }

    @Test func `the three ways to measure a cluster`() {
        // On a line at 0, 1, 3, 7: distances of the merges, from the definitions.
        let points = [0.0, 1, 3, 7]
        var distances = DenseMatrix(rows: 4, columns: 4)
        for i in 0..<4 {
            for j in 0..<4 { distances[i, j] = (points[i] - points[j]).magnitude }
        }
        let expected: [(Linkage, [Double])] = [
            (.single, [1, 2, 4]),
            (.complete, [1, 3, 7]),
            (.average, [1, 2.5, 17.0 / 3]),
            // Ward: √(2 |A||B| / (|A| + |B|)) times the distance of the centers.
            (.ward, [1, (4.0 / 3).squareRoot() * 2.5, 1.5.squareRoot() * 17 / 3]),
        ]
        for (linkage, heights) in expected {
            let tree = clusterTree(distances: distances, linkage: linkage)
            for (merge, height) in zip(tree.merges, heights) {
                #expect((merge.distance - height).magnitude < 1e-14, "\(linkage)")
            }
        }
    }

    // MARK: Degenerate cases

    @Test(arguments: Linkage.allCases)
    func `one instrument is the whole portfolio`(linkage: Linkage) throws {
        var options = HierarchicalOptions()
        options.linkage = linkage
        let one = DenseMatrix(rows: 1, columns: 1, columnMajor: [0.3])
        #expect(try hierarchicalRiskParityPortfolio(covariance: one, options: options).weights == [1])
        let none = DenseMatrix(rows: 0, columns: 0)
        #expect(try hierarchicalRiskParityPortfolio(covariance: none, options: options).weights == [])
    }

    @Test(arguments: Linkage.allCases, [false, true])
    func `equal instruments keep their order and get equal weights`(linkage: Linkage, twice: Bool) throws {
        var options = HierarchicalOptions()
        options.linkage = linkage
        options.distanceOfDistance = twice
        let covariance = DenseMatrix(rows: 8, columns: 8, repeating: 0.04)
        let portfolio = try hierarchicalRiskParityPortfolio(covariance: covariance, options: options)
        #expect(portfolio.weights == [Double](repeating: 0.125, count: 8))
        #expect(portfolio.order.sorted() == Array(0..<8))
        #expect(portfolio.tree.merges.allSatisfy { $0.distance == 0 })
    }

    @Test func `ties of single linkage go to the pair with the smaller indices`() {
        // All distances equal: 0 joins 1, then 2, then 3, …
        let distances = DenseMatrix(rows: 5, columns: 5, repeating: 0.5)
        let tree = clusterTree(distances: distances, linkage: .single)
        #expect(tree.merges.map(\.first) == [0, 5, 6, 7])
        #expect(tree.merges.map(\.second) == [1, 2, 3, 4])
    }

    @Test func `a perfect hedge does not break the weights`() throws {
        let covariance = symmetric([0.04, -0.04, 0, 0, 0.04, 0, 0, 0.01, -0.01, 0.01])
        let weights = try hierarchicalRiskParityPortfolio(covariance: covariance).weights
        #expect(weights.allSatisfy { $0.isFinite && $0 > 0 })
        #expect((weights.reduce(0, +) - 1).magnitude < 1e-15)
    }

    @Test func `mistakes are named`() {
        #expect(throws: HierarchicalError.noVariance(instrument: 1)) {
            try hierarchicalRiskParityPortfolio(covariance: symmetric([1, 0, 0]))
        }
        #expect(throws: HierarchicalError.notFinite(what: "Σ", index: 1)) {
            try hierarchicalRiskParityPortfolio(covariance: symmetric([1, .nan, 1]))
        }
        #expect(throws: HierarchicalError.dimensionMismatch(what: "columns of Σ", expected: 1, actual: 2)) {
            try hierarchicalRiskParityPortfolio(covariance: DenseMatrix(rows: 1, columns: 2))
        }
    }

    // MARK: Properties

    @Test(arguments: 0..<40)
    func `every linkage agrees with merging the nearest pair again and again`(seed: Int) {
        var generator = SeededGenerator(seed: UInt64(seed))
        let n = Int.random(in: 2...25, using: &generator)
        var distances = DenseMatrix(rows: n, columns: n)
        for j in 0..<n {
            for i in (j + 1)..<max(n, j + 1) {
                distances[i, j] = generator.uniform(0.1...1)
                distances[j, i] = distances[i, j]
            }
        }
        for linkage in Linkage.allCases {
            let tree = clusterTree(distances: distances, linkage: linkage)
            let (order, heights) = greedyTree(distances, linkage)
            #expect(tree.leafOrder == order, "seed \(seed) \(linkage)")
            for (merge, height) in zip(tree.merges, heights) {
                #expect((merge.distance - height).magnitude < 1e-12, "seed \(seed) \(linkage)")
            }
        }
    }

    @Test(arguments: [1e-6, 1e6], 0..<5)
    func `units do not matter, and weights are positive and sum to one`(unit: Double, seed: Int) throws {
        let fixture = try HierarchyFixtures.load().computed[seed + 16]
        let covariance = symmetric(fixture.covariance)
        var scaled = covariance
        for k in scaled.elements.indices { scaled.elements[k] *= unit }
        let plain = try hierarchicalRiskParityPortfolio(covariance: covariance)
        let other = try hierarchicalRiskParityPortfolio(covariance: scaled)
        #expect(plain.order == other.order)
        expectWeights(other.weights, plain.weights)
        #expect(plain.weights.allSatisfy { $0 > 0 })
        #expect((plain.weights.reduce(0, +) - 1).magnitude < 1e-14)
    }
}

// MARK: Support

private func expectWeights(
    _ weights: [Double],
    _ expected: [Double],
    sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(weights.count == expected.count, sourceLocation: sourceLocation)
    for (weight, value) in zip(weights, expected) {
        #expect((weight / value - 1).magnitude < weightTolerance, sourceLocation: sourceLocation)
    }
}

/// The symmetric matrix of a lower triangle, column by column.
private func symmetric(_ lower: [Double]) -> DenseMatrix {
    var n = 0
    while n * (n + 1) / 2 < lower.count { n += 1 }
    var result = DenseMatrix(rows: n, columns: n)
    var next = 0
    for j in 0..<n {
        for i in j..<n {
            result[i, j] = lower[next]
            result[j, i] = lower[next]
            next += 1
        }
    }
    return result
}

/// The definition of linkage: merge the two nearest clusters, measured over all their pairs, until one is left.
private func greedyTree(_ distances: DenseMatrix, _ linkage: Linkage) -> (order: [Int], heights: [Double]) {
    var clusters = (0..<distances.rows).map { [$0] }
    var heights: [Double] = []
    while clusters.count > 1 {
        var best = (0, 1, Double.infinity)
        for a in clusters.indices {
            for b in (a + 1)..<max(clusters.count, a + 1) {
                let distance = clusterDistance(clusters[a], clusters[b], distances, linkage)
                if distance < best.2 { best = (a, b, distance) }
            }
        }
        heights.append(best.2)
        // Each cluster begins with its smallest member, so comparing first members compares first indices.
        let (one, other) = (clusters[best.0], clusters[best.1])
        clusters.remove(at: best.1)
        clusters[best.0] = one[0] < other[0] ? one + other : other + one
    }
    return (clusters[0], heights)
}

private func clusterDistance(_ a: [Int], _ b: [Int], _ distances: DenseMatrix, _ linkage: Linkage) -> Double {
    let between = a.flatMap { i in b.map { distances[i, $0] } }
    switch linkage {
    case .single: return between.min() ?? 0
    case .complete: return between.max() ?? 0
    case .average: return between.reduce(0, +) / Double(between.count)
    case .ward:
        // The squared distance of two centers from pairs of members (Huygens).
        func within(_ c: [Int]) -> Double {
            c.flatMap { i in c.map { distances[i, $0] * distances[i, $0] } }.reduce(0, +)
                / Double(2 * c.count * c.count)
        }
        let centers = between.reduce(0) { $0 + $1 * $1 } / Double(between.count) - within(a) - within(b)
        return max(0, 2 * Double(a.count * b.count) / Double(a.count + b.count) * centers).squareRoot()
    }
}

/// Trees that SciPy computed and weights that others published; see make_hierarchies.py.
struct HierarchyFixtures: Decodable {
    struct Computed: Decodable, Sendable, CustomTestStringConvertible {
        let name: String
        let linkage: String
        let distanceOfDistance: Bool
        let covariance: [Double]
        let heights: [Double]
        let order: [Int]
        let earliestFirstOrder: [Int]
        let weights: [Double]
        var testDescription: String { name }

        var method: Linkage {
            switch linkage {
            case "complete": .complete
            case "average": .average
            case "ward": .ward
            default: .single
            }
        }
    }

    struct Published: Decodable, Sendable, CustomTestStringConvertible {
        let source: String
        let covariance: [Double]
        let distances: [Double]?
        let order: [Int]
        let weights: [Double]
        var testDescription: String { source }
    }

    let computed: [Computed]
    let published: [Published]

    static func load() throws -> HierarchyFixtures {
        let folder = try #require(Bundle.module.url(forResource: "Fixtures", withExtension: nil))
        let data = try Data(contentsOf: folder.appendingPathComponent("hierarchies.json"))
        return try JSONDecoder().decode(HierarchyFixtures.self, from: data)
    }
}
