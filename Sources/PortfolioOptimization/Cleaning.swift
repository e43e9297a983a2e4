internal import PortfolioModel

/// An allocation whose active bounds are met exactly and whose weights sum to 1.
struct CleanedAllocation: Sendable {
    /// The decision variables.
    var point: [Double]
}

extension MeanVarianceMethod {
    /// Distance within which a weight is taken to be at its bound.
    private static let atBound = 1e-10
    /// Distance within which a weight whose trades have a fixed cost is taken not to be traded.
    private static let atRest = 1e-8

    /// Rids an optimum of the roundings of its solve: exact zeros, exact caps, no trade where none pays, a sum of 1.
    ///
    /// - Parameters:
    ///   - optimum: the solver's point.
    ///   - scale: κ of a homogenised program, else 1.
    /// - Returns: weights at their bounds exactly where they are there to rounding, with a sum of 1.
    /// - Throws: ``OptimizationFailure`` with the code `numerical_difficulty` for a weight that is not a number.
    func clean(
        _ optimum: ProgramOptimum,
        scale: Double
    ) throws(OptimizationFailure) -> CleanedAllocation {
        try clean(optimum.primal[...(limits.layout.cash)].map { $0 / scale })
    }

    /// Rids weights, with cash last, of the roundings of their solve; what follows them is made anew.
    ///
    /// - Throws: ``OptimizationFailure`` with the code `numerical_difficulty` for a weight that is not a number.
    func clean(_ decision: [Double]) throws(OptimizationFailure) -> CleanedAllocation {
        let count = limits.layout.cash + 1
        var weights = Array(decision.prefix(count))
        guard weights.allSatisfy(\.isFinite) else { throw numericalDifficulty("a weight is not a number") }
        var isFixed = [Bool](repeating: false, count: count)
        for index in weights.indices {
            guard let bound = nearestBound(index, weight: weights[index]) else { continue }
            // A weight that small is nobody's wish, whether or not it is a bound or held.
            weights[index] = abs(bound) < TidyWeights.dust ? 0 : bound
            isFixed[index] = true
        }
        let bounds = limits.expressions.prefix(count).map { expression -> (lower: Double, upper: Double) in
            (expression.lower?.bound ?? 0, expression.upper?.bound ?? 1)
        }
        balanceBudget(&weights, isFixed: isFixed, bounds: bounds)
        let cash = weights.removeLast()
        return CleanedAllocation(point: limits.point(weights: weights, cash: cash))
    }

    /// The bound, the threshold or the current weight that a weight is at, if any.
    private func nearestBound(_ index: Int, weight: Double) -> Double? {
        let expression = limits.expressions[index]
        var marks: [Double] = []
        if let lower = expression.lower { marks.append(lower.bound) }
        if let upper = expression.upper { marks.append(upper.bound) }
        if let threshold = limits.threshold, limits.thresholdInstruments.contains(index) {
            marks += [threshold.bound, -threshold.bound]
        }
        if limits.layout.soldColumns[index] != nil { marks.append(limits.currentWeights[index]) }
        // A trade smaller than the roundings of a search is none, and costs nothing.
        if limits.layout.isFixed(index), abs(weight - limits.currentWeights[index]) <= Self.atRest {
            return limits.currentWeights[index]
        }
        if let lower = expression.lower?.bound, weight < lower { return lower }
        if let mark = marks.first(where: { abs($0 - weight) <= Self.atBound }) { return mark }
        return abs(weight) < TidyWeights.dust ? 0 : nil
    }
}

/// Gives what weights miss of 1 to the free one with the most room, or where that has not enough to all of them.
///
/// Where they have not enough together, as in a vertex of which hardly a weight is free, those that only rest where they
/// were have a part in it: of many that do, the roundings add up.
///
/// - Parameters:
///   - weights: what is to sum to 1, but for roundings.
///   - isFixed: which of them were put at a bound or at what is held.
///   - bounds: what each weight lies between.
package func balanceBudget(_ weights: inout [Double], isFixed: [Bool], bounds: [(lower: Double, upper: Double)]) {
    var free = weights.indices.filter { !isFixed[$0] }
    for _ in 0..<4 {
        let missing = 1 - exactSum(weights)
        if missing == 0 { return }
        let rooms = weights.indices.map { min(bounds[$0].upper - weights[$0], weights[$0] - bounds[$0].lower) }
        if let chosen = free.max(by: { rooms[$0] < rooms[$1] }), rooms[chosen] >= abs(missing) {
            weights[chosen] += missing
            continue
        }
        let total = exactSum(free.map { max(0, rooms[$0]) })
        guard total >= abs(missing) else {
            guard free.count < weights.count else { return }
            free = Array(weights.indices)
            continue
        }
        for index in free { weights[index] += missing * max(0, rooms[index]) / total }
    }
}
