internal import ConvexSolver
internal import LinearAlgebra
public import Matrices
public import PortfolioModel

/// A portfolio over clusters of a tree.
public struct ClusteredPortfolio: Equatable, Sendable {
    /// w, n, not negative, summing to 1.
    public let weights: [Double]
    /// The members of each cluster, ascending.
    public let clusters: [[Int]]
}

/// The portfolio that divides weight between the clusters of a tree and within each of them.
///
/// ``ClusterAllocation/equalRiskContribution``: along the tree's last k − 1 merges, from the root down, two branches share as
/// w₁ : w₂ = s₂ : s₁, s the sum of the volatilities of a branch's clusters, each of inverse-volatility weights, which are the
/// weights within. ``ClusterAllocation/nestedClusters``: long-only weights of the least variance within each cluster, and of
/// the covariance of these k portfolios.
///
/// - Parameters:
///   - covariance: Σ, n × n, both triangles. Its unit does not matter.
///   - allocation: how weight is divided; recursive bisection looks at no clusters and gives its own weights.
///   - clusterCount: k, from 1 to n; nil for the largest mean silhouette among 2 to √n.
///   - options: linkage, distance and order of children.
///   - shouldStop: asked once a program.
/// - Returns: the weights and the clusters.
/// - Throws: ``HierarchicalError``.
/// - Complexity: O(n²) for the tree and its cut, and what the programs take.
/// - SeeAlso: Raffinot, The Hierarchical Equal Risk Contribution Portfolio (2018); López de Prado, A Robust Estimator of the
///   Efficient Frontier (2019). `docs/mathematics.md`, Hierarchical risk parity.
public func clusteredPortfolio(
    covariance: DenseMatrix,
    allocation: ClusterAllocation,
    clusterCount: Int? = nil,
    options: HierarchicalOptions = HierarchicalOptions(),
    shouldStop: () -> Bool = { false }
) throws(HierarchicalError) -> ClusteredPortfolio {
    let tree = try clusterTree(covariance: covariance, options: options)
    guard allocation.cutsTree else {
        let weights = recursiveBisectionWeights(covariance: covariance, order: tree.leafOrder)
        return ClusteredPortfolio(weights: weights, clusters: [])
    }
    let n = covariance.rows
    guard n > 0 else { return ClusteredPortfolio(weights: [], clusters: []) }
    if let clusterCount, !(1...n).contains(clusterCount) {
        throw HierarchicalError.clusterCountOutOfRange(clusterCount, instruments: n)
    }
    let distance = CorrelationDistance(covariance)
    let count =
        clusterCount
        ?? (options.distanceOfDistance
            ? tree.silhouetteCount(distance.distanceOfDistances) : tree.silhouetteCount(distance))
    let cut = ClusterWeights(covariance: covariance, tree: tree, roots: tree.roots(clusterCount: count))
    let weights =
        allocation == .nestedClusters ? try cut.nested(shouldStop: shouldStop) : cut.equalRiskContributions()
    return ClusteredPortfolio(weights: weights, clusters: cut.clusters)
}

/// Weights along a cut of a tree.
private struct ClusterWeights {
    private let covariance: DenseMatrix
    private let tree: ClusterTree
    private let roots: [Int]
    let clusters: [[Int]]

    init(covariance: DenseMatrix, tree: ClusterTree, roots: [Int]) {
        self.covariance = covariance
        self.tree = tree
        self.roots = roots
        clusters = tree.members(of: roots)
    }

    // MARK: Equal risk contributions

    func equalRiskContributions() -> [Double] {
        let inside = clusters.map { inverseVolatilities($0) }
        // Sums of risks from the clusters up: a merge has a larger number than what it merges.
        let numbers = tree.leafCount + tree.merges.count
        var risks = [Double](repeating: 0, count: numbers)
        for (place, root) in roots.enumerated() { risks[root] = volatility(clusters[place], inside[place]) }
        let firstMerge = tree.merges.count - (roots.count - 1)
        for step in firstMerge..<tree.merges.count {
            let merge = tree.merges[step]
            risks[tree.leafCount + step] = risks[merge.first] + risks[merge.second]
        }
        var shares = [Double](repeating: 0, count: numbers)
        shares[numbers - 1] = 1
        for step in (firstMerge..<tree.merges.count).reversed() {
            let merge = tree.merges[step]
            let (whole, total) = (shares[tree.leafCount + step], risks[tree.leafCount + step])
            // Two branches without risk share alike.
            let first = total > 0 ? risks[merge.second] / total : 0.5
            shares[merge.first] = whole * first
            shares[merge.second] = whole * (1 - first)
        }
        return spread(inside, roots.map { shares[$0] })
    }

