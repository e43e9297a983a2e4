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
    package typealias Compute = (JobContent, ClaimedJob, () -> Bool) -> ComputedJob

    /// Tries to store an outcome after being told to leave; then the lease hands the job to another worker.
    private static let lastTries = 3

    private let jobs: any JobRepository
    private let keeper: LeaseKeeper
    private let settings: WorkerSettings
    private let surroundings: Surroundings
    private let compute: Compute
    private var backoff = Backoff()
    /// When jobs were last claimed.
    private var lastClaim: Duration?
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
            let wasBusy = lastClaim.map { askedAt - $0 < settings.watchfulTime } ?? false
            let pause = wasBusy ? min(settings.watchfulPeriod, settings.pollPeriod) : settings.pollPeriod
            _ = jobs.waitForJobs(seconds: pause.inSeconds)
            return
        }
        lastClaim = askedAt
        keeper.hold(claimed, askedAt: askedAt)
        workOff(claimed)
    }

    /// So many jobs as fit into the time that other workers may be kept waiting for them.
    private var claimLimit: Int {
        guard let usualJobTime else { return min(settings.batchSize, settings.firstBatchSize) }
        guard usualJobTime > .zero else { return settings.batchSize }
        let fitting = settings.claimedWork / usualJobTime
        return fitting >= Double(settings.batchSize) ? settings.batchSize : max(1, Int(exactly: fitting.rounded()) ?? 1)
    }

    private func workOff(_ claimed: [ClaimedJob]) {
        // A job that was claimed before may be what killed its worker. It is loaded and worked off alone and last, so
        // that it takes no other job's attempt with it.
        let suspects = claimed.filter { $0.attempts > 1 }
        release(Array(suspects.dropFirst()))
        let isDone = workOffTogether(claimed.filter { $0.attempts <= 1 })
        guard let suspect = suspects.first else { return }
        if isDone { _ = workOffTogether([suspect]) } else { release([suspect]) }
    }

    /// Loads, computes and stores jobs; false when told to leave before the last one.
    private func workOffTogether(_ jobs: [ClaimedJob]) -> Bool {
        var waiting = jobs[...]
        var ready: [LoadedJob] = []
        var loadTime = Duration.zero
        var outcomes: [Outcome] = []
        var oldest = surroundings.clock()
        while let job = waiting.first {
            if surroundings.shouldLeave() {
                store(outcomes)
                release(Array(waiting))
                return false
            }
            if ready.isEmpty {
                let started = surroundings.clock()
                guard let loaded = load(&waiting) else { continue }
                loadTime = (surroundings.clock() - started) / Double(max(1, loaded.count))
                ready = loaded.reversed()
                continue
            }
            waiting.removeFirst()
            guard let next = ready.popLast(), next.job.id == job.id else {
                ready = []
                continue
            }
            if outcomes.isEmpty { oldest = surroundings.clock() }
            if let outcome = workOff(next, loadTime: loadTime) { outcomes.append(outcome) }
            if surroundings.clock() - oldest >= settings.finishAfter {
                store(outcomes)
                outcomes = []
            }
        }
        store(outcomes)
        return true
    }

    /// A job worked off and not yet stored.
    private struct Outcome {
        var job: ClaimedJob
        /// What was computed, or why nothing could be.
        var end: Result<FinishedJob, LoadFault>
        var times: JobTimes
    }

    /// Computes a job; nil when there is nothing to store.
    private func workOff(_ loaded: LoadedJob, loadTime: Duration) -> Outcome? {
        let job = loaded.job
        guard keeper.begin(job) else { return nil }
        if let reason = keeper.stopReason(of: job) {
            drop(job, reason)
            return nil
        }
        let content: JobContent
        switch loaded.content {
        case .success(let found): content = found
        case .failure(let fault):
            surroundings.log(.refused(job, doing: "load", reason: "\(fault)"))
            let times = JobTimes(load: loadTime, solve: .zero, total: loadTime)
            return Outcome(job: job, end: .failure(fault), times: times)
        }
        let started = surroundings.clock()
        let keeper = keeper
        let computed = compute(content, job) { keeper.stopReason(of: job) != nil }
        let total = loadTime + (surroundings.clock() - started)
        usualJobTime = usualJobTime.map { $0 * 0.75 + total * 0.25 } ?? total
        if let reason = keeper.stopReason(of: job) {
            drop(job, reason)
            return nil
        }
        if !computed.violations.isEmpty { surroundings.log(.checkFailed(job, violations: computed.violations)) }
        let finished = FinishedJob(
            job: job,
            createdAt: content.createdAt,
            outcome: computed.outcome,
            identity: computed.isShared ? content.identity : nil
        )
        let times = JobTimes(load: loadTime, solve: computed.solveTime, total: total)
        return Outcome(job: job, end: .success(finished), times: times)
    }

    /// Loads as many of the waiting jobs as come at once; nil when none was loaded.
    ///
    /// Jobs that are lost or given back meanwhile no longer wait afterwards.
    private func load(_ waiting: inout ArraySlice<ClaimedJob>) -> [LoadedJob]? {
        while true {
            waiting =
                waiting.filter { job in
                    // One that is not held was given back.
                    guard let reason = keeper.stopReason(of: job) else { return true }
                    if keeper.begin(job) { drop(job, reason) }
                    return false
                }[...]
            // The first one is begun: however long loading takes, it is not given back.
            while let first = waiting.first, !keeper.begin(first) { waiting.removeFirst() }
            guard !waiting.isEmpty, !surroundings.shouldLeave() else { return nil }
            do {
                let loaded = try jobs.load(Array(waiting))
                backoff.reset()
                return loaded
            } catch RepositoryError.unavailable(let reason) {
                waitForDatabase(doing: "load", RepositoryError.unavailable(underlying: reason))
            } catch {
                // The leases are left to run out: claimed again, each of these jobs is loaded alone, and the one that is
                // refused fails with `worker_lost` after its last attempt.
                for job in waiting { surroundings.log(.refused(job, doing: "load", reason: "\(error)")) }
                keeper.letGo(Array(waiting))
                waiting = []
                return nil
            }
        }
    }

    /// Stores outcomes in one transaction, trying again while the database is away and the leases hold.
    private func store(_ outcomes: [Outcome]) {
        let finished = outcomes.filter { if case .success = $0.end { true } else { false } }
        store(finished) { outcomes in try self.jobs.finish(outcomes.compactMap { try? $0.end.get() }) }
        // Those that can never be worked on are few: one transaction each.
        for outcome in outcomes {
            guard case .failure(let fault) = outcome.end else { continue }
            store([outcome]) { _ in try self.jobs.fail(outcome.job, fault.failure) ? [outcome.job.id] : [] }
        }
    }

    private func store(_ outcomes: [Outcome], by write: ([Outcome]) throws -> [String]) {
        var kept = outcomes
        var tries = 0
        while true {
            kept = kept.filter { outcome in
                guard let reason = keeper.stopReason(of: outcome.job) else { return true }
                drop(outcome.job, reason)
                return false
            }
            guard !kept.isEmpty else { return }
            tries += 1
            do {
                let stored = try Set(write(kept))
                backoff.reset()
                for outcome in kept { logEnd(of: outcome, isStored: stored.contains(outcome.job.id)) }
                keeper.letGo(kept.map(\.job))
                return
            } catch RepositoryError.unavailable(let reason) {
                guard !surroundings.shouldLeave() || tries < Self.lastTries else {
                    keeper.letGo(kept.map(\.job))
                    return
                }
                waitForDatabase(doing: "finish", RepositoryError.unavailable(underlying: reason))
            } catch {
                // One outcome that the database refuses must not take the others with it.
                guard kept.count == 1 else {
                    for outcome in kept { store([outcome], by: write) }
                    return
                }
                surroundings.log(.refused(kept[0].job, doing: "finish", reason: "\(error)"))
                keeper.letGo(kept.map(\.job))
                return
            }
        }
    }

    private func logEnd(of outcome: Outcome, isStored: Bool) {
        let job = outcome.job
        guard isStored else {
            surroundings.log(.notStored(job))
            return
        }
        let failure: String? =
            switch outcome.end {
            case .failure(let fault): fault.failure.code
            case .success(let finished): finished.outcome.failure?.code
            }
        let status = failure == nil ? JobStatus.completed : .failed
        surroundings.log(.ended(job, outcome.times, status: status.rawValue, failure: failure))
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
