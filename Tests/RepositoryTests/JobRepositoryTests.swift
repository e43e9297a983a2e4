import Foundation
import PortfolioModel
import Repository
import TestSupport
import Testing

@Suite("Requests and jobs in PostgreSQL")
struct JobRepositoryTests {
    let fixture: Fixture

    init() throws {
        fixture = try Fixture()
        try fixture.storeInputs()
    }

    @discardableResult
    private func submit(_ id: String) throws -> SubmittedOptimization {
        try fixture.submitting.submit(.sample, id: id, tenant: "default")
    }

    private func state(_ id: String) throws -> OptimizationState? {
        try fixture.reading.optimization(id: id, tenant: "default")
    }

    // MARK: The way of a job

    @Test func `a job goes from submission over claim and finish to the reader`() throws {
        let submitted = try submit("opt-1")
        #expect(submitted.status == .pending && submitted.estimatedCompletion >= submitted.createdAt)
        let pending = try #require(try state("opt-1"))
        #expect(pending.status == .pending && pending.createdAt == submitted.createdAt && pending.body == nil)
        #expect(pending.type == "mean_variance" && pending.objective == "maximize_sharpe")

        let worker = fixture.worker
        let claimed = try worker.claimJobs(limit: 5, leaseSeconds: 30)
        #expect(
            claimed.map(\.id) == ["opt-1"] && claimed.map(\.attempts) == [1] && claimed.map(\.tenant) == ["default"]
        )
        #expect(try state("opt-1")?.status == .processing)
        #expect(try worker.claimJobs(limit: 5, leaseSeconds: 30).isEmpty)

        let job = try worker.load(claimed[0])
        #expect(job.request == .sample && job.createdAt == submitted.createdAt)
        #expect(job.snapshot.portfolio == .sample && job.snapshot.riskModel == .sample)
        #expect(job.snapshot.instruments == [.apple, .bond])

