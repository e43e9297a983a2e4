package import PortfolioModel

/// How urgent a job is: the more urgent class is worked off first, and within a class tenants take turns.
package enum JobPriority: Int, Sendable {
    /// Somebody waits for the answer: frontiers, rebalance plans, factor analyses.
    case interactive = 10
    /// An optimization as most are.
    case usual = 100
    /// Long or large: several periods, a universe beyond ``largestUsualUniverse``, a time limit beyond
    /// ``longestUsualSeconds``.
    case batch = 200

    /// Instruments in the universe of an optimization that is not a batch.
    package static let largestUsualUniverse = 1000
    /// Seconds of a time limit that makes no batch: the limit of a request that names none.
    package static let longestUsualSeconds = 60.0

    /// The priority of an optimization by what its request says; a large universe is seen when it is stored.
    package init(of request: OptimizationRequest) {
        let isLong = (request.preferences.timeLimitSeconds ?? 0) > Self.longestUsualSeconds
        self = isLong ? .batch : .usual
    }
}
