import PortfolioDocuments
import PortfolioModel

/// Computations that somebody waits for, in PostgreSQL.
///
/// One that is there already costs one round trip, shared with all reads that are ready together; a new one a second.
final class PostgresComputationRepository: ComputationRepository {
    private let session: PostgresSession
    private let limits: QueueLimits
    /// Reads that other requests of the same turn may still join.
    private var gatheredReads: GatheredReads?

    init(session: PostgresSession, limits: QueueLimits) {
        self.session = session
        self.limits = limits
    }

    private func gather(_ call: StatementCall, tenant: String) -> () throws(RepositoryError) -> StatementResult {
        let reads = gatheredReads.flatMap { $0.isOpen ? $0 : nil } ?? GatheredReads()
        gatheredReads = reads
        let index = reads.add(PostgresConnection.Read(call: call, tenant: tenant))
        return { [session] () throws(RepositoryError) in try reads.takeResult(index, over: session) }
    }

    // MARK: find

    func gatherComputation(equalTo request: ComputationRequest, tenant: String) -> () throws -> FoundComputation {
        let call = Self.find(
            .text(request.portfolioID),
            .text(tenant),
            .text(request.kind.identityPrefix),
            .utf8(request.document)
        )
        let take = gather(call, tenant: tenant)
        return {
            let result = try take()
            guard var row = result.firstRow else { return .noPortfolio }
            guard let id = row.optionalText() else { return .nothing }
            return .found(try Self.state(id: id, kind: request.kind, in: &row, of: result))
        }
    }

    func gatherComputation(id: String, kind: ComputationKind, tenant: String) -> () throws -> ComputationState? {
        let take = gather(Self.computation(.text(id), .text(tenant), .text(kind.rawValue)), tenant: tenant)
        return {
            let result = try take()
            guard var row = result.firstRow else { return nil }
            return try Self.state(id: try row.text(), kind: kind, in: &row, of: result)
        }
    }

    private static func state(
        id: String,
        kind: ComputationKind,
        in row: inout RowReader,
        of result: StatementResult
    ) throws -> ComputationState {
        var state = ComputationState(
            id: id,
            kind: kind,
            portfolioID: try row.text(),
            status: try PostgresOptimizationRepository.status(try row.text()),
            createdAt: try row.timestamp(),
            completedAt: try row.optionalTimestamp()
        )
        if let entityTag = row.optionalText(), let bytes = row.optionalBytes(), state.status.isFinal {
            state.body = StoredBytes(bytes: bytes, owner: result, entityTag: entityTag)
        }
        return state
    }

    private static let find = Statement(
        "computations.find",
        """
        SELECT shown.id, shown.portfolio_id, status, created_at, completed_at, entity_tag, body
        FROM (
            SELECT \(ComputationTables.identity) AS identity
            FROM (
                \(ComputationTables.newestInputs)
            ) AS newest
            OFFSET 0  -- a value before it is looked for: row-level security keeps an expression out of an index
        ) AS asked
        LEFT JOIN LATERAL (
            SELECT id, portfolio_id, status, created_at, completed_at, entity_tag, body
            FROM queries.computations
            WHERE tenant_id = $2
              AND identity = asked.identity
            LIMIT 1  -- by key, and never by a join with all there are
        ) AS shown ON true
        """
    )

    private static let computation = Statement(
        "computations.computation",
        """
        SELECT id, portfolio_id, status, created_at, completed_at, entity_tag, body
        FROM queries.computations
        WHERE id = $1
          AND tenant_id = $2
          AND kind = $3
        """
    )

    // MARK: submit

    /// Safe to repeat: a second submission of the same request finds the first.
    func submit(
        _ request: ComputationRequest,
        id: String,
        isAbandonable: Bool,
        tenant: String
    ) throws -> SubmittedComputation {
        for _ in 0..<Self.submitAttempts {
            let call = Self.submit(request.kind)(
                .text(request.portfolioID),
                .text(tenant),
                .text(request.kind.identityPrefix),
                .utf8(request.document),
                .text(id),
                .bigint(limits.total),
                .bigint(limits.perTenant),
                .boolean(isAbandonable)
            )
            let results = try session.run(
                [call],
                tenant: tenant,
                repetition: .harmless,
                afterwards: [PostgresOptimizationRepository.notifyWorkers()]
            )
            guard var row = results[0].firstRow else { throw RepositoryError.missing(what: request.portfolioID) }
            if let known = row.optionalText() { return .known(id: known) }
            if let createdAt = try row.optionalTimestamp() { return .stored(createdAt: createdAt) }
            if let limit = row.optionalText().flatMap(QueueFull.Limit.init) {
                let figures = QueueFigures(
                    depth: try row.int(),
                    secondsPerJob: try row.optionalDouble(),
                    workers: try row.optionalBigint().map { Int($0) }
                )
                throw RepositoryError.queueFull(QueueFull(limit: limit, retryAfterSeconds: figures.retryAfterSeconds))
            }
            // An equal one was stored at the same moment, and this statement, which waited for it, cannot see it yet.
        }
        throw RepositoryError.unavailable(underlying: "an equal computation came and went, time after time")
    }

    /// A computation that failed for another reason than its inputs may vanish right after it was in the way.
    private static let submitAttempts = 3

    private static func submit(_ kind: ComputationKind) -> Statement {
        switch kind {
        case .efficientFrontier: submitFrontier
        case .rebalance: submitRebalance
        case .factorAnalysis: submitFactorAnalysis
        }
    }

