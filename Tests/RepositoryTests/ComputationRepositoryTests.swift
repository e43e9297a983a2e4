import Foundation
import PortfolioModel
import Repository
import TestSupport
import Testing

/// A request of each kind, and an answer with what the tables of that kind need.
private let samples: [ComputationKind: (document: String, answer: String)] = [
    .efficientFrontier: (
        #"{"risk_measure":"volatility","points":20,"min_return":0.1,"constraints":{},"preferences":{}}"#,
        #"{"efficient_frontier":[{"return":0.1}],"current_portfolio":{},"optimal_portfolio":null,"#
            + #""min_risk_portfolio":{},"max_return_portfolio":{},"note":0.30000000000000004}"#
    ),
    .rebalance: (
        #"{"target_type":"optimal","constraints":{"max_turnover":0.1}}"#,
        #"{"current_allocation":{"AAPL":1},"target_allocation":{},"trades":[],"metrics":{}}"#
    ),
    .factorAnalysis: (
        #"{"factors":["MKT"]}"#,
        #"{"as_of":"2025-06-20T00:00:00Z","exposures":[],"attribution":[]}"#
    ),
]

private func request(_ kind: ComputationKind, portfolio: String = "port-1", suffix: String = "") -> ComputationRequest {
    let document = (samples[kind]?.document ?? "{}").dropLast() + (suffix.isEmpty ? "}" : ",\"x\":\(suffix)}")
    return ComputationRequest(kind: kind, portfolioID: portfolio, document: Array(document.utf8))
}

private func answer(_ kind: ComputationKind) -> [UInt8] { Array((samples[kind]?.answer ?? "{}").utf8) }

@Suite("Computations that somebody waits for, in PostgreSQL")
struct ComputationRepositoryTests {
    let fixture: Fixture

    init() throws {
        fixture = try Fixture()
        try fixture.storeInputs()
    }

    private func found(_ request: ComputationRequest, tenant: String = "default") throws -> ComputationState? {
        let repository = fixture.computations(request.kind)
        guard case .found(let state) = try repository.gatherComputation(equalTo: request, tenant: tenant)() else {
            return nil
        }
        return state
    }

    private func read(_ id: String, _ kind: ComputationKind, tenant: String = "default") throws -> ComputationState? {
        try fixture.computations(kind).gatherComputation(id: id, kind: kind, tenant: tenant)()
    }

    /// Claims, loads and ends everything in the queue; the jobs as loaded.
    @discardableResult
    private func work(_ outcome: (ComputationJob) -> Result<[UInt8], OptimizationFailure>) throws -> [ComputationJob] {
        let worker = fixture.worker
        var claimed = try worker.claimJobs(limit: 50, leaseSeconds: 30)
        var jobs: [ComputationJob] = []
        var finished: [FinishedJob] = []
        while !claimed.isEmpty {
            let loaded = try worker.load(claimed)
            claimed.removeFirst(loaded.count)
            for item in loaded {
                guard case .computation(let job) = try item.content.get() else { continue }
                jobs.append(job)
                let end = JobOutcome.computation(job.request, outcome(job))
                finished.append(FinishedJob(job: item.job, createdAt: job.createdAt, outcome: end))
            }
        }
        #expect(try Set(worker.finish(finished)) == Set(finished.map(\.job.id)))
        return jobs
    }

