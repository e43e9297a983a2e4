package import PortfolioModel

/// The job table as a worker sees it: claim, renew, load, finish.
///
/// A claim is a lease with a fencing token. The token only grows: a worker whose lease was lost holds an old one, and
/// its renewals and finishes change nothing. Work is done at least once, its result is stored exactly once.
package protocol JobRepository: AnyObject {
    /// Claims up to `limit` of the jobs nobody holds; safe from any number of workers at once.
    ///
    /// The most urgent class comes first, within a class tenants take turns, and of one tenant's jobs the oldest come
    /// first. A job whose lease ran out is claimable again. One whose attempts are used up is failed with `worker_lost`.
    func claimJobs(limit: Int, leaseSeconds: Double) throws -> [ClaimedJob]

    /// Extends the leases that are still held, and tells which jobs to stop: cancelled or lost.
    func renew(_ jobs: [ClaimedJob], leaseSeconds: Double) throws -> [String]

    /// The requests and the inputs of jobs, at their pinned versions.
    ///
    /// Returns at least the first job, in the order given; those that would take too much memory at once are left for
    /// another call.
    func load(_ jobs: [ClaimedJob]) throws -> [LoadedJob]

    /// Stores the outcomes, their read models and their events in one durable transaction, then notifies.
    ///
    /// Returns the ids that were stored; a job that was cancelled meanwhile, or whose lease another worker took, is
    /// left out and nothing of it is stored.
    func finish(_ finished: [FinishedJob]) throws -> [String]

    /// Ends a job that cannot be worked on as failed; false when it was not held any more.
    func fail(_ job: ClaimedJob, _ failure: OptimizationFailure) throws -> Bool

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
    /// The kind of computing: ``optimizationKind`` or a ``ComputationKind``'s name.
    package var kind: String
    /// How often it was claimed, this time included.
    package var attempts: Int
    /// The fencing token.
    package var leaseToken: Int64

    /// The kind of jobs that are optimizations.
    package static let optimizationKind = "optimization"

    package init(id: String, tenant: String, kind: String, attempts: Int, leaseToken: Int64) {
        self.id = id
        self.tenant = tenant
        self.kind = kind
        self.attempts = attempts
        self.leaseToken = leaseToken
    }
}

/// What a job was computed from, among all jobs: equal identities have equal results.
///
/// Snapshots never change, so that versions stand for their contents.
package struct JobIdentity: Hashable, Sendable {
    /// The kind of computation; nil for an optimization.
    package var kind: ComputationKind?
    /// The inputs at their versions.
    package var snapshot: SnapshotIdentity
    /// The request as it is stored: canonical, so that equal requests have equal bytes.
    package var document: [UInt8]

    package init(kind: ComputationKind? = nil, snapshot: SnapshotIdentity, document: [UInt8]) {
        self.kind = kind
        self.snapshot = snapshot
        self.document = document
    }
}

/// The inputs of a job by name and version.
package struct SnapshotIdentity: Hashable, Sendable {
    package var tenant: String
    package var portfolioID: String
    package var portfolioVersion: Int
    package var riskModelID: String
    package var riskModelVersion: Int
    package var instrumentsVersion: Int

    package init(tenant: String, portfolioID: String, versions: SnapshotVersions) {
        self.tenant = tenant
        self.portfolioID = portfolioID
        portfolioVersion = versions.portfolio
        riskModelID = versions.riskModelID
        riskModelVersion = versions.riskModel
        instrumentsVersion = versions.instruments
    }
}

/// A job with what it is computed from, or why that cannot be had.
package struct LoadedJob: Sendable {
    /// The lease.
    package var job: ClaimedJob
    /// The request and its inputs; a fault is for ever, since what is stored does not change.
    package var content: Result<JobContent, LoadFault>

    package init(job: ClaimedJob, content: Result<JobContent, LoadFault>) {
        self.job = job
        self.content = content
    }
}

