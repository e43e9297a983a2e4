import PortfolioModel

/// Submissions under a key: the key's row goes into the transaction of the request and its job.
extension PostgresOptimizationRepository: KeyedSubmissionRepository {
    func submission(under key: SubmissionKey, tenant: String) throws -> KeyedSubmission? {
        let call = Self.keyedSubmission(
            .text(tenant),
            .text(key.text),
            .text(key.operation),
            .utf8(key.body)
        )
        guard var row = try session.run([call], tenant: tenant, repetition: .harmless)[0].firstRow else { return nil }
        guard try row.boolean() else { return .usedOtherwise }
        return .accepted(
            id: try row.text(),
            SubmittedOptimization(
                status: .pending,
                createdAt: try row.timestamp(),
                estimatedCompletion: try row.timestamp()
            )
        )
    }

    private static let keyedSubmission = Statement(
        "optimizations.keyedSubmission",
        """
        SELECT request_hash = sha256(convert_to($3 || chr(10) || $4, 'UTF8')), optimization_id, created_at,
            estimated_completion
        FROM commands.idempotency_keys
        WHERE tenant_id = $1
          AND key = $2
          AND expires_at > clock_timestamp()
        """
    )

    /// Safe to repeat: a second time the key is found in use, with this very submission under it.
    func submit(
        _ request: OptimizationRequest,
        id: String,
        under key: SubmissionKey,
        tenant: String
    ) throws -> KeyedSubmission {
        for _ in 0..<Self.keyAttempts {
            if let known = try submission(under: key, tenant: tenant) { return known }
            do {
                return .accepted(id: id, try store(request, id: id, under: key, tenant: tenant))
            } catch RepositoryError.refused(sqlState: Self.uniqueViolation, _) {
                // Somebody else took the key since we looked, and has committed: the next look finds the answer.
            }
        }
        throw RepositoryError.unavailable(underlying: "a key was taken and let go again, time after time")
    }

    /// Stores everything, or throws a unique violation when the key is taken and stores nothing.
    private func store(
        _ request: OptimizationRequest,
        id: String,
        under key: SubmissionKey,
        tenant: String
    ) throws -> SubmittedOptimization {
        // The estimate is a part of the answer that is stored, and so must be known before.
        let delay = expectedDelay
        var submitted = try submit(
            request,
            id: id,
            tenant: tenant,
            then: [
                Self.forgetKeys(.text(tenant), .text(key.text), .bigint(Self.keysForgotten)),
                Self.takeKey(
                    .text(tenant),
                    .text(key.text),
                    .text(key.operation),
                    .utf8(key.body),
                    .text(id),
                    .bigint(delay)
                ),
            ]
        )
        submitted.estimatedCompletion = Timestamp(microseconds: submitted.createdAt.microseconds + delay)
        return submitted
    }

    /// A key is rarely taken between a look and a try, and hardly ever lets go again right after.
    private static let keyAttempts = 3
    /// Expired keys cleared away by a submission that adds one.
    private static let keysForgotten = 4
    private static let uniqueViolation = "23505"

    private static let forgetKeys = Statement(
        "optimizations.forgetKeys",
        "SELECT FROM commands.forget_idempotency_keys($1, $2, $3)"
    )

    /// No ON CONFLICT: a key that is taken must undo the submission just made in the same transaction.
    ///
    /// Where nothing was submitted, no key is taken.
    private static let takeKey = Statement(
        "optimizations.takeKey",
        """
        INSERT INTO commands.idempotency_keys (tenant_id, key, request_hash, optimization_id, estimated_completion)
        SELECT $1, $2, sha256(convert_to($3 || chr(10) || $4, 'UTF8')), id, now() + $6 * interval '1 microsecond'
        FROM commands.optimization_requests
        WHERE id = $5
          AND tenant_id = $1
        """
    )
}