        #expect(try worker.finish([FinishedJob(claimed[0])]) == ["opt-1"])
        let completed = try #require(try state("opt-1"))
        #expect(completed.status == .completed)
        #expect(try #require(completed.completedAt) >= completed.createdAt)
        let body = try #require(text(of: completed.body))
        #expect(body.contains(#""optimization_id":"opt-1""#) && body.contains(#""status":"completed""#))
        #expect(completed.body?.entityTag.count == 32)
        #expect(body.contains("excluded") == false)
        let excluded = try fixture.reading.excludedInstruments(id: "opt-1", tenant: "default")
        #expect(excluded.map { String(decoding: $0, as: UTF8.self) } == "[]")
        #expect(try fixture.reading.excludedInstruments(id: "opt-1", tenant: "other") == nil)
        #expect(try fixture.execute("SELECT count(*) FROM jobs.jobs") == [["0"]])
        #expect(
            try fixture.execute("SELECT type, subject, portfolio_id FROM events.outbox")
                == [["optimization.completed", "opt-1", "port-1"]]
        )
        #expect(
            try fixture.execute(
                "SELECT result.body = shown.body, result.metrics = shown.metrics, result.completed_at = shown.completed_at"
                    + " FROM optimization_results AS result JOIN portfolio_optimizations AS shown USING (optimization_id)"
            ) == [["t", "t", "t"]]
        )
    }

    @Test func `a failure is stored with its answer and its event`() throws {
        try submit("opt-1")
        let worker = fixture.worker
        let claimed = try worker.claimJobs(limit: 1, leaseSeconds: 30)
        let failure = OptimizationFailure(
            code: "infeasible",
            message: "no",
            conflicts: [
                ConstraintConflict(constraint: "/max_position_size", subject: nil, bound: 0.1, nearestFeasible: 0.5)
            ]
        )
        #expect(try worker.finish([FinishedJob(claimed[0], outcome: .failure(failure))]) == ["opt-1"])
        let failed = try #require(try state("opt-1"))
        #expect(failed.status == .failed)
        #expect(text(of: failed.body)?.contains(#""code":"infeasible""#) == true)
        #expect(
            try fixture.execute("SELECT status, error->>'code' FROM portfolio_optimizations") == [
                ["failed", "infeasible"]
            ]
        )
        #expect(try fixture.execute("SELECT type FROM events.outbox") == [["optimization.failed"]])
    }

    @Test func `the versions of the inputs are those of the submission`() throws {
        try submit("opt-1")
        var dearer = Instrument.apple
        dearer.price = 999
        _ = try fixture.inputs.putInstruments([dearer], tenant: "default")
        var model = RiskModel.sample
        model.periodsPerYear = 12
        _ = try fixture.inputs.putRiskModel(model, id: "model-1", tenant: "default")
        var portfolio = Portfolio.sample
        portfolio.cash = 1
        _ = try fixture.inputs.putPortfolio(portfolio, id: "port-1", tenant: "default")
        try submit("opt-2")

        let worker = fixture.worker
        let claimed = try worker.claimJobs(limit: 2, leaseSeconds: 30)
        let (old, new) = (try worker.load(claimed[0]).snapshot, try worker.load(claimed[1]).snapshot)
        #expect(old.portfolio == .sample && old.riskModel == .sample && old.instruments == [.apple, .bond])
        #expect(new.portfolio == portfolio && new.riskModel == model && new.instruments == [dearer, .bond])
        #expect(new.versions == SnapshotVersions(portfolio: 2, riskModelID: "model-1", riskModel: 2, instruments: 2))
        // A model in memory is used only for its own version.
        #expect(try worker.load(claimed[0]).snapshot.riskModel == .sample)
    }

    @Test func `a submission repeated with its id is one submission`() throws {
        let first = try submit("opt-1")
        #expect(try submit("opt-1").createdAt == first.createdAt)
        #expect(try fixture.worker.claimJobs(limit: 5, leaseSeconds: 30).count == 1)
    }

    @Test func `a submission for a portfolio that is not there stores nothing`() throws {
        var request = OptimizationRequest.sample
        request.portfolioID = "none"
        #expect(throws: RepositoryError.self) { try fixture.submitting.submit(request, id: "o", tenant: "default") }
        #expect(throws: RepositoryError.self) { try fixture.submitting.submit(.sample, id: "o", tenant: "other") }
        #expect(try fixture.execute("SELECT count(*) FROM jobs.jobs") == [["0"]])
    }

    @Test func `what a request names and the risk model does not have is told`() throws {
        let submitting = fixture.submitting
        let context = try submitting.submissionContext(
            portfolioID: "port-1",
            namedInstruments: ["ZZZ", "AAPL", "CCC"],
            tenant: "default"
        )
        #expect(context?.unknownInstruments == ["CCC", "ZZZ"])
        #expect(
            try submitting.submissionContext(portfolioID: "port-1", namedInstruments: [], tenant: "other") == nil
        )
    }

    @Test func `a batch is finished as one, and those not held are left out`() throws {
        for index in 1...4 { try submit("opt-\(index)") }
        let worker = fixture.worker
        var claimed = try worker.claimJobs(limit: 4, leaseSeconds: 30)
        #expect(claimed.map(\.id) == ["opt-1", "opt-2", "opt-3", "opt-4"])
        #expect(try fixture.submitting.cancel(id: "opt-2", tenant: "default") == .cancelled)
        claimed[2].leaseToken -= 1
        #expect(try worker.finish(claimed.map { FinishedJob($0) }).sorted() == ["opt-1", "opt-4"])
        #expect(try state("opt-2")?.status == .cancelled)
        #expect(try state("opt-3")?.status == .processing)
        #expect(try worker.finish(claimed.map { FinishedJob($0) }).isEmpty)
        #expect(
            try fixture.execute("SELECT subject, type FROM events.outbox ORDER BY subject") == [
                ["opt-1", "optimization.completed"], ["opt-2", "optimization.cancelled"],
                ["opt-4", "optimization.completed"],
            ]
        )
    }

    // MARK: Leases

    @Test func `many workers claim each job once`() throws {
        let submitting = fixture.submitting
        for index in 0..<200 { _ = try submitting.submit(.sample, id: "opt-\(index)", tenant: "default") }
        let fixture = fixture
        let claimed = try inParallel(threads: 8) { _ in
            let worker = fixture.worker
            var ids: [String] = []
            while true {
                let jobs = try worker.claimJobs(limit: 7, leaseSeconds: 30)
                if jobs.isEmpty { return ids }
                ids += jobs.map(\.id)
            }
        }
        #expect(claimed.flatMap { $0 }.count == 200)
        #expect(Set(claimed.flatMap { $0 }).count == 200)
    }

    @Test func `a lease that ran out is claimed by another, and the old holder's finish is refused`() throws {
        try submit("opt-1")
        let (slow, quick) = (fixture.worker, fixture.worker)
        let old = try slow.claimJobs(limit: 1, leaseSeconds: 0)
        let new = try quick.claimJobs(limit: 1, leaseSeconds: 30)
        #expect(new.map(\.id) == ["opt-1"] && new[0].attempts == 2 && new[0].leaseToken > old[0].leaseToken)
        #expect(try slow.renew(old, leaseSeconds: 30) == ["opt-1"])
        #expect(try slow.finish([FinishedJob(old[0])]).isEmpty)
        try slow.release(old)
        #expect(try state("opt-1")?.status == .processing)
        #expect(try quick.renew(new, leaseSeconds: 30).isEmpty)
        #expect(try quick.finish([FinishedJob(new[0])]) == ["opt-1"])
    }

    @Test func `a renewed lease is not claimed, and one that ran out can be renewed while nobody took it`() throws {
        try submit("opt-1")
        let (first, second) = (fixture.worker, fixture.worker)
        let job = try first.claimJobs(limit: 1, leaseSeconds: 0)
        #expect(try first.renew(job, leaseSeconds: 30).isEmpty)
        #expect(try second.claimJobs(limit: 1, leaseSeconds: 30).isEmpty)
        #expect(try first.renew([], leaseSeconds: 30).isEmpty)
    }

    @Test func `a job given back is there at once, and the attempt does not count`() throws {
        try submit("opt-1")
        let worker = fixture.worker
        for _ in 1...5 {
            let job = try worker.claimJobs(limit: 1, leaseSeconds: 30)
            #expect(job.first?.attempts == 1)
            try worker.release(job)
            #expect(try state("opt-1")?.status == .pending)
        }
    }

    @Test func `a job whose workers were lost three times fails with worker_lost`() throws {
        try submit("opt-1")
        try submit("opt-2")
        let worker = fixture.worker
        for attempt in 1...3 {
            #expect(try worker.claimJobs(limit: 1, leaseSeconds: 0).first?.attempts == attempt)
        }
        #expect(try worker.claimJobs(limit: 5, leaseSeconds: 30).map(\.id) == ["opt-2"])
        let failed = try #require(try state("opt-1"))
        #expect(failed.status == .failed)
        #expect(text(of: failed.body)?.contains(#""code":"worker_lost""#) == true)
        #expect(try fixture.execute("SELECT type, subject FROM events.outbox") == [["optimization.failed", "opt-1"]])
    }

    @Test func `a lost job whose request cannot be read fails all the same`() throws {
        try submit("opt-1")
        try fixture.execute("UPDATE commands.optimization_requests SET document = 'broken'")
        let worker = fixture.worker
        for _ in 1...3 { #expect(try worker.claimJobs(limit: 1, leaseSeconds: 0).count == 1) }
        #expect(throws: LoadFault.self) {
            try worker.load(ClaimedJob(id: "opt-1", tenant: "", kind: "", attempts: 3, leaseToken: 3))
        }
        #expect(try worker.claimJobs(limit: 1, leaseSeconds: 0).isEmpty)
        let failed = try #require(try state("opt-1"))
        #expect(failed.status == .failed)
        #expect(text(of: failed.body)?.contains(#""code":"worker_lost""#) == true)
    }

    // MARK: Cancellation

    @Test func `what has not ended can be cancelled, once and for all`() throws {
        let submitting = fixture.submitting
        #expect(try submitting.cancel(id: "none", tenant: "default") == nil)
        try submit("opt-1")
        #expect(try submitting.cancel(id: "opt-1", tenant: "other") == nil)
        #expect(try submitting.cancel(id: "opt-1", tenant: "default") == .cancelled)
        #expect(try submitting.cancel(id: "opt-1", tenant: "default") == .cancelled)
        #expect(try fixture.worker.claimJobs(limit: 1, leaseSeconds: 30).isEmpty)
        let cancelled = try #require(try state("opt-1"))
        #expect(cancelled.status == .cancelled && cancelled.completedAt != nil && cancelled.body == nil)
        #expect(try fixture.execute("SELECT type FROM events.outbox") == [["optimization.cancelled"]])
    }

    @Test func `a job being worked on can be cancelled, and its worker learns it at the renewal`() throws {
        try submit("opt-1")
        let worker = fixture.worker
        let job = try worker.claimJobs(limit: 1, leaseSeconds: 30)
        #expect(try fixture.submitting.cancel(id: "opt-1", tenant: "default") == .cancelled)
        #expect(try worker.renew(job, leaseSeconds: 30) == ["opt-1"])
        #expect(try worker.finish([FinishedJob(job[0])]).isEmpty)
        #expect(try state("opt-1")?.status == .cancelled)
        #expect(try fixture.execute("SELECT count(*) FROM optimization_results") == [["0"]])
    }

    @Test func `what has ended otherwise stays as it is`() throws {
        try submit("opt-1")
        let worker = fixture.worker
        let job = try worker.claimJobs(limit: 1, leaseSeconds: 30)
        _ = try worker.finish([FinishedJob(job[0])])
        #expect(try fixture.submitting.cancel(id: "opt-1", tenant: "default") == .completed)
        #expect(try state("opt-1")?.status == .completed)
        #expect(
            performing: {
                try fixture.execute("UPDATE commands.optimization_requests SET status = 'cancelled'")
            },
            throws: { "\($0)".contains("stays it") }
        )
    }

    @Test func `of a cancellation and a finish at the same moment exactly one happens`() throws {
        let fixture = fixture
        let (submitting, worker) = (fixture.submitting, fixture.worker)
        for round in 0..<25 {
            let id = "opt-\(round)"
            _ = try submitting.submit(.sample, id: id, tenant: "default")
            let job = try worker.claimJobs(limit: 1, leaseSeconds: 30)
            let told = try inParallel(threads: 2) { index -> String in
                if index == 0 { return try fixture.submitting.cancel(id: id, tenant: "default")?.rawValue ?? "none" }
                return try fixture.worker.finish([FinishedJob(job[0])]).isEmpty ? "refused" : "stored"
            }
            let state = try #require(try state(id)).status
            #expect(told == (state == .completed ? ["completed", "stored"] : ["cancelled", "refused"]))
        }
        #expect(try fixture.execute("SELECT count(*), count(DISTINCT subject) FROM events.outbox") == [["25", "25"]])
    }

    // MARK: The queue as a whole

    @Test func `the estimate is the queue's depth times what a job took, over the workers`() throws {
        try fixture.execute(
            """
            INSERT INTO jobs.jobs (job_id, tenant_id, kind) SELECT 'x' || n, 'other', 'test' FROM generate_series(1, 99) n;
            INSERT INTO jobs.service_times VALUES (1, 'test', 3, now()), (2, 'test', 1, now()), (3, 'test', 900, '2001-01-01')
            """
        )
        let submitted = try submit("opt-1")
        let wait = submitted.estimatedCompletion.microseconds - submitted.createdAt.microseconds
        #expect(wait == 100 * 2 / 2 * 1_000_000)
    }

    @Test func `news of jobs do not heap up while a worker claims, and none is lost`() throws {
        let worker = fixture.worker
        #expect(worker.waitForJobs(seconds: 0))
        try submit("opt-1")
        usleep(300_000)  // the server delivers the news in its own time
        #expect(try worker.claimJobs(limit: 5, leaseSeconds: 30).count == 1)
        #expect(!worker.waitForJobs(seconds: 0))
        try submit("opt-2")
        #expect(worker.waitForJobs(seconds: 10))
    }

    // MARK: Read side

    @Test func `the read side rebuilt from the write side is the same to the byte`() throws {
        for index in 1...4 { try submit("opt-\(index)") }
        let worker = fixture.worker
        let jobs = try worker.claimJobs(limit: 3, leaseSeconds: 30)
        _ = try worker.finish([
            FinishedJob(jobs[0]),
            FinishedJob(jobs[1], outcome: .failure(OptimizationFailure(code: "unbounded", message: "no limit"))),
        ])
        _ = try fixture.submitting.cancel(id: "opt-3", tenant: "default")
        let all = "SELECT md5(string_agg(t::text, '|' ORDER BY optimization_id)) FROM portfolio_optimizations AS t"
        let before = try fixture.execute(all)
        try fixture.execute("SELECT queries.rebuild()")
        #expect(try fixture.execute(all) == before)
    }
}
