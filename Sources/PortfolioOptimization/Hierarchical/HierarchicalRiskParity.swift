internal import LinearAlgebra
public import Matrices
public import PortfolioModel

/// How instruments are clustered before risk is divided along their tree.
public struct HierarchicalOptions: Equatable, Sendable {
    /// How clusters are measured.
    public var linkage = Linkage.single
    /// Whether the distance is the one between columns of distances, as in the 2016 paper.
    public var distanceOfDistance = false
    /// Which of two clusters comes first.
    public var childOrder = ChildOrder.smallestIndexFirst

    /// Single linkage on the correlation distance.
    public init() {}
}

/// A hierarchical risk parity portfolio, with the tree it follows.
public struct HierarchicalPortfolio: Equatable, Sendable {
    /// w, n, positive, summing to 1.
    public let weights: [Double]
    /// The instruments in quasi-diagonal order: neighbours are alike.
    public let order: [Int]
    /// The clusters.
    public let tree: ClusterTree
}

/// Why a covariance cannot be clustered.
public enum HierarchicalError: Error, Equatable, Sendable {
    /// Σ has another number of columns than of rows.
    case dimensionMismatch(what: String, expected: Int, actual: Int)
    /// Σ holds a NaN or an infinity.
    case notFinite(what: String, index: Int)
    /// An instrument's variance is not positive, so it has no correlations.
    case noVariance(instrument: Int)
    /// There are fewer instruments than clusters, or no clusters.
    case clusterCountOutOfRange(Int, instruments: Int)
    /// The least variance of this many instruments or clusters was not found.
    case notSolved(instruments: Int)
    /// `shouldStop` answered true.
    case stopped
}

/// The hierarchical risk parity portfolio: alike instruments are neighbours, and neighbours share weight by their risk.
///
/// 1. Correlation distance dᵢⱼ = √((1 − ρᵢⱼ)/2). 2. A tree of clusters by linkage. 3. The quasi-diagonal order of its leaves.
/// 4. Recursive bisection of that order with inverse-variance halves.
///
/// - Parameters:
///   - covariance: Σ, n × n, both triangles. Its unit does not matter.
///   - options: linkage, distance and order of children.
/// - Returns: the weights, the order of the leaves, and the tree.
/// - Throws: ``HierarchicalError``.
/// - Complexity: O(n²) time and O(n) memory for single linkage, O(n²) memory for the others; O(n³) time with
///   `distanceOfDistance`.
/// - SeeAlso: López de Prado, Building diversified portfolios that outperform out of sample, J. Portfolio Management 42
///   (2016), 59–69. `docs/mathematics.md`, Hierarchical risk parity.
public func hierarchicalRiskParityPortfolio(
    covariance: DenseMatrix,
    options: HierarchicalOptions = HierarchicalOptions()
) throws(HierarchicalError) -> HierarchicalPortfolio {
    let tree = try clusterTree(covariance: covariance, options: options)
    let order = tree.leafOrder
    let weights = recursiveBisectionWeights(covariance: covariance, order: order)
    return HierarchicalPortfolio(weights: weights, order: order, tree: tree)
}

/// Weights by halving an order of instruments again and again, each half weighted by the reciprocal of its variance.
///
/// - Parameters:
///   - covariance: Σ, n × n, both triangles, all variances positive.
///   - order: every instrument once.
/// - Returns: the weights of all instruments, summing to 1.
/// - Complexity: O(n²): a quarter of the entries of Σ are read.
/// - SeeAlso: López de Prado, J. Portfolio Management 42 (2016), 59–69, stage 3.
public func recursiveBisectionWeights(covariance: DenseMatrix, order: [Int]) -> [Double] {
    precondition(covariance.rows == covariance.columns, "a covariance is square")
    precondition(order.sorted() == Array(0..<covariance.rows), "an order holds every instrument once")
    return RecursiveBisection.weights(covariance: covariance, order: order)
}

/// The tree of clusters of the instruments of a covariance.
///
/// - Parameters:
///   - covariance: Σ, n × n, both triangles.
///   - options: linkage, distance and order of children.
/// - Returns: the tree.
/// - Throws: ``HierarchicalError``.
/// - Complexity: as of ``hierarchicalRiskParityPortfolio(covariance:options:)``.
public func clusterTree(
    covariance: DenseMatrix,
    options: HierarchicalOptions = HierarchicalOptions()
) throws(HierarchicalError) -> ClusterTree {
    let n = covariance.rows
    guard covariance.columns == n else {
        throw HierarchicalError.dimensionMismatch(what: "columns of Σ", expected: n, actual: covariance.columns)
    }
    for (instrument, variance) in covariance.diagonal.enumerated() where variance <= 0 {
        throw HierarchicalError.noVariance(instrument: instrument)
    }
    // A NaN or an infinity anywhere makes the sum of squares one; only then is it looked for.
    if !dot(covariance.elements, covariance.elements).isFinite {
        for (index, value) in covariance.elements.enumerated() where !value.isFinite {
            throw HierarchicalError.notFinite(what: "Σ", index: index)
        }
    }
    let distance = CorrelationDistance(covariance)
    let edges =
        options.distanceOfDistance
        ? linkageEdges(distance.distanceOfDistances, options.linkage)
        : linkageEdges(distance, options.linkage)
    return ClusterTree(leafCount: n, edges: edges, order: options.childOrder)
}

/// The tree of clusters of any symmetric matrix of distances.
///
/// - Parameters:
///   - distances: n × n, symmetric, not negative; the diagonal is not read.
///   - linkage: how clusters are measured.
///   - childOrder: which of two clusters comes first.
/// - Returns: the tree.
/// - Complexity: O(n²).
public func clusterTree(
    distances: DenseMatrix,
    linkage: Linkage,
    childOrder: ChildOrder = .smallestIndexFirst
) -> ClusterTree {
    precondition(distances.rows == distances.columns, "a matrix of distances is square")
    let edges = linkageEdges(MatrixDistance(distances: distances), linkage)
    return ClusterTree(leafCount: distances.rows, edges: edges, order: childOrder)
}

private func linkageEdges(_ source: some DistanceSource, _ linkage: Linkage) -> [ClusterTree.Edge] {
    linkage == .single ? SingleLinkage.edges(source) : NearestNeighborChain.edges(source, linkage: linkage)
}
