internal import Matrices
internal import PortfolioModel

/// Complete, average and Ward linkage by chains of nearest neighbours: O(n²) in all.
///
/// From any cluster one goes to its nearest, from there to its nearest, and so on until two are each other's nearest:
/// those merge at some time whatever else does (the three linkages are reducible), so they merge now. Of equal distances
/// the cluster one came from counts as nearest, then the one with the smaller index.
/// - SeeAlso: Murtagh, Computer Journal 26 (1983); Müllner, Modern hierarchical, agglomerative clustering algorithms
///   (2011), section 3.2; Lance & Williams, Computer Journal 9 (1967), for the updates.
struct NearestNeighborChain {
    private let count: Int
    private let linkage: Linkage
    private var distances: DenseMatrix
    /// Members of the cluster that lives in each place; 0 where there is none any more.
    private var sizes: [Int]

    /// The edges of the tree, nearest first.
    static func edges(_ source: some DistanceSource, linkage: Linkage) -> [ClusterTree.Edge] {
        var chain = NearestNeighborChain(source, linkage)
        let edges = chain.run()
        // Merges come out in the order of the chains. Equal heights keep that order.
        return edges.enumerated().sorted {
            ($0.element.distance, $0.offset) < ($1.element.distance, $1.offset)
        }.map(\.element)
    }

    private init(_ source: some DistanceSource, _ linkage: Linkage) {
        count = source.count
        self.linkage = linkage
        distances = source.matrix
        sizes = [Int](repeating: 1, count: count)
    }

    private mutating func run() -> [ClusterTree.Edge] {
        var edges: [ClusterTree.Edge] = []
        var chain: [Int] = []
        for _ in 1..<max(count, 1) {
            if chain.isEmpty, let start = sizes.firstIndex(where: { $0 > 0 }) { chain.append(start) }
            while true {
                let tip = chain[chain.count - 1]
                let previous = chain.count > 1 ? chain[chain.count - 2] : nil
                let next = nearest(to: tip, preferring: previous)
                if next == previous { break }
                chain.append(next)
            }
            let (a, b) = (chain.removeLast(), chain.removeLast())
            edges.append(ClusterTree.Edge(one: min(a, b), other: max(a, b), distance: distances[a, b]))
            merge(min(a, b), into: max(a, b))
        }
        return edges
    }

    private func nearest(to tip: Int, preferring previous: Int?) -> Int {
        var best = previous ?? -1
        var smallest = previous.map { distances[$0, tip] } ?? .infinity
        for k in 0..<count where sizes[k] > 0 && k != tip {
            let distance = distances[k, tip]
            if distance < smallest || best < 0 { (best, smallest) = (k, distance) }
        }
        return best
    }

    /// Lets the cluster in place b stand for both.
    private mutating func merge(_ a: Int, into b: Int) {
        let (sizeA, sizeB) = (Double(sizes[a]), Double(sizes[b]))
        let between = distances[a, b]
        for k in 0..<count where sizes[k] > 0 && k != a && k != b {
            let (toA, toB) = (distances[k, a], distances[k, b])
            let updated: Double
            switch linkage {
            case .single: updated = min(toA, toB)
            case .complete: updated = max(toA, toB)
            case .average: updated = (sizeA * toA + sizeB * toB) / (sizeA + sizeB)
            case .ward:
                let sizeK = Double(sizes[k])
                let squares =
                    (sizeA + sizeK) * toA * toA + (sizeB + sizeK) * toB * toB - sizeK * between * between
                updated = max(0, squares / (sizeA + sizeB + sizeK)).squareRoot()
            }
            distances[k, b] = updated
            distances[b, k] = updated
        }
        sizes[b] += sizes[a]
        sizes[a] = 0
    }
}