    @Test(arguments: ComputationKind.allCases)
    func `a computation goes from submission over claim and finish to its readers`(_ kind: ComputationKind) throws {
        let repository = fixture.computations(kind)
        let wanted = request(kind)
        let id = kind.identifierPrefix + "1"
        guard case .stored(let createdAt) = try repository.submit(wanted, id: id, tenant: "default") else {
            Issue.record("not stored")
            return
        }
        #expect(try found(wanted)?.status == .pending)
        #expect(try fixture.execute("SELECT kind, priority FROM jobs.jobs") == [[kind.rawValue, "10"]])

        let worker = fixture.worker
        let claimed = try worker.claimJobs(limit: 5, leaseSeconds: 30)
        #expect(try read(id, kind)?.status == .processing)
        try worker.release(claimed)
        #expect(try read(id, kind)?.status == .pending)

        let jobs = try work { _ in .success(answer(kind)) }
        #expect(jobs.map(\.request) == [wanted] && jobs.first?.createdAt == createdAt)
        #expect(jobs.first?.snapshot.portfolio == .sample && jobs.first?.snapshot.riskModel == .sample)
        #expect(jobs.first?.snapshot.instruments == [.apple, .bond])

        let state = try #require(try read(id, kind))
        #expect(state.status == .completed && state.createdAt == createdAt)
        #expect(try #require(state.completedAt) >= createdAt)
        let body = try #require(text(of: state.body))
        #expect(
            body.hasPrefix("{\"\(kind.identifierName)\":\"\(id)\",\"portfolio_id\":\"port-1\",\"status\":\"completed\"")
        )
        #expect(body.hasSuffix(String((samples[kind]?.answer ?? "").dropFirst())), "to the byte")
        #expect(state.body?.entityTag.count == 32)
        #expect(text(of: try found(wanted)?.body) == body)
        #expect(try fixture.execute("SELECT count(*) FROM jobs.jobs") == [["0"]])
        let event = kind == .efficientFrontier ? "frontier" : kind.rawValue
        #expect(try fixture.execute("SELECT type, subject FROM events.outbox") == [["\(event).completed", id]])
        try fixture.execute("SELECT queries.rebuild()")
        #expect(text(of: try found(wanted)?.body) == body)
    }

    @Test func `the service document's columns hold what was asked and answered`() throws {
        for kind in ComputationKind.allCases {
            _ = try fixture.computations(kind).submit(
                request(kind),
                id: kind.identifierPrefix + "1",
                tenant: "default"
            )
        }
        try work { .success(answer($0.request.kind)) }
        #expect(
            try fixture.execute(
                """
                SELECT risk_measure, points, min_return, max_risk, constraints, frontier_points, optimal_portfolio
                FROM efficient_frontier_requests
                JOIN efficient_frontiers USING (portfolio_id, risk_measure)
                """
            ) == [["volatility", "20", "0.10000000", "", "{}", #"[{"return": 0.1}]"#, "null"]]
        )
        #expect(
            try fixture.execute("SELECT target_type, current_allocation FROM rebalance_plans")
                == [["optimal", #"{"AAPL": 1}"#]]
        )
        #expect(
            try fixture.execute(
                "SELECT as_of = '2025-06-20T00:00:00Z', factors FROM factor_exposures"
                    + " JOIN factor_analysis_requests USING (portfolio_id)"
            ) == [["t", #"["MKT"]"#]]
        )
    }

    @Test func `equal requests on the same inputs are one, others are not`() throws {
        let kind = ComputationKind.efficientFrontier
        let repository = fixture.computations(kind)
        _ = try repository.submit(request(kind), id: "fro-1", tenant: "default")
        #expect(try repository.submit(request(kind), id: "fro-2", tenant: "default") == .known(id: "fro-1"))
        #expect(try found(request(kind, suffix: "1")) == nil)
        _ = try repository.submit(request(kind, suffix: "1"), id: "fro-3", tenant: "default")
        #expect(try fixture.execute("SELECT count(*) FROM jobs.jobs") == [["2"]])

        // Each input counts.
        let inputs = fixture.inputs
        let puts: [() throws -> Void] = [
            { _ = try inputs.putInstruments([.apple], tenant: "default") },
            { _ = try inputs.putRiskModel(.sample, id: "model-1", tenant: "default") },
            { _ = try inputs.putPortfolio(.sample, id: "port-1", tenant: "default") },
        ]
        for (index, put) in puts.enumerated() {
            try put()
            #expect(try found(request(kind)) == nil)
            guard case .stored = try repository.submit(request(kind), id: "fro-\(index + 4)", tenant: "default") else {
                Issue.record("a changed input gave the old one")
                return
            }
        }
        #expect(try found(request(kind))?.id == "fro-6")
    }

    @Test func `of many equal submissions at once one is stored, and the others find it`() throws {
        let kind = ComputationKind.rebalance
        let fixture = fixture
        let submitted = try inParallel(threads: 12) { index in
            try fixture.computations(kind).submit(request(kind), id: "reb-\(index)", tenant: "default")
        }
        let stored = submitted.enumerated().filter { if case .stored = $0.element { true } else { false } }
        #expect(stored.count == 1)
        let id = "reb-\(stored.first?.offset ?? -1)"
        #expect(submitted.filter { $0 == .known(id: id) }.count == 11)
        #expect(try fixture.execute("SELECT job_id FROM jobs.jobs") == [[id]])
    }

    @Test func `a failure of the inputs stays, another is tried again`() throws {
        let kind = ComputationKind.efficientFrontier
        let repository = fixture.computations(kind)
        let conflict = ConstraintConflict(
            constraint: "/max_weights/BND",
            subject: nil,
            bound: 0.1,
            nearestFeasible: nil
        )
        let infeasible = OptimizationFailure(code: "infeasible", message: "no", conflicts: [conflict])
        let slow = OptimizationFailure(code: "time_limit", message: "too long")
        _ = try repository.submit(request(kind), id: "fro-1", tenant: "default")
        _ = try repository.submit(request(kind, suffix: "1"), id: "fro-2", tenant: "default")
        try work { $0.request == request(kind) ? .failure(infeasible) : .failure(slow) }

        let failed = try #require(try found(request(kind)))
        #expect(failed.id == "fro-1" && failed.status == .failed)
        let body = try #require(text(of: failed.body))
        #expect(body.contains(#""points":20"#) && body.contains(#""code":"infeasible""#))
        #expect(body.contains(#""nearest_feasible":null"#))
        #expect(try found(request(kind, suffix: "1")) == nil)
        #expect(try read("fro-2", kind)?.status == .failed)
        guard case .stored = try repository.submit(request(kind, suffix: "1"), id: "fro-3", tenant: "default") else {
            Issue.record("a failure of the moment stays for ever")
            return
        }
        #expect(
            try fixture.execute("SELECT type FROM events.outbox ORDER BY subject")
                == [["frontier.failed"], ["frontier.failed"]]
        )
    }

    @Test func `jobs of all kinds are worked off together, optimizations last`() throws {
        _ = try fixture.submitting.submit(.sample, id: "opt-1", tenant: "default")
        for kind in ComputationKind.allCases {
            _ = try fixture.computations(kind).submit(
                request(kind),
                id: kind.identifierPrefix + "1",
                tenant: "default"
            )
        }
        let worker = fixture.worker
        let claimed = try worker.claimJobs(limit: 10, leaseSeconds: 30)
        #expect(claimed.last?.id == "opt-1" && claimed.count == 4, "somebody waits for the others")
        #expect(try worker.load(claimed).count == 1, "one kind at a time")
        let finished = claimed.map { job in
            guard let kind = ComputationKind(rawValue: job.kind) else { return FinishedJob(job) }
            let end = JobOutcome.computation(request(kind), .success(answer(kind)))
            return FinishedJob(job: job, createdAt: Timestamp(microseconds: 0), outcome: end)
        }
        #expect(try Set(worker.finish(finished)) == Set(claimed.map(\.id)))
        #expect(try worker.finish(finished).isEmpty, "ended once")
        #expect(try fixture.execute("SELECT count(*) FROM events.outbox") == [["4"]])
    }

    @Test func `a stale finish of a computation is refused, and a job that cannot be loaded fails`() throws {
        let kind = ComputationKind.factorAnalysis
        _ = try fixture.computations(kind).submit(request(kind), id: "fac-1", tenant: "default")
        let slow = fixture.worker
        let old = try slow.claimJobs(limit: 1, leaseSeconds: 0)
        let quick = fixture.worker
        let new = try quick.claimJobs(limit: 1, leaseSeconds: 30)
        let end = JobOutcome.computation(request(kind), .success(answer(kind)))
        let stale = FinishedJob(job: old[0], createdAt: Timestamp(microseconds: 0), outcome: end)
        #expect(try slow.finish([stale]).isEmpty)
        try fixture.execute("UPDATE commands.factor_analysis_requests SET risk_model_version = NULL")
        guard case .failure(let fault) = try quick.load(new)[0].content else {
            Issue.record("loaded without a risk model")
            return
        }
        #expect(try quick.fail(new[0], fault.failure))
        let body = try #require(text(of: try read("fac-1", kind)?.body))
        #expect(body.contains(#""factors":["MKT"]"#) && body.contains(#""code":"risk_model_missing""#))
    }

    @Test func `the queue's limits hold, and what equals a running one needs no room`() throws {
        let kind = ComputationKind.efficientFrontier
        let repository = fixture.computations(kind, limits: QueueLimits(total: 1, perTenant: 1))
        _ = try repository.submit(request(kind), id: "fro-1", tenant: "default")
        #expect(try repository.submit(request(kind), id: "fro-2", tenant: "default") == .known(id: "fro-1"))
        #expect {
            try repository.submit(request(kind, suffix: "1"), id: "fro-3", tenant: "default")
        } throws: { error in
            if case RepositoryError.queueFull(let full) = error { full.limit == .queue } else { false }
        }
        #expect(try fixture.execute("SELECT count(*) FROM efficient_frontier_requests") == [["1"]])
    }

    @Test func `a tenant sees its own, a function its kind`() throws {
        try fixture.storeInputs(tenant: "b", portfolio: "port-b", model: "model-b")
        let kind = ComputationKind.efficientFrontier
        _ = try fixture.computations(kind).submit(request(kind), id: "fro-1", tenant: "default")
        #expect(try read("fro-1", kind, tenant: "b") == nil)
        let repository = fixture.computations(kind)
        guard case .noPortfolio = try repository.gatherComputation(equalTo: request(kind), tenant: "b")() else {
            Issue.record("another tenant's portfolio was seen")
            return
        }
        #expect(throws: RepositoryError.self) { try repository.submit(request(kind), id: "fro-2", tenant: "b") }
        for (role, tenant, count) in [
            ("portfolio_efficient_frontier", "default", "1"), ("portfolio_efficient_frontier", "b", "0"),
            ("portfolio_rebalance", "default", "0"),
        ] {
            let rows = try fixture.server.execute(
                "SELECT count(*) FROM computations",
                database: fixture.name,
                role: role,
                tenant: tenant
            )
            #expect(rows == [[count]], "\(role), \(tenant)")
        }
    }

    @Test func `a connection cut before any statement is made anew, and nothing is stored twice`() throws {
        let kind = ComputationKind.rebalance
        let repository = fixture.computations(kind)
        let cut =
            "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE datname = current_database()"
            + " AND pid <> pg_backend_pid()"
        _ = try repository.submissionContext(portfolioID: "port-1", namedInstruments: [], tenant: "default")
        try fixture.execute(cut)
        guard case .stored = try repository.submit(request(kind), id: "reb-1", tenant: "default") else {
            Issue.record("not stored")
            return
        }
        try fixture.execute(cut)
        #expect(try repository.submit(request(kind), id: "reb-2", tenant: "default") == .known(id: "reb-1"))
        try fixture.execute(cut)
        guard case .found(let state) = try repository.gatherComputation(equalTo: request(kind), tenant: "default")()
        else {
            Issue.record("not found")
            return
        }
        #expect(state.id == "reb-1")
        try fixture.execute(cut)
        #expect(try repository.gatherComputation(id: "reb-1", kind: kind, tenant: "default")() != nil)
        #expect(try fixture.execute("SELECT job_id FROM jobs.jobs") == [["reb-1"]])
    }

    @Test func `looking for one among thousands reads one`() throws {
        let kind = ComputationKind.efficientFrontier
        try fixture.execute(
            """
            INSERT INTO queries.computations (id, tenant_id, kind, portfolio_id, status, created_at, identity)
            SELECT 'fro-x' || n, 'default', 'efficient_frontier', 'port-1', 'completed', now(), sha256(n::text::bytea)
            FROM generate_series(1, 3000) AS n;
            ANALYZE queries.computations
            """
        )
        func entriesRead() throws -> Int {
            let sum = "SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname IN "
            let rows = try fixture.execute(sum + "('computations', 'efficient_frontier_requests')")
            return rows.first?.first.flatMap { Int($0) } ?? -1
        }
        let before = try entriesRead()
        let rounds = 20
        do {
            let repository = fixture.computations(kind)
            _ = try repository.submit(request(kind), id: "fro-1", tenant: "default")
            for _ in 0..<rounds {
                _ = try repository.gatherComputation(equalTo: request(kind), tenant: "default")()
                _ = try repository.submit(request(kind), id: "fro-2", tenant: "default")
            }
        }
        // A session tells its figures when it ends.
        var read = 0
        for _ in 0..<200 where read == 0 {
            usleep(20_000)
            read = try entriesRead() - before
        }
        #expect((1...10 * rounds).contains(read), "\(read) entries read for \(rounds) looks and submissions")
    }
}
