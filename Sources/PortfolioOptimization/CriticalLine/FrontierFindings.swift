internal import PortfolioModel

/// What the solves of a frontier found, taken together.
///
/// Where a measure or a limit is not convex, a solve may end with a gap, and a portfolio found for one purpose may serve
/// another better than the one found for it. Every portfolio found is one that can be had, so the best of them is taken.
struct FrontierFindings {
    /// Those found by descending expected return.
    private let found: [FrontierAllocation]
    /// Whether a portfolio had to stand in for another: then a solve had not found the best.
    private(set) var hasStandIns = false

    init(_ found: [FrontierAllocation]) {
        self.found = found.sorted { $0.expectedReturn > $1.expectedReturn }
    }

    /// The curve without points that another finding dominates.
    ///
    /// - Parameter points: one a target, by ascending return.
    /// - Returns: as many; each is its own, or of the findings with at least its return the one of least risk.
    mutating func undominated(_ points: [FrontierAllocation]) -> [FrontierAllocation] {
        var (curve, next) = (points, 0)
        var calmest: FrontierAllocation?
        for index in points.indices.reversed() {
            let point = points[index]
            while next < found.count, found[next].expectedReturn >= point.expectedReturn {
                if found[next].risk < calmest?.risk ?? .infinity { calmest = found[next] }
                next += 1
            }
            guard let calmest, isClear(calmest.risk, below: point.risk) else { continue }
            curve[index] = calmest
            hasStandIns = true
        }
        return curve
    }

    /// The largest ratio of excess return to risk among one that was searched for and all findings.
    ///
    /// - Parameters:
    ///   - searched: what the search for it gave.
    ///   - riskFree: the annual risk-free rate.
    /// - Returns: the better; without a risk that is positive or an excess return that is, what was searched for.
    mutating func largestRatio(
        _ searched: FrontierAllocation?,
        riskFree: Double
    ) -> FrontierAllocation? {
        var best = searched
        for candidate in found where candidate.risk > 0 && candidate.expectedReturn > riskFree {
            let ratio = (candidate.expectedReturn - riskFree) / candidate.risk
            if let best {
                guard best.risk > 0, isClear((best.expectedReturn - riskFree) / best.risk, below: ratio) else {
                    continue
                }
            }
            best = candidate
            hasStandIns = true
        }
        return best
    }

    /// Whether a value is below another by more than limits are met to.
    private func isClear(_ lower: Double, below upper: Double) -> Bool {
        lower < upper - AllocationLimits.tolerance * abs(upper)
    }
}
