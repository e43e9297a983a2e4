internal import PortfolioModel

/// Checks that weights are those of the tree, or that the tree's break a limit and the result says that it moved them.
///
/// The tree is built anew: from every pair's distance, the nearest two clusters merge until one is left. Where two pairs are
/// so near alike that roundings decide, several trees are right, and none is held against the result.
func checkHierarchy(
    of result: OptimizationResult,
    _ exposure: Exposure,
    _ mandate: Mandate,
    _ findings: inout Findings
) {
    // Other ways to divide along a tree are another matter.
    let division = mandate.request.parameters.clusterAllocation ?? .recursiveBisection
    guard mandate.request.type == .hierarchicalRiskParity, division == .recursiveBisection,
        let weights = Hierarchy.weights(of: mandate)
    else { return }
    let least = mandate.limits.minCash ?? 0
    let isMoved = result.warnings.contains { $0.code == "moved_into_limits" }
    guard isMoved else {
        for (index, id) in mandate.moments.instruments.enumerated() {
            let expected = weights[index] * (1 - exposure.cash)
            let slack = Hierarchy.dust + Hierarchy.rounding * expected
            findings.equal(exposure.weights[index], expected, "target_allocation/\(id), by the tree", within: slack)
        }
        // As little cash as the limits allow: with less of it one of them breaks.
        let less = exposure.cash - Hierarchy.visible
        guard less > least else { return }
        findings.require(
            breaksLimit(weights, cash: less, mandate),
            "target_allocation/cash",
            expected: "as little as the limits allow",
            actual: "\(exposure.cash), where \(less) breaks none"
        )
        return
    }
    guard !breaksLimit(weights, cash: least, mandate) else { return }
    // What is missed by less than a limit's tolerance is moved by as little.
    var moved = 0.0
    for index in weights.indices { moved = max(moved, abs(exposure.weights[index] - weights[index] * (1 - least))) }
    findings.require(
        moved <= Hierarchy.visible,
        "warnings",
        expected: "none of moved weights: the tree's meet every limit",
        actual: "weights moved by \(moved)"
    )
}

private func breaksLimit(_ weights: [Double], cash: Double, _ mandate: Mandate) -> Bool {
    var found = Findings()
    let exposure = Exposure(weights: weights.map { $0 * (1 - cash) }, cash: cash, moments: mandate.moments)
    checkConstraints(of: exposure, mandate, &found)
    return !found.violations.isEmpty
}

/// Hierarchical risk parity by its definition, on every distance.
private struct Hierarchy {
    /// Weights below this are dust; what they were is somewhere else.
    static let dust = 2e-9
    /// A weight may differ by this share of its size: it is a product of quotients.
    static let rounding = 1e-7
    /// A difference that is no rounding.
    static let visible = 1e-5
    /// More instruments are not clustered again: all pairs are looked at, and looked at again.
    static let mostInstruments = 1_000
    /// The same where a distance is that between columns of distances.
    static let mostColumns = 400

    private var distances: [[Double]]
    /// The leaves of the cluster that lives in each place, in the tree's order; empty where there is none any more.
    private var leaves: [[Int]]
    private var nearest: [Int]

    /// The weights before cash of what may be held; nil where several trees are right, or it is too large to tell.
    static func weights(of mandate: Mandate) -> [Double]? {
        let moments = mandate.moments
        let members = moments.instruments.indices.filter { mandate.universe.contains(moments.instruments[$0]) }
        let ofColumns = mandate.request.parameters.distanceOfDistance == true
        guard !members.isEmpty, members.count <= (ofColumns ? mostColumns : mostInstruments) else { return nil }
        let covariance = members.map { i in members.map { moments.covariance[i, $0] } }
        guard covariance.indices.allSatisfy({ covariance[$0][$0] > 0 }) else { return nil }
        var hierarchy = Hierarchy(covariance, ofColumns: ofColumns)
        guard let order = hierarchy.order(mandate.request.parameters.linkage ?? .single) else { return nil }
        var weights = [Double](repeating: 0, count: moments.instruments.count)
        divide(1, over: order[...], covariance, members, &weights)
        return weights
    }

