package import Repository

/// Why a worker must drop a job.
package enum StopReason: String, Equatable, Sendable {
    /// The database says that it was cancelled, or that another worker holds it.
    case revoked
    /// It could not be renewed for two periods: by now another worker may hold it.
    case expired
}

/// The leases a worker holds: when to renew them, and when a job must be dropped.
///
/// Pure protocol logic: moments and the database's answers come in, decisions go out. A lease counts from the moment
/// before the database was asked, since the answer's way back is of unknown length.
package struct JobLease: Sendable {
    private struct Held {
        var job: ClaimedJob
        /// When the database was last asked with success.
        var confirmedAt: Duration
        var claimedAt: Duration
        var isRevoked = false
        /// Whether it is being worked on, or was.
        var hasBegun = false
    }

    private let renewalPeriod: Duration
    private let validity: Duration
    private let patience: Duration
    private var held: [String: Held] = [:]
    /// The earliest moment for another try after one that failed.
    private var retryAt: Duration?

    /// Starts without jobs.
    ///
    /// A lease is trusted for two renewal periods, and never longer than the database grants it.
    ///
    /// - Parameters:
    ///   - renewalPeriod: how often a lease is renewed.
    ///   - leaseTime: for how long the database grants one.
    ///   - patience: how long a job may be held without being begun.
    package init(renewalPeriod: Duration, leaseTime: Duration, patience: Duration = .seconds(1)) {
        self.patience = patience
        self.renewalPeriod = renewalPeriod
        validity = min(renewalPeriod * 2, leaseTime)
    }

    /// Whether any job is held.
    package var isEmpty: Bool { held.isEmpty }

    /// Jobs were claimed.
    package mutating func claimed(_ jobs: [ClaimedJob], askedAt: Duration) {
        for job in jobs { held[job.id] = Held(job: job, confirmedAt: askedAt, claimedAt: askedAt) }
    }

    /// Jobs were finished, released or dropped.
    package mutating func left(_ jobs: [ClaimedJob]) {
        for job in jobs where held[job.id]?.job.leaseToken == job.leaseToken { held[job.id] = nil }
        if held.isEmpty { retryAt = nil }
    }

    /// When the next renewal is due; nil while nothing is held.
    package var nextRenewal: Duration? {
        guard let oldest = held.values.filter({ !$0.isRevoked }).map(\.confirmedAt).min() else { return nil }
        let due = oldest + renewalPeriod
        return retryAt.map { max($0, due) } ?? due
    }

    /// Work on a job begins; false when it is not held any more.
    package mutating func begin(_ job: ClaimedJob) -> Bool {
        guard held[job.id]?.job.leaseToken == job.leaseToken else { return false }
        held[job.id]?.hasBegun = true
        return true
    }

    /// When jobs that wait behind another one are to be given back; nil while none waits.
    package var nextGivingBack: Duration? {
        held.values.filter { !$0.hasBegun && !$0.isRevoked }.map(\.claimedAt).min().map { $0 + patience }
    }

    /// Lets go of the jobs that have waited too long behind another one: other workers may have time for them.
    package mutating func giveBack(at now: Duration) -> [ClaimedJob] {
        let waiting = held.values.filter { !$0.hasBegun && !$0.isRevoked && now - $0.claimedAt >= patience }
            .map(\.job).sorted { $0.id < $1.id }
        left(waiting)
        return waiting
    }

    /// The jobs to renew: all that are held and not revoked, oldest id first.
    package var jobsToRenew: [ClaimedJob] {
        held.values.filter { !$0.isRevoked }.map(\.job).sorted { $0.id < $1.id }
    }

    /// The database renewed these, but for those it says to stop.
    package mutating func renewed(_ jobs: [ClaimedJob], stopping: [String], askedAt: Duration) {
        retryAt = nil
        let stopped = Set(stopping)
        for job in jobs where held[job.id]?.job.leaseToken == job.leaseToken {
            if stopped.contains(job.id) {
                held[job.id]?.isRevoked = true
            } else {
                held[job.id]?.confirmedAt = askedAt
            }
        }
    }

    /// The database could not be asked; the next try comes a tenth of a period later.
    package mutating func renewalFailed(at now: Duration) { retryAt = now + renewalPeriod / 10 }

    /// Whether a job must be dropped, and why; nil while it is safe to work on it and to commit it.
    ///
    /// A job that is not held is treated as expired: nothing may be committed without a lease.
    package func stopReason(of job: ClaimedJob, at now: Duration) -> StopReason? {
        guard let held = held[job.id], held.job.leaseToken == job.leaseToken else { return .expired }
        if held.isRevoked { return .revoked }
        return now - held.confirmedAt >= validity ? .expired : nil
    }
}
