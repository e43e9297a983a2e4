internal import LinearAlgebra
public import Matrices

/// The hierarchical risk parity portfolio of the sample covariance of returns, without that covariance.
///
/// The tree and the weights are those of ``hierarchicalRiskParityPortfolio(covariance:options:)`` with single linkage, up
/// to rounding. Correlations are computed in single precision; where two are closer than its rounding may be, doubles
/// decide, so that the tree does not depend on it. A half's variance is that of the sum of its weighted returns.
///
/// - Parameters:
///   - returns: T × n returns per period.
///   - childOrder: which of two merged clusters comes first.
/// - Returns: the weights, the order of the leaves, and the tree.
/// - Throws: ``HierarchicalError``.
/// - Complexity: O(Tn²) in single precision for the correlations, O(Tn + n²) for all else; 4n² + 12Tn bytes.
/// - SeeAlso: `docs/mathematics.md`, Hierarchical risk parity.
public func hierarchicalRiskParityPortfolio(
    returns: DenseMatrix,
    childOrder: ChildOrder = .smallestIndexFirst
) throws(HierarchicalError) -> HierarchicalPortfolio {
    let history = StandardizedHistory(returns)
    // A NaN or an infinity anywhere makes the sum of squares one; only then is it looked for.
    if !history.squares.allSatisfy(\.isFinite) {
        for (index, value) in returns.elements.enumerated() where !value.isFinite {
            throw HierarchicalError.notFinite(what: "returns", index: index)
        }
    }
    if let instrument = history.squares.firstIndex(where: { !$0.isFinite || $0 <= 0 || !(1 / $0).isFinite }) {
        throw HierarchicalError.noVariance(instrument: instrument)
    }
    let tree = ClusterTree(leafCount: returns.columns, edges: NearestNeighborTree.edges(history), order: childOrder)
    let order = tree.leafOrder
    let weights = RecursiveBisection.weights(history: history.centred, squares: history.squares, order: order)
    return HierarchicalPortfolio(weights: weights, order: order, tree: tree)
}

/// Returns with their means taken off, and what turns their products into correlations.
private struct StandardizedHistory {
    /// T × n.
    let centred: DenseMatrix
    /// Σ over time of the squares, n.
    let squares: [Double]
    /// 1/√squares, n.
    private let reciprocals: [Double]

    init(_ returns: DenseMatrix) {
        let (periods, count) = (returns.rows, returns.columns)
        let sums = returns.transposedTimes([Double](repeating: 1, count: periods))
        var centred = returns
        var squares = [Double](repeating: 0, count: count)
        centred.elements.withUnsafeMutableBufferPointer { entries in
            for j in 0..<count {
                guard let column = entries.baseAddress.map({ $0 + j * periods }) else { return }
                let mean = sums[j] / Double(periods)
                for k in 0..<periods { column[k] -= mean }
                squares[j] = PointerKernels.longDot(column, column, count: periods)
            }
        }
        self.centred = centred
        self.squares = squares
        reciprocals = squares.map { 1 / $0.squareRoot() }
    }

    /// The columns scaled to length 1, rounded to single precision.
    var single: [Float] {
        let periods = centred.rows
        return [Float](unsafeUninitializedCapacity: centred.elements.count) { target, initializedCount in
            centred.elements.withUnsafeBufferPointer { source in
                for (j, scale) in reciprocals.enumerated() {
                    for k in (j * periods)..<((j + 1) * periods) { target[k] = Float(source[k] * scale) }
                }
            }
            initializedCount = centred.elements.count
        }
    }

    /// −ρ of two instruments, in doubles: it ascends with their distance.
    func key(_ one: Int, _ other: Int) -> Double {
        let (i, j) = (min(one, other), max(one, other))
        let periods = centred.rows
        return centred.elements.withUnsafeBufferPointer { entries in
            guard let start = entries.baseAddress else { return 0 }
            let product = PointerKernels.longDot(start + i * periods, start + j * periods, count: periods)
            return -max(-1, min(1, product * (reciprocals[i] * reciprocals[j])))
        }
    }
}

