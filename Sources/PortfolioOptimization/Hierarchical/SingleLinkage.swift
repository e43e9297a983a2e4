/// Single linkage as a minimum spanning tree, by Prim's algorithm: n columns of distances, each read once.
///
/// Of equal distances the pair with the smaller indices counts as nearer, which makes the tree unique.
/// - SeeAlso: Gower & Ross, Applied Statistics 18 (1969), 54–64.
enum SingleLinkage {
    /// The edges of the tree, nearest first.
    static func edges(_ source: some DistanceSource) -> [ClusterTree.Edge] {
        let n = source.count
        guard n > 1 else { return [] }
        var search = Search(n)
        var edges: [ClusterTree.Edge] = []
        edges.reserveCapacity(n - 1)
        var keys = [Double](repeating: 0, count: n)
        var newest = 0
        for _ in 1..<n {
            keys.withUnsafeMutableBufferPointer { source.writeKeys(of: newest, into: $0) }
            edges.append(search.attachNearest(to: newest, keys))
            newest = edges[edges.count - 1].other
        }
        edges.sort { isNearer($0.distance, $0.one, $0.other, than: $1.distance, $1.one, $1.other) }
        for k in edges.indices { edges[k].distance = source.distance(ofKey: edges[k].distance) }
        return edges
    }

    /// The instruments outside the tree, each with its nearest one inside.
    private struct Search {
        private var outside: [Int]
        private var nearest: [Int]
        private var key: [Double]

        init(_ n: Int) {
            outside = Array(1..<n)
            nearest = [Int](repeating: 0, count: n - 1)
            key = [Double](repeating: .infinity, count: n - 1)
        }

        /// Takes the instrument that joined last into account, and takes the next one out.
        mutating func attachNearest(to newest: Int, _ keys: [Double]) -> ClusterTree.Edge {
            var best = 0
            for k in outside.indices {
                let instrument = outside[k]
                let candidate = keys[instrument]
                if candidate <= key[k], isNearer(candidate, newest, instrument, than: key[k], nearest[k], instrument) {
                    key[k] = candidate
                    nearest[k] = newest
                }
                if key[k] <= key[best],
                    isNearer(key[k], nearest[k], instrument, than: key[best], nearest[best], outside[best])
                {
                    best = k
                }
            }
            let edge = ClusterTree.Edge(one: nearest[best], other: outside[best], distance: key[best])
            let last = outside.count - 1
            outside[best] = outside[last]
            nearest[best] = nearest[last]
            key[best] = key[last]
            outside.removeLast()
            nearest.removeLast()
            key.removeLast()
            return edge
        }
    }

    /// Whether a pair comes before another: by distance, then by its smaller, then by its larger index.
    @inline(__always)
    static func isNearer(_ a: Double, _ i: Int, _ j: Int, than b: Double, _ k: Int, _ l: Int) -> Bool {
        if a != b { return a < b }
        return (min(i, j), max(i, j)) < (min(k, l), max(k, l))
    }
}
