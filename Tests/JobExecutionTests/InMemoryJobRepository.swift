import JobExecution
import PortfolioModel
import Repository
import Synchronization

/// The job table in memory, with the promises of the real one: leases, fencing tokens, refused finishes, attempts.
///
/// A clock of its own stands for the database's. Faults are queued by name and thrown once each.
final class InMemoryJobRepository: JobRepository, @unchecked Sendable {
    enum State: Equatable { case pending, processing, completed, failed, cancelled }

    struct Row {
        var id: String
        var state = State.pending
        var attempts = 0
        var token: Int64 = 0
        var leasedUntil = Duration.zero
        var job: OptimizationJob
        var outcome: Result<OptimizationResult, OptimizationFailure>?
        /// How often an outcome was stored: never more than once.
        var storedCount = 0
    }

    static let maximumAttempts = 3
    var now = Duration.zero
    var rows: [Row] = []
    /// What fails next, by method: each entry is thrown once.
    var faults: [String: [RepositoryError]] = [:]
    /// The sizes of the batches finished.
    var finishes: [[String]] = []
    var waits = 0
    /// How long each wait was to be.
    var waitSeconds: [Double] = []
    /// Runs while a worker waits for jobs.
    var whileWaiting: () -> Void = {}
    /// Runs at the start of every load.
    var beforeLoad: (String) -> Void = { _ in }

    func add(_ id: String, _ job: OptimizationJob) { rows.append(Row(id: id, job: job)) }

    func row(_ id: String) -> Row? { rows.first { $0.id == id } }

    func cancel(_ id: String) {
        for index in rows.indices where rows[index].id == id { rows[index].state = .cancelled }
    }

    private func fault(_ method: String) throws {
        guard var queue = faults[method], !queue.isEmpty else { return }
        let error = queue.removeFirst()
        faults[method] = queue
        throw error
    }

    func claimJobs(limit: Int, leaseSeconds: Double) throws -> [ClaimedJob] {
        try fault("claim")
        var claimed: [ClaimedJob] = []
        for index in rows.indices where claimed.count < limit {
            let isFree = rows[index].state == .pending
            let isLost = rows[index].state == .processing && rows[index].leasedUntil < now
            guard isFree || isLost else { continue }
            guard rows[index].attempts < Self.maximumAttempts else {
                rows[index].state = .failed
                rows[index].outcome = .failure(OptimizationFailure(code: "worker_lost", message: ""))
                continue
            }
            rows[index].state = .processing
            rows[index].attempts += 1
            rows[index].token += 1
            rows[index].leasedUntil = now + .milliseconds(leaseSeconds * 1000)
            claimed.append(
                ClaimedJob(
                    id: rows[index].id,
                    tenant: "default",
                    kind: "optimization",
                    attempts: rows[index].attempts,
                    leaseToken: rows[index].token
                )
            )
        }
        return claimed
    }

    private func held(_ job: ClaimedJob) -> Int? {
        rows.firstIndex { $0.id == job.id && $0.state == .processing && $0.token == job.leaseToken }
    }

    func renew(_ jobs: [ClaimedJob], leaseSeconds: Double) throws -> [String] {
        try fault("renew")
        var stopping: [String] = []
        for job in jobs {
            guard let index = held(job) else {
                stopping.append(job.id)
                continue
            }
            rows[index].leasedUntil = now + .milliseconds(leaseSeconds * 1000)
        }
        return stopping
    }

    /// Jobs that can never be loaded, and why.
    var loadFaults: [String: LoadFault] = [:]
    /// The most jobs that one load gives.
    var loadLimit = Int.max
    /// The ids of each load.
    var loads: [[String]] = []

    func load(_ jobs: [ClaimedJob]) throws -> [LoadedJob] {
        for job in jobs { beforeLoad(job.id) }
        try fault("load")
        loads.append(jobs.map(\.id))
        return jobs.prefix(loadLimit).map { job in
            if let fault = loadFaults[job.id] { return LoadedJob(job: job, content: .failure(fault)) }
            guard let row = row(job.id) else {
                return LoadedJob(job: job, content: .failure(.unreadable(what: job.id)))
            }
            return LoadedJob(job: job, content: .success(.optimization(row.job)))
        }
    }

    func fail(_ job: ClaimedJob, _ failure: OptimizationFailure) throws -> Bool {
        try fault("fail")
        guard let index = held(job) else { return false }
        rows[index].outcome = .failure(failure)
        rows[index].storedCount += 1
        rows[index].state = .failed
        return true
    }

    func finish(_ finished: [FinishedJob]) throws -> [String] {
        try fault("finish")
        var stored: [String] = []
        for item in finished {
            guard let index = held(item.job) else { continue }
            if case .optimization(_, let outcome) = item.outcome { rows[index].outcome = outcome }
            rows[index].storedCount += 1
            rows[index].state = item.outcome.failure == nil ? .completed : .failed
            stored.append(item.job.id)
        }
        finishes.append(stored)
        return stored
    }

    func release(_ jobs: [ClaimedJob]) throws {
        try fault("release")
        for job in jobs {
            guard let index = held(job) else { continue }
            rows[index].state = .pending
            rows[index].attempts -= 1
        }
    }

    func waitForJobs(seconds: Double) -> Bool {
        waits += 1
        waitSeconds.append(seconds)
        whileWaiting()
        return false
    }
}