/// Prim's algorithm on keys of which each is known to within a margin, and exactly when asked for.
private struct NearestNeighborTree {
    /// An instrument outside the tree, with its nearest one inside.
    private struct Outsider {
        var instrument: Int
        var nearest: Int
        /// The key in single precision.
        var rough: Float
        /// The key in doubles; NaN until something is too close.
        var exact = Double.nan
    }

    private let history: StandardizedHistory
    /// Rough keys further apart than this are in the order of the exact ones.
    private let margin: Float
    private var outside: [Outsider]

    /// The edges of the tree, nearest first.
    static func edges(_ history: StandardizedHistory) -> [ClusterTree.Edge] {
        let count = history.squares.count
        guard count > 1 else { return [] }
        let (periods, single) = (history.centred.rows, history.single)
        let correlations = SinglePrecision.gram(rows: periods, columns: count, elements: single)
        var tree = NearestNeighborTree(history, count: count)
        var edges: [ClusterTree.Edge] = []
        edges.reserveCapacity(count - 1)
        var newest = 0
        for _ in 1..<count {
            let edge = correlations.withUnsafeBufferPointer { all in
                tree.attachNearest(
                    to: newest,
                    UnsafeBufferPointer(rebasing: all[(newest * count)..<((newest + 1) * count)])
                )
            }
            edges.append(edge)
            newest = edge.other
        }
        edges.sort { SingleLinkage.isNearer($0.distance, $0.one, $0.other, than: $1.distance, $1.one, $1.other) }
        for k in edges.indices { edges[k].distance = ((1 + edges[k].distance) / 2).squareRoot() }
        return edges
    }

    private init(_ history: StandardizedHistory, count: Int) {
        self.history = history
        // Each of two keys may be off; and rounding the margin itself must not make it smaller.
        let error = SinglePrecision.innerProductError(count: history.centred.rows)
        margin = Float(2 * error * (1 + 1e-6) + 1e-12).nextUp
        outside = (1..<count).map { Outsider(instrument: $0, nearest: 0, rough: .infinity) }
    }

    /// Takes the instrument that joined last into account, and takes the next one out.
    private mutating func attachNearest(to newest: Int, _ correlations: UnsafeBufferPointer<Float>) -> ClusterTree.Edge
    {
        let margin = margin
        var best = 0
        for k in outside.indices {
            let candidate = -correlations[outside[k].instrument]
            if candidate < outside[k].rough - margin {
                outside[k] = Outsider(instrument: outside[k].instrument, nearest: newest, rough: candidate)
            } else if candidate <= outside[k].rough + margin {
                compare(candidate, of: newest, at: k)
            }
            guard k > 0, outside[k].rough <= outside[best].rough + margin else { continue }
            if outside[k].rough < outside[best].rough - margin || isNearer(k, than: best) { best = k }
        }
        let found = exact(best)
        outside.swapAt(best, outside.count - 1)
        outside.removeLast()
        return ClusterTree.Edge(one: found.nearest, other: found.instrument, distance: found.exact)
    }

    /// Takes a newcomer as the nearest of an outsider, if it is by doubles.
    private mutating func compare(_ candidate: Float, of newest: Int, at k: Int) {
        let held = exact(k)
        let key = history.key(newest, held.instrument)
        if SingleLinkage.isNearer(key, newest, held.instrument, than: held.exact, held.nearest, held.instrument) {
            outside[k] = Outsider(instrument: held.instrument, nearest: newest, rough: candidate, exact: key)
        }
    }

    /// An outsider with its key in doubles.
    private mutating func exact(_ k: Int) -> Outsider {
        if outside[k].exact.isNaN { outside[k].exact = history.key(outside[k].nearest, outside[k].instrument) }
        return outside[k]
    }

    private mutating func isNearer(_ k: Int, than best: Int) -> Bool {
        let (a, b) = (exact(k), exact(best))
        return SingleLinkage.isNearer(a.exact, a.nearest, a.instrument, than: b.exact, b.nearest, b.instrument)
    }
}
