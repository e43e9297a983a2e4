/// How fast submissions are taken in, beside bare inserts.
struct SubmissionRate: Scenario {
    let name = "submit-rate"
    let summary = "POST alone at 32 connections, workers stopped, beside pgbench storing the same rows"

    func measure(_ site: Site) throws -> [Figure] {
        let bench = QueueBench(port: site.port, runDirectory: site.runDirectory)
        return try measureSubmitRate(bench, rounds: site.isQuick ? 1 : 5).figures(goal: .atLeast(2_500))
    }
}

/// How fast tiny jobs are worked off, beside bare inserts of their results.
struct DrainRate: Scenario {
    let name = "queue-drain"
    let summary = "10,000 jobs of five names drained by two workers: all different, and all alike"

    func measure(_ site: Site) throws -> [Figure] {
        let bench = QueueBench(port: site.port, runDirectory: site.runDirectory)
        return try [true, false].flatMap { distinct in
            try measureQueueDrain(bench, distinct: distinct, rounds: site.isQuick ? 1 : 3)
                .figures(goal: .atLeast(3_000))
        }
    }
}

extension QueueFigure {
    /// The rate, the limit measured beside it, and their ratio.
    fileprivate func figures(goal: Figure.Goal) -> [Figure] {
        [
            Figure(name: name, value: rate, unit: "/s", goal: goal),
            Figure(name: "the limit beside it", value: limit, unit: "/s"),
            Figure(name: "ratio", value: ratio, unit: ""),
        ]
    }
}
