import PortfolioDocuments
import PortfolioModel

/// Requests and answers in PostgreSQL.
///
/// Each method is one round trip.
final class PostgresOptimizationRepository: OptimizationRepository {
    let session: PostgresSession
    private let limits: QueueLimits
    /// Until then workers need no notification: the queue was longer than what all of them can hold.
    private var workersAreBusyUntil: ContinuousClock.Instant?
    /// What the last job submitted was expected to take until it is done, in microseconds.
    private(set) var expectedDelay = QueueFigures(depth: 1, secondsPerJob: nil, workers: nil).microsecondsOfWork
    /// Reads that other requests of the same turn may still join.
    var gatheredReads: GatheredReads?

    init(session: PostgresSession, limits: QueueLimits) {
        self.session = session
        self.limits = limits
    }

    // MARK: submissionContext

    func submissionContext(
        portfolioID: String,
        namedInstruments: [String],
        tenant: String
    ) throws -> SubmissionContext? {
        try Self.submissionContext(
            portfolioID: portfolioID,
            namedInstruments: namedInstruments,
            tenant: tenant,
            over: session
        )
    }

    static func submissionContext(
        portfolioID: String,
        namedInstruments: [String],
        tenant: String,
        over session: PostgresSession
    ) throws -> SubmissionContext? {
        let call = Self.contextOfSubmission(.text(portfolioID), .text(tenant), .textArray(namedInstruments))
        guard var row = try session.run([call], tenant: tenant, repetition: .harmless)[0].firstRow else { return nil }
        return SubmissionContext(unknownInstruments: try row.textArray())
    }

    private static let contextOfSubmission = Statement(
        "optimizations.submissionContext",
        """
        SELECT ARRAY(
            SELECT unnest($3::text[])
            EXCEPT
            SELECT unnest(model.instruments)
            ORDER BY 1
        )
        FROM inputs.portfolios AS portfolio
        JOIN inputs.portfolio_snapshots AS holdings
            ON holdings.portfolio_id = portfolio.id AND holdings.version = portfolio.version
        LEFT JOIN inputs.risk_models AS newest ON newest.id = holdings.risk_model_id AND newest.tenant_id = $2
        LEFT JOIN inputs.risk_model_snapshots AS model
            ON model.risk_model_id = newest.id AND model.version = newest.version
        WHERE portfolio.id = $1
          AND portfolio.tenant_id = $2
        """
    )

    // MARK: submit

    /// Safe to repeat: a second submission of the same id finds the first and tells of it.
    func submit(_ request: OptimizationRequest, id: String, tenant: String) throws -> SubmittedOptimization {
        try submit(request, id: id, tenant: tenant, then: [])
    }

