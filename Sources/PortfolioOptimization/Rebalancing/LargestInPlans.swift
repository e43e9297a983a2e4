internal import PortfolioModel

/// Limits on sums of the largest positions in plans: rows for those whom a plan holds too much of, until none does.
///
/// Each row is what the limit says of as many instruments as it counts, so that a plan that is best under some of them and
/// meets the limit is best under the limit (docs/mathematics.md, "The largest positions").
extension PlanProblem {
    /// Rounds of rows at most; there are finitely many rows, and few are ever needed.
    static let mostCutRounds = 60

    /// Whether weights meet the limits.
    func meetsLargest(at weights: [Double]) -> Bool {
        var copy = self
        return !copy.cutLargest(at: weights)
    }

    /// Adds a row for each of the limits that weights violate; false when they meet all of them.
    mutating func cutLargest(at weights: [Double]) -> Bool {
        var isCut = false
        for limit in largest {
            let chosen = limit.members.sorted { (weights[$0], $1) > (weights[$1], $0) }.prefix(limit.count)
            let total = chosen.reduce(0) { $0 + weights[$1] }
            guard total > limit.most + 2 * Self.limitSlack else { continue }
            addRow(limitingTo: limit.most, chosen)
            isCut = true
        }
        return isCut
    }

    /// Caps on single positions that keep the limits whatever the others are: more than the limits ask, and enough.
    ///
    /// - Parameter asDesired: whether the caps are in the proportions of what is aimed at; all are alike otherwise.
    mutating func capLargest(asDesired: Bool) {
        for limit in largest {
            let order = limit.members.sorted { (desired[$0], $1) > (desired[$1], $0) }
            let (share, total) = (
                limit.most / Double(limit.count), order.prefix(limit.count).reduce(0) { $0 + desired[$1] }
            )
            let caps = order.prefix(limit.count).map { index in
                guard asDesired, total > 0 else { return share }
                return total > limit.most
                    ? desired[index] * limit.most / total : desired[index] + share - total / Double(limit.count)
            }
            let least = caps.min() ?? share
            for (place, member) in order.enumerated() {
                addRow(limitingTo: place < caps.count ? caps[place] : least, [member])
            }
        }
    }
}

extension PlanSearch {
    /// Searches a problem with its limits on the largest positions; nil when no plan was found.
    ///
    /// - Returns: the problem that was solved last, with what was found.
    static func run(
        _ problem: PlanProblem,
        settings: PlanSearchSettings,
        shouldStop: () -> Bool
    ) -> (program: PlanProblem, outcome: PlanOutcome)? {
        var solves = 0
        func search(_ program: PlanProblem) -> PlanOutcome? {
            var search = PlanSearch(program, settings: settings)
            var outcome = search.run(shouldStop: shouldStop)
            solves += outcome?.solves ?? 0
            outcome?.solves = solves
            return outcome
        }
        var program = problem
        guard let free = search(program) else { return nil }
        if problem.hasFractions,
            let found = overFractions(problem, free: free, settings: settings, shouldStop: shouldStop)
        {
            return (problem, found)
        }
        guard program.cutLargest(at: program.weights(after: free.changes)) else { return (program, free) }
        var bound = free.bound
        _ = program.cutLargest(at: program.desired)
        for _ in 0..<PlanProblem.mostCutRounds {
            guard !shouldStop(), let outcome = search(program) else { break }
            bound = max(bound, outcome.bound)
            guard program.cutLargest(at: program.weights(after: outcome.changes)) else { return (program, outcome) }
        }
        // Over fractions several rows that meet in a point may leave the search without a plan.
        for asDesired in [true, false] {
            var capped = problem
            capped.capLargest(asDesired: asDesired)
            guard var outcome = search(capped) else { continue }
            // What was proven under fewer limits holds for the limits themselves.
            outcome.bound = min(outcome.bound, bound)
            return (problem, outcome)
        }
        return nil
    }
}
