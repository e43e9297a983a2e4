internal import PortfolioModel

/// Limits on sums of the largest positions in plans: rows for those whom a plan holds too much of, until none does.
///
/// Each row is what the limit says of as many instruments as it counts, so that a plan that is best under some of them and
/// meets the limit is best under the limit (docs/mathematics.md, "The largest positions").
extension PlanProblem {
    /// Rounds of rows at most; there are finitely many rows, and few are ever needed.
    static let mostCutRounds = 60

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

    /// Holds each position to an equal part of what the largest may come to: more than the limits ask, and enough.
    mutating func spreadLargest() {
        for limit in largest {
            for member in limit.members { addRow(limitingTo: limit.most / Double(limit.count), [member]) }
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
        var program = problem
        if !program.largest.isEmpty { _ = program.cutLargest(at: program.desired) }
        var solves = 0
        var bound = -Double.infinity
        for _ in 0..<PlanProblem.mostCutRounds {
            var search = PlanSearch(program, settings: settings)
            guard var outcome = search.run(shouldStop: shouldStop) else { return nil }
            solves += outcome.solves
            outcome.solves = solves
            bound = max(bound, outcome.bound)
            guard program.cutLargest(at: program.weights(after: outcome.changes)) else { return (program, outcome) }
            if shouldStop() { break }
        }
        let given = program
        program.spreadLargest()
        var search = PlanSearch(program, settings: settings)
        guard var outcome = search.run(shouldStop: shouldStop) else { return nil }
        // What was proven under fewer rows holds for the limit itself.
        outcome.bound = min(outcome.bound, bound)
        outcome.solves += solves
        return (given, outcome)
    }
}