    /// The same, with statements that follow in the transaction: where one fails, nothing is stored.
    func submit(
        _ request: OptimizationRequest,
        id: String,
        tenant: String,
        then additions: [StatementCall]
    ) throws -> SubmittedOptimization {
        let call = Self.submit(
            .text(id),
            .text(tenant),
            .text(request.portfolioID),
            .text(request.type.rawValue),
            .text(request.objective.rawValue),
            .text(request.riskMeasure.rawValue),
            .utf8(DocumentEncoder.constraints(request.constraints)),
            .utf8(DocumentEncoder.preferences(request.preferences)),
            .utf8(DocumentEncoder.optimizationRequest(request)),
            .bigint(JobPriority(of: request).rawValue),
            .bigint(limits.total),
            .bigint(limits.perTenant)
        )
        // Notifying takes a lock on all of the server until its transaction is on disk: so it is a transaction of its
        // own, one that does not wait for the disk. It wakes every listener of the server, so that it is left out while
        // no worker can be waiting: one that runs out of jobs looks again at short intervals for a second.
        let needsNotification = workersAreBusyUntil.map { ContinuousClock.now >= $0 } ?? true
        let results = try session.run(
            [call] + additions,
            tenant: tenant,
            repetition: .harmless,
            afterwards: needsNotification ? [Self.notifyWorkers()] : []
        )
        guard var row = results[0].firstRow else { throw RepositoryError.unreadable(what: "a submission") }
        let createdAt = try row.optionalTimestamp()
        let refusal = row.optionalText()
        var figures = QueueFigures(
            depth: try row.int(),
            secondsPerJob: try row.optionalDouble(),
            workers: try row.optionalBigint().map { Int($0) }
        )
        guard let createdAt else {
            guard let limit = refusal.flatMap(QueueFull.Limit.init) else {
                throw RepositoryError.missing(what: "portfolio \(request.portfolioID) of a submission")
            }
            throw RepositoryError.queueFull(QueueFull(limit: limit, retryAfterSeconds: figures.retryAfterSeconds))
        }
        workersAreBusyUntil = figures.keepsWorkersBusy ? .now + QueueFigures.busyTime : nil
        figures.depth += 1
        expectedDelay = figures.microsecondsOfWork
        return SubmittedOptimization(
            status: .pending,
            createdAt: createdAt,
            estimatedCompletion: figures.estimatedCompletion(from: createdAt)
        )
    }

    /// Whether the queue takes the job in is decided in the transaction that stores it, and the inputs' versions are
    /// read in the statement that stores them: no put can come between.
    private static let submit = Statement(
        "optimizations.submit",
        """
        WITH admission AS MATERIALIZED (
            SELECT refusal, depth, seconds_per_job, workers FROM jobs.admit($2, $11, $12)
        ), pinned AS (
            SELECT
                portfolio.id,
                portfolio.version AS portfolio_version,
                holdings.risk_model_id,
                model.version AS risk_model_version,
                coalesce(instruments.version, 0) AS instruments_version,
                cardinality(coalesce(holdings.universe, snapshot.instruments)) AS universe_size
            FROM inputs.portfolios AS portfolio
            JOIN inputs.portfolio_snapshots AS holdings
                ON holdings.portfolio_id = portfolio.id AND holdings.version = portfolio.version
            LEFT JOIN inputs.risk_models AS model ON model.id = holdings.risk_model_id AND model.tenant_id = $2
            LEFT JOIN inputs.risk_model_snapshots AS snapshot
                ON snapshot.risk_model_id = model.id AND snapshot.version = model.version
            LEFT JOIN inputs.instrument_versions AS instruments ON instruments.tenant_id = $2
            WHERE portfolio.id = $3
              AND portfolio.tenant_id = $2
              AND (SELECT refusal IS NULL FROM admission)
        ), stored AS (
            INSERT INTO commands.optimization_requests (
                id, tenant_id, portfolio_id, optimization_type, objective, risk_measure, constraints, preferences,
                document, portfolio_version, risk_model_id, risk_model_version, instruments_version
            )
            SELECT
                $1, $2, pinned.id, $4, $5, $6, $7::jsonb, $8::jsonb,
                $9, portfolio_version, risk_model_id, risk_model_version, instruments_version
            FROM pinned
            ON CONFLICT (id) DO NOTHING
            RETURNING id, tenant_id, created_at
        ), queued AS (
            INSERT INTO jobs.jobs (job_id, tenant_id, kind, priority, created_at)
            SELECT
                stored.id,
                stored.tenant_id,
                'optimization',
                CASE WHEN universe_size > \(JobPriority.largestUsualUniverse) THEN \(JobPriority.batch.rawValue) ELSE $10 END,
                stored.created_at
            FROM stored
            CROSS JOIN pinned
        )
        SELECT
            coalesce(
                (SELECT created_at FROM stored),
                (SELECT created_at FROM commands.optimization_requests WHERE id = $1 AND tenant_id = $2)
            ),
            refusal, depth, seconds_per_job, workers
        FROM admission
        """
    )

