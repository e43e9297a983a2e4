package import Repository

/// Something a worker did or met: one line of its log.
package enum WorkerEvent: Sendable {
    /// A job ended and its outcome was stored.
    case ended(ClaimedJob, JobTimes, status: String, failure: String?)
    /// A job was computed, but the database did not store it: it was cancelled, or another worker has it.
    case notStored(ClaimedJob)
    /// A job was dropped before it ended.
    case dropped(ClaimedJob, StopReason)
    /// A result did not pass the checker: a bug of ours, with every claim that failed.
    case checkFailed(ClaimedJob, violations: [String])
    /// A job cannot be loaded or stored, and not because the database is away: a bug of ours.
    case refused(ClaimedJob, doing: String, reason: String)
    /// The database cannot be reached; the worker tries again.
    case databaseAway(doing: String, reason: String)
    /// Jobs were given back unworked.
    case released(count: Int)

    /// How much the line matters.
    package enum Level: Sendable { case info, warning, error }

    package var level: Level {
        switch self {
        case .ended, .released: .info
        case .notStored, .dropped, .databaseAway: .warning
        case .checkFailed, .refused: .error
        }
    }

    package var message: String {
        switch self {
        case .ended: "job ended"
        case .notStored: "job not stored"
        case .dropped: "job dropped"
        case .checkFailed: "result rejected by the checker"
        case .refused: "job refused"
        case .databaseAway: "database away"
        case .released: "jobs released"
        }
    }

    /// A value of a field of the line.
    package enum Value: Equatable, Sendable {
        case text(String)
        case integer(Int)
        case number(Double)
    }

    /// The line's fields besides level and message.
    package var fields: [(name: String, value: Value)] {
        switch self {
        case .ended(let job, let times, let status, let failure):
            var fields = Self.identity(job)
            fields.append(("status", .text(status)))
            if let failure { fields.append(("failure", .text(failure))) }
            fields.append(("load_ms", .number(times.load.inMilliseconds)))
            fields.append(("solve_ms", .number(times.solve.inMilliseconds)))
            fields.append(("total_ms", .number(times.total.inMilliseconds)))
            return fields
        case .notStored(let job): return Self.identity(job)
        case .dropped(let job, let reason): return Self.identity(job) + [("reason", .text(reason.rawValue))]
        case .checkFailed(let job, let violations):
            return Self.identity(job) + [("violations", .text(violations.joined(separator: "; ")))]
        case .refused(let job, let doing, let reason):
            return Self.identity(job) + [("doing", .text(doing)), ("reason", .text(reason))]
        case .databaseAway(let doing, let reason): return [("doing", .text(doing)), ("reason", .text(reason))]
        case .released(let count): return [("count", .integer(count))]
        }
    }

    private static func identity(_ job: ClaimedJob) -> [(name: String, value: Value)] {
        [
            ("job", .text(job.id)), ("tenant", .text(job.tenant)), ("kind", .text(job.kind)),
            ("attempt", .integer(job.attempts)),
        ]
    }
}

/// Where a job's time went.
package struct JobTimes: Equatable, Sendable {
    /// Reading the request and the inputs.
    package var load: Duration
    /// Searching for the optimum.
    package var solve: Duration
    /// From the start of loading to the outcome: estimation, planning and checking included.
    package var total: Duration

    package init(load: Duration, solve: Duration, total: Duration) {
        self.load = load
        self.solve = solve
        self.total = total
    }
}