    private static let submitFrontier = makeSubmit(.efficientFrontier)
    private static let submitRebalance = makeSubmit(.rebalance)
    private static let submitFactorAnalysis = makeSubmit(.factorAnalysis)

    /// Whether the queue takes the job in is decided in the transaction that stores it, and the inputs' versions are
    /// read in the statement that stores them: no put can come between.
    private static func makeSubmit(_ kind: ComputationKind) -> Statement {
        let tables = ComputationTables(kind)
        let columns = tables.requestColumns.map(\.name).joined(separator: ", ")
        let expressions = tables.requestColumns.map(\.expression).joined(separator: ",\n                ")
        return Statement(
            "computations.submit.\(kind.rawValue)",
            """
            WITH newest AS MATERIALIZED (
                \(ComputationTables.newestInputs)
            ), pinned AS MATERIALIZED (
                SELECT *, \(ComputationTables.identity) AS identity, $4::jsonb AS asked
                FROM newest
            ), known AS MATERIALIZED (
                SELECT request.id
                FROM commands.\(tables.requests) AS request
                WHERE request.tenant_id = $2
                  AND request.identity = (SELECT identity FROM pinned)
            ), admission AS MATERIALIZED (
                SELECT refusal, depth, seconds_per_job, workers
                FROM pinned
                CROSS JOIN LATERAL jobs.admit($2, $6, $7)
                WHERE NOT EXISTS (SELECT FROM known)
            ), stored AS (
                INSERT INTO commands.\(tables.requests) (
                    id, tenant_id, portfolio_id, document, portfolio_version, risk_model_id, risk_model_version,
                    instruments_version, identity, \(columns)
                )
                SELECT
                    $5, $2, portfolio_id, $4, portfolio_version, risk_model_id, risk_model_version,
                    instruments_version, identity, \(expressions)
                FROM pinned
                CROSS JOIN admission
                WHERE refusal IS NULL
                ON CONFLICT (tenant_id, identity) DO NOTHING
                RETURNING id, tenant_id, created_at
            ), queued AS (
                INSERT INTO jobs.jobs (job_id, tenant_id, kind, priority, created_at, is_abandonable)
                SELECT id, tenant_id, '\(kind.rawValue)', \(JobPriority.interactive.rawValue), created_at, $8
                FROM stored
            )
            SELECT
                (SELECT id FROM known), (SELECT created_at FROM stored), refusal, depth, seconds_per_job, workers
            FROM pinned
            LEFT JOIN admission ON true
            """
        )
    }

    // MARK: join and abandon

    /// Waits for an abandonment of the same moment, and then finds nothing.
    func join(id: String, tenant: String) throws -> Bool {
        let call = Self.join(.text(id), .text(tenant))
        return try session.run([call], tenant: tenant, repetition: .harmless)[0].firstRow != nil
    }

    private static let join = Statement(
        "computations.join",
        """
        UPDATE jobs.jobs
        SET is_abandonable = false
        WHERE job_id = $1
          AND tenant_id = $2
        RETURNING job_id
        """
    )

    /// Whoever takes the job's row out of the queue ends the job: a finish or a joining of the same moment wins or loses.
    func abandon(_ computation: ComputationState, tenant: String) throws -> Bool {
        let body = DocumentEncoder.pendingComputation(
            id: computation.id,
            kind: computation.kind,
            portfolioID: computation.portfolioID,
            status: .cancelled,
            createdAt: computation.createdAt
        )
        let call = Self.abandon(computation.kind)(.text(computation.id), .text(tenant), .utf8(body))
        let results = try session.run(
            [call],
            tenant: tenant,
            repetition: .harmless,
            afterwards: [PostgresJobRepository.notifyEnded(.textArray([computation.id]))]
        )
        return results[0].firstRow != nil
    }

    private static func abandon(_ kind: ComputationKind) -> Statement {
        switch kind {
        case .efficientFrontier: abandonFrontier
        case .rebalance: abandonRebalance
        case .factorAnalysis: abandonFactorAnalysis
        }
    }

    private static let abandonFrontier = makeAbandon(.efficientFrontier)
    private static let abandonRebalance = makeAbandon(.rebalance)
    private static let abandonFactorAnalysis = makeAbandon(.factorAnalysis)

    private static func makeAbandon(_ kind: ComputationKind) -> Statement {
        Statement(
            "computations.abandon.\(kind.rawValue)",
            """
            WITH taken AS (
                DELETE FROM jobs.jobs
                WHERE job_id = $1
                  AND tenant_id = $2
                  AND is_abandonable
                RETURNING job_id
            )
            UPDATE commands.\(ComputationTables(kind).requests) AS request
            SET status = 'cancelled',
                updated_at = clock_timestamp(),
                identity = NULL,
                body = $3
            FROM taken
            WHERE request.id = taken.job_id COLLATE "default"  -- the collation of the requests' index
            RETURNING request.id
            """
        )
    }

    // MARK: submissionContext

    func submissionContext(
        portfolioID: String,
        namedInstruments: [String],
        tenant: String
    ) throws -> SubmissionContext? {
        try PostgresOptimizationRepository.submissionContext(
            portfolioID: portfolioID,
            namedInstruments: namedInstruments,
            tenant: tenant,
            over: session
        )
    }
}
