import Glibc
import PortfolioDocuments
import PortfolioModel

/// The job table in PostgreSQL.
///
/// A job's row leaves the table when the job ends. Claims, renewals and releases do not wait for the disk: one that a
/// crash of the server forgets leaves the row as it was, and its lease runs out. A finish waits for the disk, once for
/// the whole batch.
///
/// Deadlock is ruled out by order: rows of `jobs.jobs` before rows of the request tables, and several of them by id;
/// claims pass over locked rows.
final class PostgresJobRepository: JobRepository {
    let session: PostgresSession
    var inputs: RecentInputs
    private var watch = ServiceWatch()
    private var serverClock: ServerClock?
    /// The tenant whose turn came last: the next claim begins after it.
    private var lastTenant = ""

    init(session: PostgresSession, inputCacheBytes: Int) {
        self.session = session
        inputs = RecentInputs(capacity: inputCacheBytes)
    }

    /// Claims of a job before it is given up.
    static let maximumAttempts = 3

    // MARK: claim

    func claimJobs(limit: Int, leaseSeconds: Double) throws -> [ClaimedJob] {
        // A worker that is never idle would heap them up. Those that come after the claim are kept.
        session.discardNotifications(of: Channel.jobs)
        let results = try session.run(
            [
                Self.withoutWaitingForDisk(),
                Self.claimJobs(
                    .bigint(limit),
                    .double(leaseSeconds),
                    .bigint(Self.maximumAttempts),
                    .text(lastTenant)
                ),
            ],
            repetition: .harmful
        )
        var claimed: [ClaimedJob] = []
        var lost: [ClaimedJob] = []
        for index in 0..<results[1].count {
            var row = results[1].row(index)
            let job = ClaimedJob(
                id: try row.text(),
                tenant: try row.text(),
                kind: try row.text(),
                attempts: try row.int(),
                leaseToken: try row.bigint()
            )
            serverClock = ServerClock(reading: try row.timestamp())
            if job.attempts > Self.maximumAttempts { lost.append(job) } else { claimed.append(job) }
        }
        lastTenant = claimed.map(\.tenant).max { isBefore($0, $1) } ?? lastTenant
        // Jobs claimed must reach the worker whatever becomes of those given up: a later claim finds them again.
        for job in lost { _ = try? fail(job, Self.workerLost) }
        watch.claimed()
        return claimed
    }

    /// Whether a tenant's turn comes before another's, counted from the one after the last.
    private func isBefore(_ tenant: String, _ other: String) -> Bool {
        let (isWrapped, isOtherWrapped) = (tenant <= lastTenant, other <= lastTenant)
        return isWrapped == isOtherWrapped ? tenant < other : isOtherWrapped
    }

    /// See change `queue` of the migrations for whose turn it is.
    private static let claimJobs = Statement(
        "jobs.claimJobs",
        """
        WITH claimed AS MATERIALIZED (
            SELECT * FROM jobs.claim($1, $2, $3, $4)
        ), shown AS (
            UPDATE commands.optimization_requests AS request
            SET status = 'processing',
                updated_at = clock_timestamp()
            -- By key: the queue sorts ids by their bytes, which the requests' index does not know.
            WHERE request.id = ANY (ARRAY(SELECT job_id COLLATE "default" FROM claimed))
              AND request.status IS NOT DISTINCT FROM 'pending'  -- not by the index of all that is pending
        )\(ComputationStatements.shown(as: "processing", insteadOf: "pending", in: "claimed"))
        SELECT job_id, tenant_id, kind, attempts::bigint, lease_token, clock_timestamp()
        FROM claimed
        ORDER BY priority, created_at, job_id
        """
    )

    private static let withoutWaitingForDisk = Statement(
        "jobs.withoutWaitingForDisk",
        "SELECT set_config('synchronous_commit', 'off', true)"
    )

    private static let workerLost = OptimizationFailure(
        code: "worker_lost",
        message: "The computation was started \(maximumAttempts) times and never came to its end."
    )

    // MARK: renew, release

    /// Also extends a lease that ran out, as long as nobody else has claimed the job.
    func renew(_ jobs: [ClaimedJob], leaseSeconds: Double) throws -> [String] {
        guard !jobs.isEmpty else { return [] }
        let results = try session.run(
            [
                Self.withoutWaitingForDisk(),
                Self.renew(
                    .textArray(jobs.map(\.id)),
                    .bigintArray(jobs.map(\.leaseToken)),
                    .double(leaseSeconds)
                ),
            ],
            repetition: .harmless
        )
        return try results[1].map { try $0.text() }
    }

