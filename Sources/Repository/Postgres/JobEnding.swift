import PortfolioDocuments
import PortfolioModel

/// How a job ended, as the columns it is stored in: JSON documents.
struct JobEnding {
    let job: ClaimedJob
    let status: JobStatus
    let error: [UInt8]?
    /// The whole answer that a GET gives from now on.
    let body: [UInt8]?
    /// The parts of an optimization's result.
    let result: WrittenResult?
    /// Whether asking the same again would end the same way.
    let isForGood: Bool

    /// A job that has no result to show.
    init(job: ClaimedJob, failure: OptimizationFailure, body: [UInt8]?) {
        self.init(
            job: job,
            status: .failed,
            error: DocumentEncoder.failure(failure),
            body: body,
            result: nil,
            isForGood: failure.isOfInputsAlone
        )
    }

    /// A job worked off; what it shares with others of the batch is written down once.
    init(_ finished: FinishedJob, completedAt: Timestamp, sharing written: inout [JobIdentity: WrittenResult]) {
        switch finished.outcome {
        case .optimization(let request, let outcome):
            self.init(finished, request, outcome, completedAt: completedAt, sharing: &written)
        case .computation(let request, .success(let members)):
            let body = DocumentEncoder.completedComputation(
                id: finished.job.id,
                request: request,
                createdAt: finished.createdAt,
                completedAt: completedAt,
                members: members
            )
            self.init(job: finished.job, status: .completed, error: nil, body: body, result: nil, isForGood: true)
        case .computation(let request, .failure(let failure)):
            let body = DocumentEncoder.failedComputation(
                id: finished.job.id,
                request: request,
                createdAt: finished.createdAt,
                completedAt: completedAt,
                failure: failure
            )
            self.init(job: finished.job, failure: failure, body: body)
        }
    }

    private init(
        _ finished: FinishedJob,
        _ request: OptimizationRequest,
        _ outcome: Result<OptimizationResult, OptimizationFailure>,
        completedAt: Timestamp,
        sharing written: inout [JobIdentity: WrittenResult]
    ) {
        switch outcome {
        case .failure(let failure):
            let body = DocumentEncoder.failedOptimization(
                id: finished.job.id,
                request: request,
                createdAt: finished.createdAt,
                completedAt: completedAt,
                failure: failure
            )
            self.init(job: finished.job, failure: failure, body: body)
        case .success(let result):
            let parts = finished.identity.flatMap { written[$0] } ?? WrittenResult(of: request, result)
            if let identity = finished.identity { written[identity] = parts }
            let body = parts.body(
                id: finished.job.id,
                createdAt: finished.createdAt,
                completedAt: completedAt
            )
            self.init(job: finished.job, status: .completed, error: nil, body: body, result: parts, isForGood: true)
        }
    }

    private init(
        job: ClaimedJob,
        status: JobStatus,
        error: [UInt8]?,
        body: [UInt8]?,
        result: WrittenResult?,
        isForGood: Bool
    ) {
        self.job = job
        self.status = status
        self.error = error
        self.body = body
        self.result = result
        self.isForGood = isForGood
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