    private func inverseVolatilities(_ cluster: [Int]) -> [Double] {
        let reciprocals = cluster.map { 1 / covariance[$0, $0].squareRoot() }
        let total = reciprocals.reduce(0, +)
        return reciprocals.map { $0 / total }
    }

    private func volatility(_ cluster: [Int], _ weights: [Double]) -> Double {
        let block = covariance.selecting(rows: cluster, columns: cluster)
        return max(0, block.quadraticForm(weights)).squareRoot()
    }

    // MARK: Nested clusters

    func nested(shouldStop: () -> Bool) throws(HierarchicalError) -> [Double] {
        var inside: [[Double]] = []
        for cluster in clusters {
            let block = covariance.selecting(rows: cluster, columns: cluster)
            inside.append(try leastVariance(block, shouldStop: shouldStop))
        }
        var portfolios = DenseMatrix(rows: covariance.rows, columns: clusters.count)
        for (place, cluster) in clusters.enumerated() {
            for (position, i) in cluster.enumerated() { portfolios[i, place] = inside[place][position] }
        }
        var reduced = portfolios.times(covariance.times(portfolios), transposingSelf: true)
        // The two triangles are rounded apart.
        for j in 0..<reduced.columns {
            for i in 0..<j { reduced[i, j] = reduced[j, i] }
        }
        return spread(inside, try leastVariance(reduced, shouldStop: shouldStop))
    }

    /// min wᵀΣw over w ≥ 0, Σw = 1.
    private func leastVariance(_ covariance: DenseMatrix, shouldStop: () -> Bool) throws(HierarchicalError) -> [Double]
    {
        let n = covariance.rows
        guard n > 1 else { return [1] }
        let unit = powerOfTwo(near: covariance.diagonal.max() ?? 1)
        let scaled = covariance.multiplied(by: 1 / unit)
        let program = ParametricProgram(
            curvature: .dense(scaled),
            linear: [Double](repeating: 0, count: n),
            lower: [Double](repeating: 0, count: n),
            upper: [Double](repeating: 1, count: n),
            rows: [ParametricProgram.Row(coefficients: [Double](repeating: 1, count: n), lower: 1, upper: 1)]
        )
        let found: [Double]
        do throws(ActiveSetFailure) {
            found = try ActiveSetSolver(program).solve(from: nil, shouldStop: shouldStop).point
        } catch {
            if error == .stopped { throw HierarchicalError.stopped }
            guard let point = Self.byInteriorPoint(scaled) else { throw HierarchicalError.notSolved(instruments: n) }
            found = point
        }
        let positive = found.map { max(0, $0) }
        let total = positive.reduce(0, +)
        return positive.map { $0 / total }
    }

    private static func byInteriorPoint(_ covariance: DenseMatrix) -> [Double]? {
        let n = covariance.rows
        let budget = SparseProgram.Row(columns: Array(0..<n), coefficients: [Double](repeating: 1, count: n))
        let program = SparseProgram(
            curvature: .dense(covariance),
            linear: [Double](repeating: 0, count: n),
            rows: [budget] + (0..<n).map { SparseProgram.Row(columns: [$0], coefficients: [-1]) },
            bounds: [1] + [Double](repeating: 0, count: n),
            cones: [.zero(1), .nonnegative(n)]
        )
        guard let solution = try? InteriorPointSolver(program).solve(), solution.status == .solved else { return nil }
        return solution.primal
    }

    private func spread(_ inside: [[Double]], _ shares: [Double]) -> [Double] {
        var weights = [Double](repeating: 0, count: covariance.rows)
        for (place, cluster) in clusters.enumerated() {
            for (position, i) in cluster.enumerated() { weights[i] = shares[place] * inside[place][position] }
        }
        return weights
    }
}