    private static let renew = Statement(
        "jobs.renew",
        """
        WITH held AS (
            SELECT job.job_id
            FROM jobs.jobs AS job
            JOIN unnest($1, $2) AS mine (job_id, lease_token) ON mine.job_id = job.job_id
            WHERE job.state = 'processing'
              AND job.lease_token = mine.lease_token
            ORDER BY job.job_id
            FOR UPDATE OF job
        ), renewed AS (
            UPDATE jobs.jobs AS job
            SET leased_until = clock_timestamp() + make_interval(secs => $3)
            FROM held
            WHERE job.job_id = held.job_id
            RETURNING job.job_id
        )
        SELECT mine.job_id
        FROM unnest($1) AS mine (job_id)
        WHERE NOT EXISTS (SELECT FROM renewed WHERE renewed.job_id = mine.job_id)
        """
    )

    /// The attempt does not count: the worker left in good order.
    func release(_ jobs: [ClaimedJob]) throws {
        guard !jobs.isEmpty else { return }
        _ = try session.run(
            [
                Self.withoutWaitingForDisk(),
                Self.release(.textArray(jobs.map(\.id)), .bigintArray(jobs.map(\.leaseToken))),
            ],
            repetition: .harmless,
            afterwards: [Self.notifyWorkers()]
        )
    }

    private static let release = Statement(
        "jobs.release",
        """
        WITH held AS (
            SELECT job.job_id
            FROM jobs.jobs AS job
            JOIN unnest($1, $2) AS mine (job_id, lease_token) ON mine.job_id = job.job_id
            WHERE job.state = 'processing'
              AND job.lease_token = mine.lease_token
            ORDER BY job.job_id
            FOR UPDATE OF job
        ), released AS (
            UPDATE jobs.jobs AS job
            SET state = 'pending',
                leased_until = NULL,
                attempts = greatest(attempts - 1, 0)
            FROM held
            WHERE job.job_id = held.job_id
            RETURNING job.job_id, job.kind
        )\(ComputationStatements.shown(as: "pending", insteadOf: "processing", in: "released"))
        UPDATE commands.optimization_requests AS request
        SET status = 'pending',
            updated_at = clock_timestamp()
        WHERE request.id = ANY (ARRAY(SELECT job_id COLLATE "default" FROM released))
          AND request.status IS NOT DISTINCT FROM 'processing'
        """
    )

    private static let notifyWorkers = Statement(
        "jobs.notifyWorkers",
        "SELECT set_config('synchronous_commit', 'off', true), pg_notify('\(Channel.jobs)', '')"
    )

    // MARK: finish

    /// All or none, in one transaction: what is refused as a whole can be finished one by one.
    ///
    /// Not repeated when the connection breaks at the commit. Finishing again is safe: what was stored is not stored
    /// again, and its id is not among those returned.
    func finish(_ finished: [FinishedJob]) throws -> [String] {
        guard !finished.isEmpty else { return [] }
        let completedAt = try clock()
        var written: [JobIdentity: WrittenResult] = [:]
        let endings = finished.map { JobEnding($0, completedAt: completedAt, sharing: &written) }
        return try store(endings, completedAt: completedAt)
    }

    /// A request that cannot be read does not keep its job in the queue: its answer then shows what its columns tell.
    func fail(_ job: ClaimedJob, _ failure: OptimizationFailure) throws -> Bool {
        let completedAt = try clock()
        let ending = JobEnding(
            job: job,
            failure: failure,
            body: try failedBody(of: job, failure, completedAt: completedAt)
        )
        return try !store([ending], completedAt: completedAt).isEmpty
    }

    /// The database's clock: the moments in an answer and in its row are one.
    private func clock() throws -> Timestamp {
        if let now = serverClock?.now { return now }
        guard var row = try session.run([Self.clock()], repetition: .harmless)[0].firstRow else {
            throw RepositoryError.unreadable(what: "the clock")
        }
        return try row.timestamp()
    }

    private static let clock = Statement("jobs.clock", "SELECT clock_timestamp()")

    /// Stores how jobs ended; returns the ids of those that were still held.
    private func store(_ endings: [JobEnding], completedAt: Timestamp) throws -> [String] {
        let finished = watch.finished(endings.count)
        let results = try session.run(
            Self.finishCalls(endings, completedAt: completedAt),
            repetition: .harmful,
            afterwards: [
                Self.notifyEnded(.textArray(endings.map(\.job.id))), Self.recordServiceTime(.double(finished)),
            ]
        )
        return try results.flatMap { try $0.map { try $0.text() } }
    }

