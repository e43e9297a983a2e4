import JobExecution
import PortfolioModel
import Repository
import Testing

/// A worker on an in-memory job table, with a clock that the test moves.
private final class Bench: @unchecked Sendable {
    let repository = InMemoryJobRepository()
    var settings = WorkerSettings(
        batchSize: 16,
        leaseTime: .seconds(30),
        renewalPeriod: .seconds(10),
        pollPeriod: .seconds(1)
    )
    var pauses: [Duration] = []
    var events: [WorkerEvent] = []
    var shouldLeave = false
    /// What computing does besides answering: it may move the clock, cancel, lose the lease.
    var whileComputing: (String, () -> Bool) -> Void = { _, _ in }
    var outcome: Result<OptimizationResult, OptimizationFailure> = .failure(
        OptimizationFailure(code: "infeasible", message: "none")
    )
    var violations: [String] = []
    private(set) var computed: [String] = []
    private(set) lazy var keeper = LeaseKeeper(
        settings: settings,
        clock: { [unowned self] in self.repository.now },
        openRepository: { [unowned self] in self.repository },
        log: { [unowned self] in self.events.append($0) }
    )
    private(set) lazy var worker = RunJobs(
        jobs: repository,
        keeper: keeper,
        settings: settings,
        surroundings: RunJobs.Surroundings(
            clock: { [unowned self] in self.repository.now },
            pause: { [unowned self] pause in
                self.pauses.append(pause)
                self.advance(pause)
            },
            shouldLeave: { [unowned self] in self.shouldLeave },
            jitter: { 0.5 },
            log: { [unowned self] in self.events.append($0) }
        ),
        compute: { [unowned self] _, job, isRevoked in
            self.computed.append(job.id)
            self.whileComputing(job.id, isRevoked)
            var computed = ComputedOutcome(result: self.outcome)
            computed.violations = self.violations
            return ComputedJob(computed, of: TestJob().job.request)
        }
    )

    init(_ ids: [String]) { for id in ids { repository.add(id, TestJob().job) } }

    /// Moves the clock; the keeper renews as its thread would.
    func advance(_ time: Duration, renewing: Bool = true) {
        let end = repository.now + time
        while repository.now < end {
            repository.now = min(end, repository.now + .milliseconds(500))
            if renewing { keeper.renewIfDue() }
        }
    }

    var messages: [String] { events.map(\.message) }
}

private let away = RepositoryError.unavailable(underlying: "gone")

@Suite("The worker's loop")
struct RunJobsTests {
    @Test func `a batch of small jobs is finished in one transaction`() {
        let bench = Bench(["a", "b", "c"])
        bench.worker.turn()
        #expect(bench.repository.finishes == [["a", "b", "c"]])
        #expect(bench.messages == ["job ended", "job ended", "job ended"])
    }