    private init(_ covariance: [[Double]], ofColumns: Bool) {
        let count = covariance.count
        distances = covariance.indices.map { i in
            covariance.indices.map { j in
                let correlation = covariance[i][j] / (covariance[i][i] * covariance[j][j]).squareRoot()
                return i == j ? 0 : ((1 - max(-1, min(1, correlation))) / 2).squareRoot()
            }
        }
        leaves = (0..<count).map { [$0] }
        nearest = []
        if ofColumns { distances = Self.columnDistances(distances) }
        nearest = (0..<count).map { nearestPlace(to: $0) }
    }

    private static func columnDistances(_ inner: [[Double]]) -> [[Double]] {
        var outer = inner
        for i in inner.indices {
            for j in inner.indices {
                var square = 0.0
                for k in inner.indices { square += (inner[i][k] - inner[j][k]) * (inner[i][k] - inner[j][k]) }
                outer[i][j] = square.squareRoot()
            }
        }
        return outer
    }

    private func nearestPlace(to place: Int) -> Int {
        var best = -1
        for other in leaves.indices where other != place && !leaves[other].isEmpty {
            if best < 0 || distances[place][other] < distances[place][best] { best = other }
        }
        return best
    }

    /// The leaves from first to last; nil where another pair could have merged as well.
    private mutating func order(_ linkage: Linkage) -> [Int]? {
        for _ in leaves.indices.dropFirst() {
            var place = -1
            for other in leaves.indices where !leaves[other].isEmpty {
                if place < 0 || distances[other][nearest[other]] < distances[place][nearest[place]] { place = other }
            }
            let partner = nearest[place]
            let between = distances[place][partner]
            let rounding = 1e-14 / max(between, 1e-8) + 1e-11 * between
            for other in leaves.indices where other != place && other != partner && !leaves[other].isEmpty {
                if distances[place][other] <= between + rounding { return nil }
                if distances[partner][other] <= between + rounding { return nil }
            }
            merge(partner, into: place, linkage)
        }
        return leaves.first { !$0.isEmpty }
    }

    private mutating func merge(_ gone: Int, into place: Int, _ linkage: Linkage) {
        let (own, others) = (Double(leaves[place].count), Double(leaves[gone].count))
        let between = distances[place][gone]
        for other in leaves.indices where other != place && other != gone && !leaves[other].isEmpty {
            let (a, b) = (distances[place][other], distances[gone][other])
            let updated: Double
            switch linkage {
            case .single: updated = min(a, b)
            case .complete: updated = max(a, b)
            case .average: updated = (own * a + others * b) / (own + others)
            case .ward:
                let size = Double(leaves[other].count)
                let squares = (own + size) * a * a + (others + size) * b * b - size * between * between
                updated = max(0, squares / (own + others + size)).squareRoot()
            }
            distances[place][other] = updated
            distances[other][place] = updated
        }
        // The first leaf of a cluster is its smallest: the cluster with the smaller one stands first.
        let isFirst = leaves[place][0] < leaves[gone][0]
        leaves[place] = isFirst ? leaves[place] + leaves[gone] : leaves[gone] + leaves[place]
        leaves[gone] = []
        for other in leaves.indices where !leaves[other].isEmpty {
            let isTouched = other == place || nearest[other] == place || nearest[other] == gone
            if isTouched {
                nearest[other] = nearestPlace(to: other)
            } else if distances[other][place] < distances[other][nearest[other]] {
                nearest[other] = place
            }
        }
    }

    /// Divides a weight between two halves by the other's variance, and so on down.
    private static func divide(
        _ weight: Double,
        over order: ArraySlice<Int>,
        _ covariance: [[Double]],
        _ members: [Int],
        _ weights: inout [Double]
    ) {
        guard order.count > 1 else {
            for leaf in order { weights[members[leaf]] = weight }
            return
        }
        let (left, right) = (order.prefix(order.count / 2), order.dropFirst(order.count / 2))
        let (first, second) = (variance(left, covariance), variance(right, covariance))
        let share = first + second > 0 ? second / (first + second) : 0.5
        divide(weight * share, over: left, covariance, members, &weights)
        divide(weight * (1 - share), over: right, covariance, members, &weights)
    }

    /// The variance of the inverse-variance portfolio of some instruments.
    private static func variance(_ part: ArraySlice<Int>, _ covariance: [[Double]]) -> Double {
        var (form, sum) = (0.0, 0.0)
        for i in part {
            sum += 1 / covariance[i][i]
            var row = 0.0
            for j in part { row += covariance[i][j] / covariance[j][j] }
            form += row / covariance[i][i]
        }
        return max(0, form) / (sum * sum)
    }
}
