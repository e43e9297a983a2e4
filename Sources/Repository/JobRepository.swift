package import PortfolioModel

/// The job table as a worker sees it: claim, renew, load, finish.
///
/// A claim is a lease with a fencing token. The token only grows: a worker whose lease was lost holds an old one, and
/// its renewals and finishes change nothing. Work is done at least once, its result is stored exactly once.
package protocol JobRepository: AnyObject {
    /// Claims up to `limit` of the oldest jobs nobody holds; safe from any number of workers at once.
    ///
    /// A job whose lease ran out is claimable again. One whose attempts are used up is failed with `worker_lost`.
    func claimJobs(limit: Int, leaseSeconds: Double) throws -> [ClaimedJob]

    /// Extends the leases that are still held, and tells which jobs to stop: cancelled or lost.
    func renew(_ jobs: [ClaimedJob], leaseSeconds: Double) throws -> [String]

    /// The request and the inputs of a job, at its pinned versions.
    func load(_ job: ClaimedJob) throws -> OptimizationJob

    /// Stores the outcomes, their read models and their events in one durable transaction, then notifies.
    ///
    /// Returns the ids that were stored; a job that was cancelled meanwhile, or whose lease another worker took, is
    /// left out and nothing of it is stored.
    func finish(_ finished: [FinishedJob]) throws -> [String]

    /// Gives a job back at once, for another attempt: the worker is leaving.
    func release(_ jobs: [ClaimedJob]) throws

    /// Waits until a job may be there, at most so long; true when notified.
    func waitForJobs(seconds: Double) -> Bool
}

/// A lease on a job.
package struct ClaimedJob: Equatable, Hashable, Sendable {
    /// The job; for an optimization the optimization's id.
    package var id: String
    /// Whose it is.
    package var tenant: String
    /// The kind of computing: `optimization`.
    package var kind: String
    /// How often it was claimed, this time included.
    package var attempts: Int
    /// The fencing token.
    package var leaseToken: Int64

    package init(id: String, tenant: String, kind: String, attempts: Int, leaseToken: Int64) {
        self.id = id
        self.tenant = tenant
        self.kind = kind
        self.attempts = attempts
        self.leaseToken = leaseToken
    }
}

/// Everything needed to work a job off.
package struct OptimizationJob: Sendable {
    /// The request.
    package var request: OptimizationRequest
    /// When it was accepted.
    package var createdAt: Timestamp
    /// The inputs at the pinned versions.
    package var snapshot: MandateSnapshot

    package init(request: OptimizationRequest, createdAt: Timestamp, snapshot: MandateSnapshot) {
        self.request = request
        self.createdAt = createdAt
        self.snapshot = snapshot
    }
}

/// A job worked off.
package struct FinishedJob: Sendable {
    /// The lease it was worked under.
    package var job: ClaimedJob
    /// The request, for the read model.
    package var request: OptimizationRequest
    /// When it was accepted.
    package var createdAt: Timestamp
    /// What came of it.
    package var outcome: Result<OptimizationResult, OptimizationFailure>

    package init(
        job: ClaimedJob,
        request: OptimizationRequest,
        createdAt: Timestamp,
        outcome: Result<OptimizationResult, OptimizationFailure>
    ) {
        self.job = job
        self.request = request
        self.createdAt = createdAt
        self.outcome = outcome
    }
}
