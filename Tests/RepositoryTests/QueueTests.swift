import Foundation
import PortfolioModel
import Repository
import TestSupport
import Testing

@Suite("The queue's limits and turns in PostgreSQL")
struct QueueTests {
    let fixture: Fixture

    init() throws {
        fixture = try Fixture()
        try fixture.storeInputs()
    }

    private func submitting(total: Int = 20_000, perTenant: Int = 20_000) -> any OptimizationRepository {
        PostgresDatabase(
            url: fixture.server.url(database: fixture.name, role: "portfolio_create_optimization"),
            applicationName: "test",
            queueLimits: QueueLimits(total: total, perTenant: perTenant)
        ).optimizations
    }

    /// Jobs without requests, as many as are asked for.
    private func queue(_ count: Int, tenant: String, prefix: String = "x", priority: Int = 100) throws {
        try fixture.execute(
            """
            INSERT INTO jobs.jobs (job_id, tenant_id, kind, priority)
            SELECT '\(prefix)' || lpad(n::text, 6, '0'), '\(tenant)', 'test', \(priority)
            FROM generate_series(1, \(count)) AS n
            """
        )
    }

    /// Lets the next submission measure the queue anew; by itself that happens ten times a second.
    private func forgetDepths() throws { try fixture.execute("DELETE FROM jobs.depths") }

    private func refusal(_ submit: () throws -> SubmittedOptimization) throws -> QueueFull? {
        do {
            _ = try submit()
            return nil
        } catch RepositoryError.queueFull(let full) {
            return full
        }
    }

    // MARK: Limits

    @Test func `at its limit the queue takes nothing in, and stores nothing, until it is shorter`() throws {
        try queue(19_998, tenant: "other")
        let submitting = submitting()
        for id in ["opt-1", "opt-2"] {
            #expect(try submitting.submit(.sample, id: id, tenant: "default").status == .pending)
        }
        let refused = try refusal { try submitting.submit(.sample, id: "opt-3", tenant: "default") }
        #expect(refused?.limit == .queue)
        #expect(try fixture.reading.optimization(id: "opt-3", tenant: "default") == nil)
        #expect(try fixture.execute("SELECT count(*) FROM jobs.jobs") == [["20000"]])
        // What was taken in before is told again, full or not.
        #expect(try submitting.submit(.sample, id: "opt-1", tenant: "default").status == .pending)

        try fixture.execute("DELETE FROM jobs.jobs WHERE job_id = 'x000001'")
        try forgetDepths()
        #expect(try submitting.submit(.sample, id: "opt-3", tenant: "default").status == .pending)
        #expect(try refusal { try submitting.submit(.sample, id: "opt-4", tenant: "default") } != nil)
    }

    @Test func `a tenant at its own limit is refused, and others are not`() throws {
        try fixture.storeInputs(tenant: "b", portfolio: "port-b", model: "model-b")
        try queue(4, tenant: "default", prefix: "a")
        try queue(1, tenant: "default", prefix: "i", priority: 10)
        let submitting = submitting(total: 100, perTenant: 6)
        #expect(try refusal { try submitting.submit(.sample, id: "opt-1", tenant: "default") } == nil)
        try forgetDepths()
        #expect(try refusal { try submitting.submit(.sample, id: "opt-2", tenant: "default") }?.limit == .tenant)
        var request = OptimizationRequest.sample
        request.portfolioID = "port-b"
        #expect(try refusal { try submitting.submit(request, id: "opt-3", tenant: "b") } == nil)
    }

    @Test func `many at once exceed the limit by no more than there are of them`() throws {
        let fixture = fixture
        let threads = 8
        let accepted = try inParallel(threads: threads) { thread -> Int in
            let submitting = PostgresDatabase(
                url: fixture.server.url(database: fixture.name, role: "portfolio_create_optimization"),
                applicationName: "test",
                queueLimits: QueueLimits(total: 50, perTenant: 50_000)
            ).optimizations
            var count = 0
            for index in 0..<25 {
                do {
                    _ = try submitting.submit(.sample, id: "opt-\(thread)-\(index)", tenant: "default")
                    count += 1
                } catch RepositoryError.queueFull {}
            }
            return count
        }
        let total = accepted.reduce(0, +)
        #expect((50 - threads...50 + threads).contains(total), "\(total)")
        #expect(try fixture.execute("SELECT count(*) FROM jobs.jobs") == [["\(total)"]])
    }

    @Test(arguments: [(1, 0.001, 1), (20, 1.0, 10), (20, 1.01, 11), (1000, 30.0, 60)])
    func `who is refused comes back when the queue should be done, within a minute`(
        depth: Int,
        secondsPerJob: Double,
        expected: Int
    ) throws {
        try queue(depth, tenant: "other")
        try fixture.execute(
            "INSERT INTO jobs.service_times VALUES (1, 'test', \(secondsPerJob), now()), (2, 'test', \(secondsPerJob), now())"
        )
        let submitting = submitting(total: depth)
        let refused = try refusal { try submitting.submit(.sample, id: "opt-1", tenant: "default") }
        #expect(refused?.retryAfterSeconds == expected)
    }

