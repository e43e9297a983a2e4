import PortfolioModel
import Repository
import TestSupport
import Testing

@Suite("Submissions under a key in PostgreSQL")
struct KeyedSubmissionTests {
    let fixture: Fixture

    init() throws {
        fixture = try Fixture()
        try fixture.storeInputs()
    }

    private static func key(_ text: String = "key-1", body: String = "{}") -> SubmissionKey {
        SubmissionKey(text: text, operation: "POST /api/v1/optimizations", body: Array(body.utf8))
    }

    private func counts() throws -> [[String]] {
        try fixture.execute(
            """
            SELECT
                (SELECT count(*) FROM commands.optimization_requests),
                (SELECT count(*) FROM jobs.jobs),
                (SELECT count(*) FROM commands.idempotency_keys)
            """
        )
    }

    @Test func `a repetition gets the first answer to the microsecond, and queues nothing`() throws {
        let repository = fixture.submittingUnderKeys
        let first = try accepted(repository.submit(.sample, id: "opt-1", under: Self.key(), tenant: "default"))
        #expect(first.id == "opt-1")
        let again = try accepted(repository.submit(.sample, id: "opt-2", under: Self.key(), tenant: "default"))
        let looked = try accepted(try #require(try repository.submission(under: Self.key(), tenant: "default")))
        for answer in [again, looked] {
            #expect(answer.id == "opt-1")
            #expect(answer.submitted.status == .pending)
            #expect(answer.submitted.createdAt == first.submitted.createdAt)
            #expect(answer.submitted.estimatedCompletion == first.submitted.estimatedCompletion)
        }
        #expect(try counts() == [["1", "1", "1"]])
    }

    @Test func `of many sessions with one key at once exactly one queues a job`() throws {
        let fixture = fixture
        for round in 1...5 {
            let ids = try inParallel(threads: 8) { thread in
                let answer = try fixture.submittingUnderKeys.submit(
                    .sample,
                    id: "opt-\(round)-\(thread)",
                    under: Self.key("key-\(round)"),
                    tenant: "default"
                )
                return try accepted(answer).id
            }
            #expect(ids.count == 8 && Set(ids).count == 1, "\(ids)")
            #expect(try counts() == [["\(round)", "\(round)", "\(round)"]])
        }
    }

    @Test func `of many sessions with one key and two bodies one body wins and the other is told`() throws {
        let fixture = fixture
        let answers = try inParallel(threads: 8) { thread in
            try fixture.submittingUnderKeys.submit(
                .sample,
                id: "opt-\(thread)",
                under: Self.key(body: thread.isMultiple(of: 2) ? "{}" : "[]"),
                tenant: "default"
            )
        }
        let refused = answers.filter { if case .usedOtherwise = $0 { true } else { false } }
        #expect(refused.count == 4)
        #expect(try counts() == [["1", "1", "1"]])
    }

    @Test func `another body or another operation under the same key is told apart`() throws {
        let repository = fixture.submittingUnderKeys
        _ = try repository.submit(.sample, id: "opt-1", under: Self.key(), tenant: "default")
        var elsewhere = Self.key()
        elsewhere.operation = "POST /api/v1/elsewhere"
        for key in [Self.key(body: "{ }"), elsewhere] {
            guard case .usedOtherwise = try repository.submit(.sample, id: "opt-2", under: key, tenant: "default")
            else {
                Issue.record("\(key) was taken for the first")
                continue
            }
        }
        #expect(try counts() == [["1", "1", "1"]])
    }

    @Test func `a key is a tenant's own`() throws {
        try fixture.storeInputs(tenant: "b", portfolio: "port-b", model: "model-b")
        var other = OptimizationRequest.sample
        other.portfolioID = "port-b"
        let repository = fixture.submittingUnderKeys
        _ = try repository.submit(.sample, id: "opt-1", under: Self.key(), tenant: "default")
        #expect(try repository.submission(under: Self.key(), tenant: "b") == nil)
        #expect(try accepted(repository.submit(other, id: "opt-2", under: Self.key(), tenant: "b")).id == "opt-2")
        #expect(try counts() == [["2", "2", "2"]])
    }

    @Test func `a submission that fails leaves its key free`() throws {
        var request = OptimizationRequest.sample
        request.portfolioID = "none"
        let repository = fixture.submittingUnderKeys
        #expect(throws: RepositoryError.self) {
            try repository.submit(request, id: "opt-1", under: Self.key(), tenant: "default")
        }
        #expect(try repository.submission(under: Self.key(), tenant: "default") == nil)
        #expect(try counts() == [["0", "0", "0"]])
    }

    @Test func `a key is free again after a day, and expired keys of every tenant are cleared away`() throws {
        let repository = fixture.submittingUnderKeys
        _ = try repository.submit(.sample, id: "opt-1", under: Self.key(), tenant: "default")
        #expect(
            try fixture.execute("SELECT expires_at = created_at + interval '24 hours' FROM commands.idempotency_keys")
                == [["t"]]
        )
        try fixture.execute(
            """
            UPDATE commands.idempotency_keys SET expires_at = now();
            INSERT INTO commands.idempotency_keys
                (tenant_id, key, request_hash, optimization_id, estimated_completion, expires_at)
            SELECT 'other', 'old-' || n, '', 'opt-0', now(), now() - interval '1 hour' FROM generate_series(1, 6) AS n
            """
        )
        #expect(try repository.submission(under: Self.key(), tenant: "default") == nil)
        let later = try accepted(repository.submit(.sample, id: "opt-2", under: Self.key(), tenant: "default"))
        #expect(later.id == "opt-2")
        #expect(
            try fixture.execute("SELECT tenant_id, count(*) FROM commands.idempotency_keys GROUP BY 1 ORDER BY 1")
                == [["default", "1"], ["other", "2"]]
        )
    }

    @Test func `a hostile key is data, not SQL`() throws {
        let hostile = #"';DROP/**/TABLE"$1\--"#
        let repository = fixture.submittingUnderKeys
        _ = try repository.submit(.sample, id: "opt-1", under: Self.key(hostile), tenant: "default")
        #expect(try fixture.execute("SELECT key FROM commands.idempotency_keys") == [[hostile]])
    }
}

/// The submission that a key stands for.
private func accepted(_ answer: KeyedSubmission) throws -> (id: String, submitted: SubmittedOptimization) {
    guard case .accepted(let id, let submitted) = answer else { throw UsedOtherwise() }
    return (id, submitted)
}

private struct UsedOtherwise: Error {}
