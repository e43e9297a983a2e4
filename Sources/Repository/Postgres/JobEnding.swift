import PortfolioDocuments
import PortfolioModel

/// How a job ended, as the columns it is stored in: JSON documents.
struct JobEnding {
    let job: ClaimedJob
    let status: JobStatus
    let error: [UInt8]?
    /// The whole answer that a GET gives from now on.
    let body: [UInt8]?
    let metrics: [UInt8]?
    let currentAllocation: [UInt8]?
    let targetAllocation: [UInt8]?
    let trades: [UInt8]?

    /// A job that has no allocation to show.
    init(job: ClaimedJob, failure: OptimizationFailure, body: [UInt8]?) {
        self.init(job: job, error: DocumentEncoder.failure(failure), body: body, result: nil)
    }

    /// A job worked off; what it shares with others of the batch is written down once.
    init(_ finished: FinishedJob, completedAt: Timestamp, sharing written: inout [JobIdentity: WrittenResult]) {
        switch finished.outcome {
        case .failure(let failure):
            let body = DocumentEncoder.failedOptimization(
                id: finished.job.id,
                request: finished.request,
                createdAt: finished.createdAt,
                completedAt: completedAt,
                failure: failure
            )
            self.init(job: finished.job, failure: failure, body: body)
        case .success(let result):
            let parts =
                finished.identity.flatMap { written[$0] } ?? WrittenResult(of: finished.request, result)
            if let identity = finished.identity { written[identity] = parts }
            let body = parts.body(
                id: finished.job.id,
                createdAt: finished.createdAt,
                completedAt: completedAt
            )
            self.init(job: finished.job, error: nil, body: body, result: parts)
        }
    }

    private init(job: ClaimedJob, error: [UInt8]?, body: [UInt8]?, result: WrittenResult?) {
        self.job = job
        self.error = error
        self.body = body
        status = result == nil ? .failed : .completed
        metrics = result?.metrics
        currentAllocation = result?.currentAllocation
        targetAllocation = result?.targetAllocation
        trades = result?.trades
    }
}

/// The database's clock, read a moment ago.
struct ServerClock {
    private let reading: Timestamp
    private let readAt = ContinuousClock.now

    /// How long a reading is trusted: until then the two clocks differ by less than a millisecond.
    private static let lifetime = Duration.seconds(5)

    init(reading: Timestamp) { self.reading = reading }

    /// The database's time; nil when the reading is too old.
    var now: Timestamp? {
        let passed = ContinuousClock.now - readAt
        guard passed < Self.lifetime else { return nil }
        let microseconds = passed.components.seconds * 1_000_000 + passed.components.attoseconds / 1_000_000_000_000
        return Timestamp(microseconds: reading.microseconds + microseconds)
    }
}

/// Measures how long this worker's jobs take: the time since it last turned to new work, over the jobs it finished.
struct ServiceWatch {
    private var start: ContinuousClock.Instant = .now

    /// The worker begins with jobs just claimed.
    mutating func claimed() { start = .now }

    /// The worker finished so many jobs; returns the seconds for each.
    mutating func finished(_ count: Int) -> Double {
        let taken = (ContinuousClock.now - start) / .seconds(1)
        start = .now
        return taken / Double(max(1, count))
    }
}
