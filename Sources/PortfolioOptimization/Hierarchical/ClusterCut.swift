internal import Matrices

extension ClusterTree {
    /// The clusters left when all but the last count − 1 merges are made, as numbers in the tree, ascending.
    func roots(clusterCount: Int) -> [Int] {
        let made = leafCount - clusterCount
        var isChild = [Bool](repeating: false, count: leafCount + made)
        for merge in merges.prefix(made) {
            isChild[merge.first] = true
            isChild[merge.second] = true
        }
        return isChild.indices.filter { !isChild[$0] }
    }

    /// The members of clusters given by their numbers in the tree, each ascending.
    func members(of roots: [Int]) -> [[Int]] {
        roots.map { root in
            var found: [Int] = []
            var pending = [root]
            while let cluster = pending.popLast() {
                if cluster < leafCount {
                    found.append(cluster)
                } else {
                    pending += [merges[cluster - leafCount].first, merges[cluster - leafCount].second]
                }
            }
            return found.sorted()
        }
    }

    /// The number of clusters, from 2 to √n, whose mean silhouette is largest; of equal ones the smaller.
    ///
    /// The silhouette of a member is (b − a)/max(a, b), a its mean distance to its own cluster and b to the nearest other
    /// one, 0 where it is alone. The cuts of a tree are nested: sums of distances are added up once, for the most clusters,
    /// and merged from there.
    ///
    /// - Complexity: O(n²).
    /// - SeeAlso: Rousseeuw, J. Computational and Applied Mathematics 20 (1987), 53–65.
    func silhouetteCount(_ source: some DistanceSource) -> Int {
        let most = max(2, Int(Double(leafCount).squareRoot()))
        guard leafCount > 2, most < leafCount else { return min(2, leafCount) }
        var silhouettes = Silhouettes(source, roots(clusterCount: most), members(of: roots(clusterCount: most)))
        var best = (count: most, value: silhouettes.mean)
        for count in (2..<most).reversed() {
            let made = leafCount - count
            silhouettes.merge(merges[made - 1], into: leafCount + made - 1)
            let value = silhouettes.mean
            if value >= best.value { best = (count, value) }
        }
        return best.count
    }
}

/// Sums of distances from each instrument to each cluster.
private struct Silhouettes {
    private let count: Int
    /// Of each place of a cluster: its number in the tree, nil where it has been merged.
    private var roots: [Int?]
    private var sizes: [Double]
    /// The place of each instrument's cluster.
    private var places: [Int]
    /// Of each place, n sums.
    private var sums: [[Double]]

    init(_ source: some DistanceSource, _ roots: [Int], _ members: [[Int]]) {
        count = source.count
        self.roots = roots
        sizes = members.map { Double($0.count) }
        places = [Int](repeating: 0, count: count)
        for (place, cluster) in members.enumerated() {
            for i in cluster { places[i] = place }
        }
        sums = roots.map { _ in [] }
        for place in roots.indices { sums[place] = [Double](repeating: 0, count: source.count) }
        var keys = [Double](repeating: 0, count: count)
        for j in 0..<count {
            keys.withUnsafeMutableBufferPointer { source.writeKeys(of: j, into: $0) }
            let place = places[j]
            for i in 0..<count where i != j { sums[place][i] += source.distance(ofKey: keys[i]) }
        }
    }

    mutating func merge(_ merge: ClusterTree.Merge, into root: Int) {
        guard let one = roots.firstIndex(of: merge.first), let other = roots.firstIndex(of: merge.second) else {
            return
        }
        roots[one] = root
        roots[other] = nil
        sizes[one] += sizes[other]
        for i in 0..<count {
            sums[one][i] += sums[other][i]
            if places[i] == other { places[i] = one }
        }
    }

    var mean: Double {
        var total = 0.0
        for i in 0..<count where sizes[places[i]] > 1 {
            let own = sums[places[i]][i] / (sizes[places[i]] - 1)
            var nearest = Double.infinity
            for place in roots.indices where roots[place] != nil && place != places[i] {
                nearest = min(nearest, sums[place][i] / sizes[place])
            }
            let larger = max(own, nearest)
            if larger > 0 { total += (nearest - own) / larger }
        }
        return total / Double(count)
    }
}