/// Why a job can never be worked on.
package enum LoadFault: Error, Equatable, Sendable {
    /// The portfolio's risk model is not there.
    case riskModelMissing(id: String)
    /// A stored value cannot be read back: a bug of ours; the text is for the log.
    case unreadable(what: String)

    /// The same for the caller.
    package var failure: OptimizationFailure {
        switch self {
        case .riskModelMissing(let id):
            OptimizationFailure(
                code: "risk_model_missing",
                message: "The portfolio's risk model '\(id)' was not there when this was asked for."
            )
        case .unreadable:
            OptimizationFailure(
                code: "inputs_unreadable",
                message: "What was stored for this request cannot be read back. The fault is on this side."
            )
        }
    }
}

/// Everything needed to work a job off, by kind.
package enum JobContent: Sendable {
    /// An optimization.
    case optimization(OptimizationJob)
    /// A computation that somebody waits for.
    case computation(ComputationJob)

    /// What tells it from jobs with another result; nil where nobody knows.
    package var identity: JobIdentity? {
        switch self {
        case .optimization(let job): job.identity
        case .computation(let job): job.identity
        }
    }

    /// When it was accepted.
    package var createdAt: Timestamp {
        switch self {
        case .optimization(let job): job.createdAt
        case .computation(let job): job.createdAt
        }
    }
}

/// Everything needed to work an optimization off.
package struct OptimizationJob: Sendable {
    /// The request.
    package var request: OptimizationRequest
    /// When it was accepted.
    package var createdAt: Timestamp
    /// The inputs at the pinned versions.
    package var snapshot: MandateSnapshot
    /// What tells it from jobs with another result; nil where nobody knows.
    package var identity: JobIdentity?

    package init(
        request: OptimizationRequest,
        createdAt: Timestamp,
        snapshot: MandateSnapshot,
        identity: JobIdentity? = nil
    ) {
        self.request = request
        self.createdAt = createdAt
        self.snapshot = snapshot
        self.identity = identity
    }
}

/// Everything needed to work a computation off; its request is read by whoever computes it.
package struct ComputationJob: Sendable {
    /// What is asked for, as it is stored.
    package var request: ComputationRequest
    /// When it was accepted.
    package var createdAt: Timestamp
    /// The inputs at the pinned versions.
    package var snapshot: MandateSnapshot
    /// What tells it from jobs with another result; nil where nobody knows.
    package var identity: JobIdentity?

    package init(
        request: ComputationRequest,
        createdAt: Timestamp,
        snapshot: MandateSnapshot,
        identity: JobIdentity? = nil
    ) {
        self.request = request
        self.createdAt = createdAt
        self.snapshot = snapshot
        self.identity = identity
    }
}

/// A job worked off.
package struct FinishedJob: Sendable {
    /// The lease it was worked under.
    package var job: ClaimedJob
    /// When it was accepted.
    package var createdAt: Timestamp
    /// What came of it.
    package var outcome: JobOutcome
    /// Jobs with the same one share their outcome, so that it is written down once; nil shares with none.
    package var identity: JobIdentity?

    package init(job: ClaimedJob, createdAt: Timestamp, outcome: JobOutcome, identity: JobIdentity? = nil) {
        self.job = job
        self.createdAt = createdAt
        self.outcome = outcome
        self.identity = identity
    }

    /// An optimization worked off.
    package init(
        job: ClaimedJob,
        request: OptimizationRequest,
        createdAt: Timestamp,
        outcome: Result<OptimizationResult, OptimizationFailure>,
        identity: JobIdentity? = nil
    ) {
        self.init(job: job, createdAt: createdAt, outcome: .optimization(request, outcome), identity: identity)
    }
}

/// What came of a job, by kind, with the request it answers.
package enum JobOutcome: Sendable {
    /// An optimization's result.
    case optimization(OptimizationRequest, Result<OptimizationResult, OptimizationFailure>)
    /// A computation's answer: a JSON object with the members that follow the identifiers and the moments.
    case computation(ComputationRequest, Result<[UInt8], OptimizationFailure>)

    /// Why there is no result; nil when there is one.
    package var failure: OptimizationFailure? {
        switch self {
        case .optimization(_, .failure(let failure)), .computation(_, .failure(let failure)): failure
        case .optimization(_, .success), .computation(_, .success): nil
        }
    }
}