    @Test func `a batch is finished early once an outcome has waited`() {
        let bench = Bench(["a", "b", "c", "d"])
        bench.whileComputing = { id, _ in bench.repository.now += .milliseconds(id == "c" ? 1 : 15) }
        bench.worker.turn()
        #expect(
            bench.repository.finishes == [["a", "b"], ["c", "d"]]
                || bench.repository.finishes == [["a", "b"], ["c"], ["d"]]
        )
    }

    @Test func `after long jobs only one is claimed, and the rest is left to others`() {
        let bench = Bench(["a"])
        bench.whileComputing = { _, _ in bench.repository.now += .seconds(2) }
        bench.worker.turn()
        for id in ["b", "c"] { bench.repository.add(id, TestJob().job) }
        bench.worker.turn()
        #expect(bench.repository.row("b")?.state == .failed && bench.repository.row("c")?.state == .pending)
    }

    @Test func `without jobs it waits`() {
        let bench = Bench([])
        bench.worker.turn()
        #expect(bench.repository.waits == 1)
    }

    @Test func `a job cancelled while it is computed stops and stores nothing`() {
        let bench = Bench(["a", "b"])
        var wasTold = false
        bench.whileComputing = { id, isRevoked in
            guard id == "a" else { return }
            bench.repository.cancel("a")
            bench.advance(.seconds(11))
            wasTold = isRevoked()
        }
        bench.worker.turn()
        #expect(bench.repository.row("b")?.state == .pending, "it did not wait eleven seconds behind a")
        bench.worker.turn()
        #expect(wasTold)
        #expect(bench.repository.row("a")?.state == .cancelled && bench.repository.row("a")?.outcome == nil)
        #expect(bench.repository.row("b")?.storedCount == 1)
        #expect(bench.messages.contains("job dropped"))
    }

    @Test func `jobs behind a long one are given back to other workers, without an attempt`() {
        let bench = Bench(["a", "b", "c"])
        bench.whileComputing = { id, _ in
            guard id == "a" else { return }
            bench.advance(.milliseconds(500))
            #expect(bench.repository.row("b")?.state == .processing)
            bench.advance(.seconds(1))
            #expect(bench.repository.rows.map(\.state) == [.processing, .pending, .pending])
            let taken = try? bench.repository.claimJobs(limit: 1, leaseSeconds: 3600)
            #expect(taken?.map(\.id) == ["b"] && taken?.first?.attempts == 1)
        }
        bench.worker.turn()
        #expect(bench.computed == ["a"])
        bench.worker.turn()
        #expect(bench.computed == ["a", "c"])
        #expect(bench.repository.finishes == [["a"], ["c"]])
    }

    @Test func `a job cancelled just before the commit is refused by the database and logged`() {
        let bench = Bench(["a"])
        bench.whileComputing = { _, _ in bench.repository.cancel("a") }
        bench.worker.turn()
        #expect(bench.repository.row("a")?.state == .cancelled)
        #expect(bench.messages == ["job not stored"])
    }

    @Test func `renewals carry a long job over many leases`() {
        let bench = Bench(["a"])
        bench.whileComputing = { _, isRevoked in
            bench.advance(.seconds(300))
            #expect(!isRevoked())
        }
        bench.worker.turn()
        #expect(bench.repository.row("a")?.storedCount == 1)
    }

    @Test func `a lease that could not be renewed for two periods is not committed`() {
        let bench = Bench(["a"])
        var stopped = false
        bench.whileComputing = { _, isRevoked in
            bench.repository.faults["renew"] = Array(repeating: away, count: 100)
            bench.advance(.seconds(25))
            stopped = isRevoked()
        }
        bench.worker.turn()
        #expect(stopped)
        #expect(bench.repository.finishes.isEmpty)
        #expect(bench.messages.last == "job dropped")
    }

    @Test func `a process that was asleep past its lease does not overwrite the next worker's result`() {
        let bench = Bench(["a"])
        bench.whileComputing = { _, _ in
            // The clock moves without a renewal: the process was stopped. Another worker takes the job.
            bench.repository.now += .seconds(60)
            _ = try? bench.repository.claimJobs(limit: 1, leaseSeconds: 30)
        }
        bench.worker.turn()
        #expect(bench.repository.finishes.isEmpty)
        #expect(bench.repository.row("a")?.token == 2)
    }

    @Test func `a database that is away is tried again with growing pauses, and nothing is lost`() {
        let bench = Bench(["a", "b"])
        bench.repository.faults = [
            "claim": [away, away], "load": [away], "finish": [away, away, away],
        ]
        for _ in 0..<3 { bench.worker.turn() }
        #expect(bench.repository.rows.allSatisfy { $0.state == .failed && $0.storedCount == 1 })
        #expect(bench.pauses.count == 6)
        #expect(bench.pauses[1] > bench.pauses[0])
        #expect(bench.computed == ["a", "b"], "what was computed is not computed again")
    }

    @Test func `an outage longer than the lease drops the outcome, and the job is done again`() {
        let bench = Bench(["a"])
        bench.repository.faults["finish"] = Array(repeating: away, count: 1000)
        bench.repository.faults["renew"] = Array(repeating: away, count: 1000)
        bench.worker.turn()
        #expect(bench.repository.row("a")?.state == .processing)
        bench.repository.faults = [:]
        bench.repository.now += .seconds(60)
        bench.worker.turn()
        #expect(bench.repository.row("a")?.storedCount == 1)
        #expect(bench.computed == ["a", "a"])
    }

    @Test func `an outcome the database refuses does not take the others with it`() {
        let bench = Bench(["a", "b", "c"])
        let refused = RepositoryError.refused(sqlState: "22000", message: "no")
        bench.repository.faults["finish"] = [refused, refused]
        bench.worker.turn()
        #expect(bench.repository.rows.map(\.state) == [.processing, .failed, .failed])
        #expect(bench.messages.contains("job refused"))
    }

    @Test func `a job that can never be read fails at once, and those beside it do not`() throws {
        let bench = Bench(["a", "b", "c"])
        bench.repository.loadFaults = ["a": .unreadable(what: "x"), "c": .riskModelMissing(id: "m")]
        bench.repository.faults["fail"] = [away]
        bench.worker.turn()
        #expect(bench.computed == ["b"])
        #expect(bench.repository.rows.map(\.state) == [.failed, .failed, .failed])
        #expect(bench.repository.rows.allSatisfy { $0.storedCount == 1 && $0.attempts == 1 })
        var codes: [String] = []
        for row in bench.repository.rows {
            guard case .failure(let failure) = try #require(row.outcome) else { continue }
            codes.append(failure.code)
        }
        #expect(codes == ["inputs_unreadable", "infeasible", "risk_model_missing"])
    }

    @Test func `jobs are loaded together, as many at once as the repository gives`() {
        let bench = Bench(["a", "b", "c", "d", "e"])
        bench.repository.loadLimit = 2
        bench.worker.turn()
        #expect(bench.computed == ["a", "b", "c", "d", "e"])
        #expect(bench.repository.loads.map(\.count) == [5, 3, 1])
        #expect(bench.repository.finishes == [["a", "b", "c", "d", "e"]])
    }

    @Test func `a job that was claimed before is not loaded with others`() {
        let bench = Bench(["a", "b", "c"])
        _ = try? bench.repository.claimJobs(limit: 1, leaseSeconds: 30)
        bench.repository.now += .seconds(60)
        bench.worker.turn()
        #expect(bench.repository.loads == [["b", "c"], ["a"]])
    }

    @Test func `before anything is known of the jobs' times few are claimed`() {
        let bench = Bench((0..<40).map { "j\($0)" })
        bench.settings.batchSize = 100
        bench.worker.turn()
        #expect(bench.computed.count == bench.settings.firstBatchSize)
        bench.worker.turn()
        #expect(bench.computed.count == 40)
    }

    @Test func `a worker that ran out of jobs looks often for a while, then as often as it is set to`() {
        let bench = Bench(["a"])
        bench.worker.turn()
        bench.worker.turn()
        #expect(bench.repository.waitSeconds.last == 0.01)
        bench.repository.now += .seconds(2)
        bench.worker.turn()
        #expect(bench.repository.waitSeconds.last == 1)
    }

    @Test func `jobs that were claimed before are worked off alone`() {
        // Their worker died: one of them may have killed it, and must not count an attempt of the others.
        let bench = Bench(["a", "b", "c", "d"])
        _ = try? bench.repository.claimJobs(limit: 3, leaseSeconds: 30)
        bench.repository.now += .seconds(60)
        bench.worker.turn()
        #expect(bench.computed == ["d", "a"])
        #expect(bench.repository.finishes == [["d"], ["a"]], "what is safe is stored before the suspect starts")
        #expect(bench.repository.row("b")?.attempts == 1 && bench.repository.row("b")?.state == .pending)
    }

    @Test func `told to leave, it ends the current job and gives the rest back`() {
        let bench = Bench(["a", "b", "c"])
        bench.whileComputing = { _, _ in bench.shouldLeave = true }
        bench.worker.run()
        #expect(bench.repository.rows.map(\.state) == [.failed, .pending, .pending])
        #expect(bench.repository.rows.map(\.attempts) == [1, 0, 0])
        #expect(bench.repository.finishes == [["a"]])
    }

    @Test func `told to leave while the database is away, it leaves`() {
        let bench = Bench(["a"])
        bench.whileComputing = { _, _ in bench.shouldLeave = true }
        bench.repository.faults["finish"] = Array(repeating: away, count: 1000)
        bench.worker.run()
        #expect(bench.repository.row("a")?.state == .processing)
        #expect(bench.pauses.count < 5)
    }

    @Test func `a result that the checker rejects ends failed and is logged with what is wrong`() throws {
        let bench = Bench(["a"])
        bench.outcome = .failure(OptimizationFailure(code: "check_failed", message: "x"))
        bench.violations = ["metrics/tax: expected 1, found 2"]
        bench.worker.turn()
        #expect(bench.repository.row("a")?.state == .failed)
        #expect(bench.messages == ["result rejected by the checker", "job ended"])
        let fields = try #require(bench.events.first?.fields)
        #expect(fields.contains { $0.name == "violations" && $0.value == .text("metrics/tax: expected 1, found 2") })
    }

    @Test func `the keeper's thread renews, tells what to stop, and ends`() {
        let repository = InMemoryJobRepository()
        repository.add("a", TestJob().job)
        let settings = WorkerSettings(
            batchSize: 1,
            leaseTime: .milliseconds(200),
            renewalPeriod: .milliseconds(20),
            pollPeriod: .seconds(1)
        )
        let keeper = LeaseKeeper(
            settings: settings,
            clock: monotonicNow,
            openRepository: { repository },
            log: { _ in }
        )
        guard let claimed = try? repository.claimJobs(limit: 1, leaseSeconds: 3600), keeper.start() else {
            Issue.record("nothing was started")
            return
        }
        repository.cancel("a")
        keeper.hold(claimed, askedAt: monotonicNow())
        let deadline = monotonicNow() + .seconds(20)
        while keeper.stopReason(of: claimed[0]) != .revoked, monotonicNow() < deadline {
            pauseThread(for: .milliseconds(5))
            if keeper.stopReason(of: claimed[0]) == .expired { keeper.hold(claimed, askedAt: monotonicNow()) }
        }
        #expect(keeper.stopReason(of: claimed[0]) == .revoked)
        keeper.stop()
    }
}
