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

    /// A job worked off.
    init(_ finished: FinishedJob, completedAt: Timestamp) {
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
            let body = DocumentEncoder.optimizationResult(
                id: finished.job.id,
                request: finished.request,
                createdAt: finished.createdAt,
                completedAt: completedAt,
                result: result
            )
            self.init(job: finished.job, error: nil, body: body, result: result)
        }
    }

    private init(job: ClaimedJob, error: [UInt8]?, body: [UInt8]?, result: OptimizationResult?) {
        self.job = job
        self.error = error
        self.body = body
        status = result == nil ? .failed : .completed
        metrics = result.map { DocumentEncoder.metrics($0.metrics) }
        currentAllocation = result.map { DocumentEncoder.weights($0.currentAllocation) }
        targetAllocation = result.map { DocumentEncoder.weights($0.targetAllocation) }
        trades = result.map { DocumentEncoder.trades($0.trades) }
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
