/// Which of two merged clusters stands first in the order of the leaves.
public enum ChildOrder: Equatable, Sendable {
    /// The one with the smaller first index.
    case smallestIndexFirst
    /// The one formed earlier, instruments before clusters: the order of SciPy's dendrograms.
    case earliestFirst
}

/// A binary tree of clusters, from n leaves to one root.
///
/// Clusters are numbered: 0 up to n − 1 are the leaves, n + k is what merge k made.
public struct ClusterTree: Equatable, Sendable {
    /// Two clusters that became one.
    public struct Merge: Equatable, Sendable {
        /// The cluster that stands first.
        public let first: Int
        /// The cluster that stands second.
        public let second: Int
        /// How far they were apart.
        public let distance: Double
    }

    /// n.
    public let leafCount: Int
    /// The n − 1 merges, nearest first.
    public let merges: [Merge]

    /// An edge between a member of one cluster and a member of another, which merges the two.
    struct Edge {
        var one: Int
        var other: Int
        var distance: Double
    }

    /// Makes the tree from the edges that merge, in the order in which they do.
    init(leafCount: Int, edges: [Edge], order: ChildOrder) {
        self.leafCount = leafCount
        var merges: [Merge] = []
        merges.reserveCapacity(edges.count)
        var parent = Array(0..<(2 * leafCount))
        var smallest = parent
        for edge in edges {
            let one = Self.root(edge.one, &parent)
            let other = Self.root(edge.other, &parent)
            let oneIsFirst =
                switch order {
                case .smallestIndexFirst: smallest[one] < smallest[other]
                case .earliestFirst: one < other
                }
            let number = leafCount + merges.count
            merges.append(
                Merge(first: oneIsFirst ? one : other, second: oneIsFirst ? other : one, distance: edge.distance)
            )
            parent[one] = number
            parent[other] = number
            smallest[number] = min(smallest[one], smallest[other])
        }
        self.merges = merges
    }

    /// The cluster a leaf belongs to; halves the path on the way.
    private static func root(_ leaf: Int, _ parent: inout [Int]) -> Int {
        var cluster = leaf
        while parent[cluster] != cluster {
            parent[cluster] = parent[parent[cluster]]
            cluster = parent[cluster]
        }
        return cluster
    }

    /// The leaves as the tree has them from first to last: neighbours are alike (quasi-diagonal order).
    public var leafOrder: [Int] {
        guard leafCount > 0 else { return [] }
        var order: [Int] = []
        order.reserveCapacity(leafCount)
        // A stack, because a tree of single linkage can be as deep as it has leaves.
        var pending = [leafCount + merges.count - 1]
        while let cluster = pending.popLast() {
            if cluster < leafCount {
                order.append(cluster)
            } else {
                pending.append(merges[cluster - leafCount].second)
                pending.append(merges[cluster - leafCount].first)
            }
        }
        return order
    }
}
