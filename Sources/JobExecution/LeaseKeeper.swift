internal import Glibc
package import Repository

/// Renews the leases of a worker on a thread of its own, with a connection of its own, so that no solve delays it.
///
/// Unchecked sendable: everything that changes is guarded by `mutex`; the repository lives on the keeper's thread.
package final class LeaseKeeper: @unchecked Sendable {
    private let settings: WorkerSettings
    private let clock: @Sendable () -> Duration
    private let openRepository: @Sendable () throws -> any JobRepository
    private let log: @Sendable (WorkerEvent) -> Void

    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var lease: JobLease
    private var isLeaving = false
    private var thread: pthread_t?
    /// Used by whoever renews only: the keeper's thread, or a test that calls ``renewIfDue()`` itself.
    private var repository: (any JobRepository)?

    /// Makes a keeper; its thread starts with ``start()``.
    ///
    /// - Parameters:
    ///   - settings: lease and renewal periods.
    ///   - clock: monotonic time, from any thread.
    ///   - openRepository: called on the keeper's thread, at the first renewal and after each that failed.
    ///   - log: takes the keeper's lines, on its thread.
    package init(
        settings: WorkerSettings,
        clock: @escaping @Sendable () -> Duration,
        openRepository: @escaping @Sendable () throws -> any JobRepository,
        log: @escaping @Sendable (WorkerEvent) -> Void
    ) {
        self.settings = settings
        self.clock = clock
        self.openRepository = openRepository
        self.log = log
        lease = JobLease(renewalPeriod: settings.renewalPeriod, leaseTime: settings.leaseTime)
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(changed, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(changed)
        pthread_mutex_destroy(mutex)
        changed.deallocate()
        mutex.deallocate()
    }

    /// Jobs were claimed: renew them from now on.
    package func hold(_ jobs: [ClaimedJob], askedAt: Duration) {
        locked { lease.claimed(jobs, askedAt: askedAt) }
        pthread_cond_signal(changed)
    }

    /// Jobs were finished, released or dropped.
    package func letGo(_ jobs: [ClaimedJob]) { locked { lease.left(jobs) } }

    /// Work on a job begins; false when it is not held any more, because it was given back.
    package func begin(_ job: ClaimedJob) -> Bool { locked { lease.begin(job) } }

    /// Whether a job must be dropped, and why.
    package func stopReason(of job: ClaimedJob) -> StopReason? {
        let now = clock()
        return locked { lease.stopReason(of: job, at: now) }
    }

    /// Starts the thread.
    ///
    /// - Returns: false when the system gives no thread: a worker must not run without one.
    package func start() -> Bool {
        var created = false
        TerminationSignal.blocked {
            var handle = pthread_t()
            let context = Unmanaged.passRetained(self)
            let status = pthread_create(
                &handle,
                nil,
                { context in
                    guard let context else { return nil }
                    Unmanaged<LeaseKeeper>.fromOpaque(context).takeRetainedValue().keep()
                    return nil
                },
                context.toOpaque()
            )
            created = status == 0
            if created { thread = handle } else { context.release() }
        }
        return created
    }

    /// Ends the thread and waits for it.
    package func stop() {
        locked { isLeaving = true }
        pthread_cond_signal(changed)
        if let thread { pthread_join(thread, nil) }
        thread = nil
    }

    /// Renews what is due at this moment, after giving back what has waited too long.
    package func renewIfDue() {
        let askedAt = clock()
        giveBack(at: askedAt)
        let due = locked { lease.nextRenewal.map { $0 <= askedAt } == true ? lease.jobsToRenew : [] }
        guard !due.isEmpty else { return }
        do {
            let open = try repository ?? openRepository()
            repository = open
            let stopping = try open.renew(due, leaseSeconds: settings.leaseTime.inSeconds)
            locked { lease.renewed(due, stopping: stopping, askedAt: askedAt) }
        } catch {
            // A connection that failed once is not trusted again: the next renewal must not wait for its death.
            repository = nil
            locked { lease.renewalFailed(at: clock()) }
            log(.databaseAway(doing: "renew", reason: "\(error)"))
        }
    }

    /// Gives back the jobs that wait behind a long one.
    private func giveBack(at now: Duration) {
        let waiting = locked { lease.giveBack(at: now) }
        guard !waiting.isEmpty else { return }
        do {
            let open = try repository ?? openRepository()
            repository = open
            try open.release(waiting)
            log(.released(count: waiting.count))
        } catch {
            // Their leases run out by themselves.
            repository = nil
            log(.databaseAway(doing: "release", reason: "\(error)"))
        }
    }

    /// The thread: sleeps until a renewal is due or something changed.
    private func keep() {
        while true {
            pthread_mutex_lock(mutex)
            while !isLeaving {
                guard let due = [lease.nextRenewal, lease.nextGivingBack].compactMap({ $0 }).min() else {
                    pthread_cond_wait(changed, mutex)
                    continue
                }
                let wait = due - clock()
                if wait <= .zero { break }
                var until = timespec()
                clock_gettime(CLOCK_MONOTONIC, &until)
                let end = Duration.seconds(Int64(until.tv_sec)) + .nanoseconds(Int64(until.tv_nsec)) + wait
                until.tv_sec = Int(end.components.seconds)
                until.tv_nsec = Int(end.components.attoseconds / 1_000_000_000)
                pthread_cond_timedwait(changed, mutex, &until)
            }
            let leaves = isLeaving
            pthread_mutex_unlock(mutex)
            if leaves { return }
            renewIfDue()
        }
    }

    private func locked<Value>(_ body: () -> Value) -> Value {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body()
    }
}
