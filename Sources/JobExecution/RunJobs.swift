internal import PortfolioModel
package import Repository

/// The worker: claims jobs, computes them, stores their outcomes, until it is told to leave.
///
/// At least once, stored once: a job whose lease is lost is dropped and never committed; an outcome that cannot be stored
/// while the database is away is kept and tried again as long as its lease holds.
package final class RunJobs {
    /// What the loop needs of the outside world.
    package struct Surroundings {
        /// Monotonic time.
        package var clock: () -> Duration
        /// Lets the thread sleep.
        package var pause: (Duration) -> Void
        /// Whether to leave after the current job.
        package var shouldLeave: () -> Bool
        /// A uniform number in [0, 1), to spread retries.
        package var jitter: () -> Double
        /// Takes a line of the log.
        package var log: (WorkerEvent) -> Void

        package init(
            clock: @escaping () -> Duration,
            pause: @escaping (Duration) -> Void,
            shouldLeave: @escaping () -> Bool,
            jitter: @escaping () -> Double,
            log: @escaping (WorkerEvent) -> Void
        ) {
            self.clock = clock
            self.pause = pause
            self.shouldLeave = shouldLeave
            self.jitter = jitter
            self.log = log
        }
    }

    /// Computes a job; the closure tells whether its lease is gone.
    package typealias Compute = (OptimizationJob, ClaimedJob, () -> Bool) -> ComputedOutcome

    /// Tries to store an outcome after being told to leave; then the lease hands the job to another worker.
    private static let lastTries = 3

    private let jobs: any JobRepository
    private let keeper: LeaseKeeper
    private let settings: WorkerSettings
    private let surroundings: Surroundings
    private let compute: Compute
    private var backoff = Backoff()
    /// What a job took lately; nil before the first.
    private var usualJobTime: Duration?

    package init(
        jobs: any JobRepository,
        keeper: LeaseKeeper,
        settings: WorkerSettings,
        surroundings: Surroundings,
        compute: @escaping Compute
    ) {
        self.jobs = jobs
        self.keeper = keeper
        self.settings = settings
        self.surroundings = surroundings
        self.compute = compute
    }

    /// Works until told to leave.
    package func run() {
        while !surroundings.shouldLeave() { turn() }
    }

    /// Claims a batch and works it off, or waits for jobs when there are none.
    package func turn() {
        let askedAt = surroundings.clock()
        let claimed: [ClaimedJob]
        do {
            claimed = try jobs.claimJobs(limit: claimLimit, leaseSeconds: settings.leaseTime.inSeconds)
        } catch {
            waitForDatabase(doing: "claim", error)
            return
        }
        backoff.reset()
        guard !claimed.isEmpty else {
            _ = jobs.waitForJobs(seconds: settings.pollPeriod.inSeconds)
            return
        }
        keeper.hold(claimed, askedAt: askedAt)
        workOff(claimed)
    }

    /// So many jobs as fit into the time that other workers may be kept waiting for them.
    private var claimLimit: Int {
        guard let usualJobTime, usualJobTime > .zero else { return settings.batchSize }
        let fitting = settings.claimedWork / usualJobTime
        return fitting >= Double(settings.batchSize) ? settings.batchSize : max(1, Int(exactly: fitting.rounded()) ?? 1)
    }

    private func workOff(_ claimed: [ClaimedJob]) {
        // A job that was claimed before may be what killed its worker. It is worked off alone and last, so that it
        // takes no other job's attempt with it.
        let suspects = claimed.filter { $0.attempts > 1 }
        var waiting = claimed.filter { $0.attempts <= 1 }
        release(Array(suspects.dropFirst()))
        waiting += suspects.prefix(1)

        var outcomes: [Outcome] = []
        var oldest = surroundings.clock()
        for (index, job) in waiting.enumerated() {
            if surroundings.shouldLeave() {
                store(outcomes)
                release(Array(waiting[index...]))
                return
            }
            if job.attempts > 1 {
                store(outcomes)
                outcomes = []
            }
            if outcomes.isEmpty { oldest = surroundings.clock() }
            if let outcome = workOff(job) { outcomes.append(outcome) }
            if surroundings.clock() - oldest >= settings.finishAfter {
                store(outcomes)
                outcomes = []
            }
        }
        store(outcomes)
    }

    /// A job computed and not yet stored.
    private struct Outcome {
        var finished: FinishedJob
        var times: JobTimes
    }

    /// Loads and computes a job; nil when there is nothing to store.
    private func workOff(_ job: ClaimedJob) -> Outcome? {
        let started = surroundings.clock()
        guard let loaded = load(job) else { return nil }
        let loadTime = surroundings.clock() - started
        let keeper = keeper
        let computed = compute(loaded, job) { keeper.stopReason(of: job) != nil }
        let total = surroundings.clock() - started
        usualJobTime = usualJobTime.map { $0 * 0.75 + total * 0.25 } ?? total
        if let reason = keeper.stopReason(of: job) {
            drop(job, reason)
            return nil
        }
        if !computed.violations.isEmpty { surroundings.log(.checkFailed(job, violations: computed.violations)) }
        let finished = FinishedJob(
            job: job,
            request: loaded.request,
            createdAt: loaded.createdAt,
            outcome: computed.result
        )
        let times = JobTimes(load: loadTime, solve: computed.solveTime, total: total)
        return Outcome(finished: finished, times: times)
    }

    private func load(_ job: ClaimedJob) -> OptimizationJob? {
        while true {
            if let reason = keeper.stopReason(of: job) {
                drop(job, reason)
                return nil
            }
            do {
                let loaded = try jobs.load(job)
                backoff.reset()
                return loaded
            } catch RepositoryError.unavailable(let reason) {
                guard !surroundings.shouldLeave() else {
                    release([job])
                    return nil
                }
                waitForDatabase(doing: "load", RepositoryError.unavailable(underlying: reason))
            } catch {
                // The lease is left to run out: after its last attempt the job fails with `worker_lost`.
                surroundings.log(.refused(job, doing: "load", reason: "\(error)"))
                keeper.letGo([job])
                return nil
            }
        }
    }

    /// Stores outcomes in one transaction, trying again while the database is away and the leases hold.
    private func store(_ outcomes: [Outcome]) {
        var kept = outcomes
        var tries = 0
        while true {
            kept = kept.filter { outcome in
                guard let reason = keeper.stopReason(of: outcome.finished.job) else { return true }
                drop(outcome.finished.job, reason)
                return false
            }
            guard !kept.isEmpty else { return }
            tries += 1
            do {
                let stored = try Set(jobs.finish(kept.map(\.finished)))
                backoff.reset()
                for outcome in kept { logEnd(of: outcome, isStored: stored.contains(outcome.finished.job.id)) }
                keeper.letGo(kept.map(\.finished.job))
                return
            } catch RepositoryError.unavailable(let reason) {
                guard !surroundings.shouldLeave() || tries < Self.lastTries else {
                    keeper.letGo(kept.map(\.finished.job))
                    return
                }
                waitForDatabase(doing: "finish", RepositoryError.unavailable(underlying: reason))
            } catch {
                // One outcome that the database refuses must not take the others with it.
                guard kept.count == 1 else {
                    for outcome in kept { store([outcome]) }
                    return
                }
                surroundings.log(.refused(kept[0].finished.job, doing: "finish", reason: "\(error)"))
                keeper.letGo(kept.map(\.finished.job))
                return
            }
        }
    }

    private func logEnd(of outcome: Outcome, isStored: Bool) {
        let job = outcome.finished.job
        guard isStored else {
            surroundings.log(.notStored(job))
            return
        }
        switch outcome.finished.outcome {
        case .success:
            surroundings.log(.ended(job, outcome.times, status: JobStatus.completed.rawValue, failure: nil))
        case .failure(let failure):
            surroundings.log(.ended(job, outcome.times, status: JobStatus.failed.rawValue, failure: failure.code))
        }
    }

    private func drop(_ job: ClaimedJob, _ reason: StopReason) {
        surroundings.log(.dropped(job, reason))
        keeper.letGo([job])
    }

    private func release(_ jobs: [ClaimedJob]) {
        guard !jobs.isEmpty else { return }
        keeper.letGo(jobs)
        do {
            try self.jobs.release(jobs)
            surroundings.log(.released(count: jobs.count))
        } catch {
            // Their leases run out by themselves.
            surroundings.log(.databaseAway(doing: "release", reason: "\(error)"))
        }
    }

    private func waitForDatabase(doing: String, _ error: any Error) {
        surroundings.log(.databaseAway(doing: doing, reason: "\(error)"))
        surroundings.pause(backoff.next(jitter: surroundings.jitter()))
    }
}