    // MARK: Turns

    @Test func `long and large optimizations are batch, the others are not`() throws {
        let submitting = submitting()
        var long = OptimizationRequest.sample
        long.preferences.timeLimitSeconds = 61
        var usual = OptimizationRequest.sample
        usual.preferences.timeLimitSeconds = 60
        _ = try submitting.submit(.sample, id: "opt-1", tenant: "default")
        _ = try submitting.submit(long, id: "opt-2", tenant: "default")
        _ = try submitting.submit(usual, id: "opt-3", tenant: "default")
        try fixture.execute(
            """
            UPDATE inputs.portfolio_snapshots
            SET universe = ARRAY(SELECT 'N' || n FROM generate_series(1, \(JobPriority.largestUsualUniverse + 1)) AS n)
            """
        )
        _ = try submitting.submit(.sample, id: "opt-4", tenant: "default")
        #expect(
            try fixture.execute("SELECT priority FROM jobs.jobs ORDER BY job_id") == [
                ["100"], ["200"], ["100"], ["200"],
            ]
        )
    }

    @Test func `who waits goes before the usual, and the usual before batch, whoever's they are`() throws {
        try queue(5, tenant: "a", prefix: "long", priority: 200)
        try queue(5, tenant: "b", prefix: "usual", priority: 100)
        try queue(5, tenant: "c", prefix: "waits", priority: 10)
        let worker = fixture.worker
        let order = try (0..<3).flatMap { _ in try worker.claimJobs(limit: 5, leaseSeconds: 30).map(\.tenant) }
        #expect(
            order == Array(repeating: "c", count: 5) + Array(repeating: "b", count: 5) + Array(repeating: "a", count: 5)
        )
    }

    @Test func `a single job is in the next batch, however long another tenant's queue is`() throws {
        try queue(10_000, tenant: "big")
        let worker = fixture.worker
        #expect(try worker.claimJobs(limit: 16, leaseSeconds: 30).count == 16)
        try queue(1, tenant: "small", prefix: "s")
        let batch = try worker.claimJobs(limit: 16, leaseSeconds: 30)
        #expect(batch.count == 16 && batch.filter { $0.tenant == "small" }.count == 1)
        // Another worker, which knows nothing of whose turn it was, does the same.
        try queue(1, tenant: "other", prefix: "o")
        #expect(try fixture.worker.claimJobs(limit: 16, leaseSeconds: 30).contains { $0.tenant == "other" })
    }

    @Test func `more tenants than a batch has room for take turns`() throws {
        for index in 10..<50 { try queue(20, tenant: "t\(index)", prefix: "t\(index)-") }
        let worker = fixture.worker
        var served: [String: Int] = [:]
        for _ in 0..<5 {
            for job in try worker.claimJobs(limit: 16, leaseSeconds: 30) { served[job.tenant, default: 0] += 1 }
        }
        // 80 claims for 40 tenants.
        #expect(served.count == 40 && served.values.allSatisfy { $0 == 2 }, "\(served)")
    }

    @Test func `what one tenant does not need goes to the others, each job once`() throws {
        try queue(3, tenant: "a", prefix: "a")
        try queue(100, tenant: "b", prefix: "b")
        try queue(100, tenant: "c", prefix: "c", priority: 200)
        let fixture = fixture
        let worker = fixture.worker
        let first = try worker.claimJobs(limit: 32, leaseSeconds: 30)
        #expect(first.count == 32 && first.filter { $0.tenant == "a" }.count == 3)
        #expect(first.filter { $0.tenant == "b" }.map(\.id) == (1...29).map { String(format: "b%06d", $0) })
        let rest = try inParallel(threads: 6) { _ in
            let worker = fixture.worker
            var ids: [String] = []
            while true {
                let jobs = try worker.claimJobs(limit: 9, leaseSeconds: 30)
                if jobs.isEmpty { return ids }
                ids += jobs.map(\.id)
            }
        }.flatMap { $0 }
        #expect(rest.count == 203 - 32 && Set(rest).count == rest.count)
    }

    // MARK: Batches

    @Test func `jobs on many portfolios are loaded together, each with its own`() throws {
        let inputs = fixture.inputs
        for index in 0..<40 {
            var portfolio = Portfolio.sample
            portfolio.cash = Double(index)
            _ = try inputs.putPortfolio(portfolio, id: "port-x\(index)", tenant: "default")
        }
        let submitting = submitting()
        for index in 0..<50 {
            var request = OptimizationRequest.sample
            request.portfolioID = "port-x\(index % 40)"
            request.constraints.maxPositionSize = 0.5 + Double(index) / 1000
            _ = try submitting.submit(request, id: String(format: "opt-%02d", index), tenant: "default")
        }
        let worker = fixture.worker
        let claimed = try worker.claimJobs(limit: 50, leaseSeconds: 30)
        var loaded: [LoadedJob] = []
        while loaded.count < claimed.count {
            let more = try worker.load(Array(claimed[loaded.count...]))
            try #require(!more.isEmpty)
            loaded += more
        }
        #expect(loaded.map(\.job) == claimed)
        for (index, item) in loaded.enumerated() {
            let job = try item.optimization()
            #expect(job.snapshot.portfolio.cash == Double(index % 40))
            #expect(job.request.constraints.maxPositionSize == 0.5 + Double(index) / 1000)
            #expect(job.snapshot.instruments == [.apple, .bond] && job.snapshot.riskModel == .sample)
        }
        let identities = Set(try loaded.map { try $0.content.get().identity })
        #expect(identities.count == 50 && !identities.contains(nil))
    }

    @Test func `equal requests have equal identities, and each its own answer`() throws {
        let submitting = submitting()
        for id in ["opt-1", "opt-2"] { _ = try submitting.submit(.sample, id: id, tenant: "default") }
        let worker = fixture.worker
        let jobs = try worker.load(worker.claimJobs(limit: 2, leaseSeconds: 30)).map { ($0.job, try $0.optimization()) }
        #expect(jobs[0].1.identity == jobs[1].1.identity)
        let finished = jobs.map { job, content in
            FinishedJob(
                job: job,
                request: content.request,
                createdAt: content.createdAt,
                outcome: .success(.sample),
                identity: content.identity
            )
        }
        #expect(try worker.finish(finished).sorted() == ["opt-1", "opt-2"])
        let bodies = try ["opt-1", "opt-2"].map { id in
            try #require(text(of: try fixture.reading.optimization(id: id, tenant: "default")?.body))
        }
        for (id, body) in zip(["opt-1", "opt-2"], bodies) { #expect(body.contains("\"optimization_id\":\"\(id)\"")) }
        let common = bodies.map { $0.components(separatedBy: "\"optimization_type\"").last }
        #expect(common[0] == common[1])
        #expect(
            try fixture.execute(
                "SELECT count(DISTINCT metrics), count(DISTINCT body), count(DISTINCT entity_tag) FROM portfolio_optimizations"
            ) == [["1", "2", "2"]]
        )
    }

    @Test func `a job whose risk model or request cannot be had is told apart, and fails with a code`() throws {
        let submitting = submitting()
        for id in ["opt-1", "opt-2", "opt-3"] { _ = try submitting.submit(.sample, id: id, tenant: "default") }
        try fixture.execute(
            """
            UPDATE commands.optimization_requests SET risk_model_version = NULL WHERE id = 'opt-1';
            UPDATE commands.optimization_requests SET document = '{' WHERE id = 'opt-2'
            """
        )
        let worker = fixture.worker
        let loaded = try worker.load(worker.claimJobs(limit: 3, leaseSeconds: 30))
        #expect(loaded.map(\.job.id) == ["opt-1", "opt-2", "opt-3"])
        var codes: [String] = []
        for item in loaded {
            guard case .failure(let fault) = item.content else { continue }
            codes.append(fault.failure.code)
            #expect(try worker.fail(item.job, fault.failure))
            #expect(try !worker.fail(item.job, fault.failure), "ended once")
        }
        #expect(codes == ["risk_model_missing", "inputs_unreadable"])
        for (id, code) in zip(["opt-1", "opt-2"], codes) {
            let state = try #require(try fixture.reading.optimization(id: id, tenant: "default"))
            #expect(state.status == .failed)
            let body = try #require(text(of: state.body))
            #expect(body.contains("\"code\":\"\(code)\"") && body.contains("\"portfolio_id\":\"port-1\""))
        }
        #expect(try fixture.execute("SELECT count(*) FROM jobs.jobs") == [["1"]])
    }
}

@Suite("Values used lately")
struct RecentlyUsedTests {
    @Test func `what was used longest ago goes first, and the newest stays however heavy`() {
        var recent = RecentlyUsed<String, Int>(capacity: 100)
        for (index, key) in ["a", "b", "c", "d"].enumerated() { recent.keep(index, for: key, weight: 25) }
        #expect(recent.count == 4 && recent.value(for: "a") == 0)
        recent.keep(4, for: "e", weight: 25)
        #expect(recent.value(for: "a") == 0 && recent.value(for: "e") == 4 && recent.value(for: "b") == nil)
        #expect(recent.weight <= 100)
        recent.keep(5, for: "f", weight: 1000)
        #expect(recent.count == 1 && recent.value(for: "f") == 5 && recent.weight == 1000)
        recent.keep(6, for: "f", weight: 10)
        #expect(recent.count == 1 && recent.weight == 10 && recent.value(for: "f") == 6)
    }
}