    static let notifyWorkers = Statement(
        "optimizations.notifyWorkers",
        "SELECT set_config('synchronous_commit', 'off', true), pg_notify('\(Channel.jobs)', '')"
    )

    // MARK: optimization

    func optimization(id: String, tenant: String) throws -> OptimizationState? {
        let call = Self.optimization(.text(id), .text(tenant))
        return try Self.state(in: session.run([call], tenant: tenant, repetition: .harmless)[0])
    }

    /// The state that a row of ``optimization`` tells; nil when there is none.
    static func state(in result: StatementResult) throws -> OptimizationState? {
        guard var row = result.firstRow else { return nil }
        var state = OptimizationState(
            status: try status(try row.text()),
            portfolioID: try row.text(),
            type: try row.text(),
            objective: try row.text(),
            riskMeasure: try row.text(),
            createdAt: try row.timestamp(),
            completedAt: try row.optionalTimestamp(),
            body: nil
        )
        if let entityTag = row.optionalText(), let bytes = row.optionalBytes(), state.status.isFinal {
            state.body = StoredBytes(bytes: bytes, owner: result, entityTag: entityTag)
        }
        return state
    }

    static let optimization = Statement(
        "optimizations.optimization",
        """
        SELECT
            status, portfolio_id, optimization_type, objective, risk_measure, created_at, completed_at,
            entity_tag, body
        FROM queries.portfolio_optimizations
        WHERE optimization_id = $1
          AND tenant_id = $2
        """
    )

    // MARK: excludedInstruments

    func excludedInstruments(id: String, tenant: String) throws -> [UInt8]? {
        let call = Self.excludedInstruments(.text(id), .text(tenant))
        guard var row = try session.run([call], tenant: tenant, repetition: .harmless)[0].firstRow else { return nil }
        return row.optionalBytes().map { Array($0) }
    }

    private static let excludedInstruments = Statement(
        "optimizations.excludedInstruments",
        """
        SELECT excluded
        FROM queries.portfolio_optimizations
        WHERE optimization_id = $1
          AND tenant_id = $2
        """
    )

    static func status(_ text: String) throws -> JobStatus {
        guard let status = JobStatus(rawValue: text) else {
            throw RepositoryError.unreadable(what: "status of an optimization")
        }
        return status
    }

    // MARK: cancel

    /// Whoever takes the job's row out of the queue ends the job: against a finish at the same moment exactly one of
    /// the two does, and the other leaves everything as it is.
    func cancel(id: String, tenant: String) throws -> JobStatus? {
        for _ in 0..<Self.cancelAttempts {
            let results = try session.run(
                [Self.cancel(.text(id), .text(tenant))],
                tenant: tenant,
                repetition: .harmless,
                afterwards: [PostgresJobRepository.notifyEnded(.textArray([id]))]
            )
            guard var row = results[0].firstRow else { return nil }
            let status = try Self.status(try row.text())
            // A state that is not final was read just before a finish that the statement then waited for.
            if status.isFinal { return status }
        }
        throw RepositoryError.unavailable(underlying: "a cancellation found neither a job nor its end")
    }

    private static let cancelAttempts = 3

    private static let cancel = Statement(
        "optimizations.cancel",
        """
        WITH taken AS (
            DELETE FROM jobs.jobs
            WHERE job_id = $1
              AND tenant_id = $2
            RETURNING job_id
        ), cancelled AS (
            UPDATE commands.optimization_requests AS request
            SET status = 'cancelled',
                updated_at = clock_timestamp()
            FROM taken
            WHERE request.id = taken.job_id COLLATE "default"  -- the collation of the requests' index
            RETURNING request.status
        )
        SELECT status FROM cancelled
        UNION ALL
        SELECT status
        FROM commands.optimization_requests
        WHERE id = $1
          AND tenant_id = $2
          AND NOT EXISTS (SELECT FROM cancelled)
        """
    )
}