    /// A statement for each kind there is, in the order of the kinds' identifiers: so that rows of the queue are locked
    /// in the order of their ids, as everywhere.
    private static func finishCalls(_ endings: [JobEnding], completedAt: Timestamp) -> [StatementCall] {
        let kinds = Dictionary(grouping: endings, by: \.job.kind)
        return kinds.sorted { ($0.value[0].job.id) < ($1.value[0].job.id) }.map { kind, endings in
            guard let kind = ComputationKind(rawValue: kind) else {
                return finish(
                    .timestamp(completedAt),
                    .textArray(endings.map(\.job.id)),
                    .bigintArray(endings.map(\.job.leaseToken)),
                    .textArray(endings.map(\.status.rawValue)),
                    .utf8Array(endings.map(\.error)),
                    .utf8Array(endings.map(\.body)),
                    .utf8Array(endings.map(\.result?.metrics)),
                    .utf8Array(endings.map(\.result?.currentAllocation)),
                    .utf8Array(endings.map(\.result?.targetAllocation)),
                    .utf8Array(endings.map(\.result?.trades)),
                    .utf8Array(endings.map(\.result?.efficientFrontier)),
                    .utf8Array(endings.map(\.result?.excluded))
                )
            }
            return ComputationStatements.finish(kind)(
                .timestamp(completedAt),
                .textArray(endings.map(\.job.id)),
                .bigintArray(endings.map(\.job.leaseToken)),
                .textArray(endings.map(\.status.rawValue)),
                .utf8Array(endings.map(\.error)),
                .utf8Array(endings.map(\.body)),
                .bigintArray(endings.map { $0.isForGood ? 1 : 0 })
            )
        }
    }

    /// Triggers show the ends on the read side and record the events, in the same transaction.
    private static let finish = Statement(
        "jobs.finish",
        """
        WITH finished AS (
            SELECT *
            FROM unnest($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) AS finished (
                job_id, lease_token, status, error, body, metrics, current_allocation, target_allocation, trades,
                efficient_frontier, excluded
            )
        ), held AS (
            SELECT job.job_id
            FROM jobs.jobs AS job
            JOIN finished ON finished.job_id = job.job_id
            WHERE job.state = 'processing'
              AND job.lease_token = finished.lease_token
            ORDER BY job.job_id
            FOR UPDATE OF job
        ), ended AS (
            DELETE FROM jobs.jobs AS job
            USING held
            WHERE job.job_id = held.job_id
            RETURNING job.job_id, job.lease_token
        ), request AS (
            UPDATE commands.optimization_requests AS request
            SET status = finished.status,
                updated_at = $1,
                error = finished.error::jsonb,
                body = CASE WHEN finished.status = 'failed' THEN finished.body END
            FROM finished
            JOIN ended ON ended.job_id = finished.job_id AND ended.lease_token = finished.lease_token
            WHERE request.id = finished.job_id
            RETURNING
                request.id, request.tenant_id, finished.status, finished.metrics, finished.current_allocation,
                finished.target_allocation, finished.trades, finished.efficient_frontier, finished.excluded,
                finished.body
        ), result AS (
            INSERT INTO commands.optimization_results (
                optimization_id, tenant_id, metrics, current_allocation, target_allocation, trades, efficient_frontier,
                excluded, completed_at, body
            )
            SELECT
                id, tenant_id, metrics::jsonb, current_allocation::jsonb, target_allocation::jsonb, trades::jsonb,
                efficient_frontier::jsonb, excluded, $1, body
            FROM request
            WHERE status = 'completed'
        )
        SELECT job_id FROM ended
        """
    )

    /// One notification for each id, in a transaction that does not wait for the disk.
    static let notifyEnded = Statement(
        "jobs.notifyEnded",
        """
        SELECT set_config('synchronous_commit', 'off', true), pg_notify('\(Channel.jobEnded)', ended.id)
        FROM unnest($1::text[]) AS ended (id)
        """
    )

    private static let recordServiceTime = Statement(
        "jobs.recordServiceTime",
        """
        INSERT INTO jobs.service_times (slot, kind, seconds_per_job, measured_at)
        VALUES (pg_backend_pid() % 64, 'optimization', $1, clock_timestamp())
        ON CONFLICT (slot, kind) DO UPDATE
            SET seconds_per_job = 0.7 * service_times.seconds_per_job + 0.3 * excluded.seconds_per_job,
                measured_at = excluded.measured_at
        """
    )

    // MARK: wait

    func waitForJobs(seconds: Double) -> Bool {
        let milliseconds = Int32(exactly: (max(0, min(seconds, 3600)) * 1000).rounded()) ?? 0
        do {
            let connection = try session.connected()
            guard connection.isListening(to: Channel.jobs) else {
                // A job that came before the connection listened was told to nobody: look at once.
                try connection.listen(to: Channel.jobs)
                return true
            }
            if try !connection.takeNotifications(of: Channel.jobs).isEmpty { return true }
            connection.waitForInput(milliseconds: milliseconds)
            return try !connection.takeNotifications(of: Channel.jobs).isEmpty
        } catch {
            // The server is away. Waiting the whole time could miss its return by as much.
            session.drop()
            _ = poll(nil, 0, min(milliseconds, Self.outageWait))
            return false
        }
    }

    /// Milliseconds between looks at a server that is away.
    private static let outageWait: Int32 = 250
}
