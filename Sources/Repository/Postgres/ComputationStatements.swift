import PortfolioModel

/// What the queue says of computations, for each kind the same with its own tables.
enum ComputationStatements {
    /// Further parts of a WITH: the requests of jobs just claimed or given back show their state.
    ///
    /// `jobs` is a part with `job_id` and `kind`. A kind of which there is no job costs a look at no row.
    static func shown(as status: String, insteadOf former: String, in jobs: String) -> String {
        ComputationKind.allCases.map { kind in
            """
            , shown_\(kind.rawValue) AS (
                UPDATE commands.\(ComputationTables(kind).requests) AS request
                SET status = '\(status)',
                    updated_at = clock_timestamp()
                WHERE request.id = ANY (ARRAY(SELECT job_id COLLATE "default" FROM \(jobs) WHERE kind = '\(kind.rawValue)'))
                  AND request.status IS NOT DISTINCT FROM '\(former)'
            )
            """
        }.joined()
    }

    /// Ends jobs of a kind that are still held.
    static func finish(_ kind: ComputationKind) -> Statement {
        switch kind {
        case .efficientFrontier: finishFrontier
        case .rebalance: finishRebalance
        case .factorAnalysis: finishFactorAnalysis
        }
    }

    private static let finishFrontier = makeFinish(.efficientFrontier)
    private static let finishRebalance = makeFinish(.rebalance)
    private static let finishFactorAnalysis = makeFinish(.factorAnalysis)

    /// The columns of the service document are read out of the answer; triggers show the ends and record the events, in
    /// the same transaction.
    private static func makeFinish(_ kind: ComputationKind) -> Statement {
        let tables = ComputationTables(kind)
        let columns = tables.resultColumns.map(\.name).joined(separator: ", ")
        let expressions = tables.resultColumns.map(\.expression).joined(separator: ", ")
        return Statement(
            "jobs.finish.\(kind.rawValue)",
            """
            WITH finished AS (
                SELECT *
                FROM unnest($2, $3, $4, $5, $6, $7) AS finished (job_id, lease_token, status, error, body, is_for_good)
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
                UPDATE commands.\(tables.requests) AS request
                SET status = finished.status,
                    updated_at = $1,
                    error = finished.error::jsonb,
                    body = finished.body,
                    identity = CASE WHEN finished.is_for_good = 1 THEN request.identity END
                FROM finished
                JOIN ended ON ended.job_id = finished.job_id AND ended.lease_token = finished.lease_token
                WHERE request.id = finished.job_id
                RETURNING request.id, request.tenant_id, finished.status, finished.body
            ), result AS (
                INSERT INTO commands.\(tables.results) (\(tables.resultID), tenant_id, completed_at, \(columns))
                SELECT id, tenant_id, $1, \(expressions)
                FROM (
                    SELECT id, tenant_id, body::jsonb AS answer
                    FROM request
                    WHERE status = 'completed'
                    OFFSET 0  -- parsed once, not once a column
                ) AS completed
            )
            SELECT job_id FROM ended
            """
        )
    }
}
