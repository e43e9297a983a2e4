package import PortfolioModel
package import Repository

/// Optimizations kept in memory; can be made unavailable.
///
/// A test plays the worker with ``end(_:as:body:)``.
package final class InMemoryOptimizationRepository: OptimizationRepository {
    /// What every method throws, for as long as it is set.
    package var failure: RepositoryError?
    /// The moment everything happens at.
    package var now = Timestamp(microseconds: 1_750_000_000_000_000)
    /// The requests stored, in order.
    package private(set) var submitted: [(id: String, tenant: String, request: OptimizationRequest)] = []
    /// The lists of what is not held, by optimization.
    package var excluded: [String: String] = [:]
    /// How often an optimization was read.
    package private(set) var reads = 0

    private let inputs: InMemoryInputRepository
    private(set) var states: [String: (tenant: String, state: OptimizationState)] = [:]
    private var keys: [String: (key: SubmissionKey, id: String, submitted: SubmittedOptimization)] = [:]

    package init(inputs: InMemoryInputRepository) { self.inputs = inputs }

    package func submissionContext(
        portfolioID: String,
        namedInstruments: [String],
        tenant: String
    ) throws -> SubmissionContext? {
        try failIfAway()
        guard let portfolio = try inputs.portfolio(id: portfolioID, tenant: tenant)?.value else { return nil }
        let known = try inputs.riskModelInstruments(id: portfolio.riskModelID, tenant: tenant) ?? []
        return SubmissionContext(unknownInstruments: namedInstruments.filter { !known.contains($0) })
    }

    package func submit(_ request: OptimizationRequest, id: String, tenant: String) throws -> SubmittedOptimization {
        try failIfAway()
        guard try inputs.portfolio(id: request.portfolioID, tenant: tenant) != nil else {
            throw RepositoryError.missing(what: "portfolio \(request.portfolioID)")
        }
        submitted.append((id, tenant, request))
        let state = OptimizationState(
            status: .pending,
            portfolioID: request.portfolioID,
            type: request.type.rawValue,
            objective: request.objective.rawValue,
            riskMeasure: request.riskMeasure.rawValue,
            createdAt: now,
            completedAt: nil,
            body: nil
        )
        states[id] = (tenant, state)
        return SubmittedOptimization(
            status: .pending,
            createdAt: now,
            estimatedCompletion: Timestamp(microseconds: now.microseconds + 1_000_000)
        )
    }

    package func optimization(id: String, tenant: String) throws -> OptimizationState? {
        try failIfAway()
        reads += 1
        guard let found = states[id], found.tenant == tenant else { return nil }
        return found.state
    }

    package func excludedInstruments(id: String, tenant: String) throws -> [UInt8]? {
        try failIfAway()
        guard states[id]?.tenant == tenant else { return nil }
        return excluded[id].map { Array($0.utf8) }
    }

    package func cancel(id: String, tenant: String) throws -> JobStatus? {
        try failIfAway()
        guard let found = states[id], found.tenant == tenant else { return nil }
        guard !found.state.status.isFinal else { return found.state.status }
        end(id, as: .cancelled, body: nil)
        return .cancelled
    }

    /// Gives an optimization another state, with the answer's text when there is one.
    package func end(_ id: String, as status: JobStatus, body: String?) {
        states[id]?.state.status = status
        states[id]?.state.completedAt = status.isFinal ? now : nil
        states[id]?.state.body = body.map { text in
            let bytes = HeldBytes(Array(text.utf8))
            return StoredBytes(
                bytes: UnsafeRawBufferPointer(bytes.buffer),
                owner: bytes,
                entityTag: "tag-\(text.utf8.count)"
            )
        }
    }

    func failIfAway() throws { if let failure { throw failure } }
}

extension InMemoryOptimizationRepository: OptimizationListing {
    package func optimizations(
        _ selection: OptimizationSelection,
        after position: OptimizationPosition?,
        limit: Int,
        tenant: String
    ) throws -> [OptimizationSummary] {
        try failIfAway()
        let all = states.filter { $1.tenant == tenant }.map { id, owned in
            OptimizationSummary(
                id: id,
                portfolioID: owned.state.portfolioID,
                status: owned.state.status,
                type: owned.state.type,
                objective: owned.state.objective,
                riskMeasure: owned.state.riskMeasure,
                createdAt: owned.state.createdAt,
                completedAt: owned.state.completedAt
            )
        }
        let wanted = all.filter { summary in
            (selection.portfolioID ?? summary.portfolioID) == summary.portfolioID
                && (selection.status ?? summary.status) == summary.status
                && position.map { ($0.createdAt, $0.id) > (summary.createdAt, summary.id) } ?? true
        }
        return Array(wanted.sorted { ($0.createdAt, $0.id) > ($1.createdAt, $1.id) }.prefix(limit))
    }
}

extension InMemoryOptimizationRepository: KeyedSubmissionRepository {
    package func submission(under key: SubmissionKey, tenant: String) throws -> KeyedSubmission? {
        try failIfAway()
        guard let known = keys["\(tenant) \(key.text)"] else { return nil }
        return known.key == key ? .accepted(id: known.id, known.submitted) : .usedOtherwise
    }

    package func submit(
        _ request: OptimizationRequest,
        id: String,
        under key: SubmissionKey,
        tenant: String
    ) throws -> KeyedSubmission {
        if let known = try submission(under: key, tenant: tenant) { return known }
        let submitted = try submit(request, id: id, tenant: tenant)
        keys["\(tenant) \(key.text)"] = (key, id, submitted)
        return .accepted(id: id, submitted)
    }
}

/// Bytes at a fixed address for as long as this object lives, as a database result holds them.
final class HeldBytes {
    let buffer: UnsafeMutableBufferPointer<UInt8>

    init(_ bytes: [UInt8]) {
        buffer = .allocate(capacity: bytes.count)
        _ = buffer.initialize(from: bytes)
    }

    deinit { buffer.deallocate() }
}

/// Notifications that a test sends by hand.
package final class InMemoryJobNotifications: JobNotifications {
    package var fileDescriptor: Int32?
    /// What the next ``takeEnded()`` answers; nil plays a lost connection.
    package var ended: [String]? = []

    package init(fileDescriptor: Int32? = nil) { self.fileDescriptor = fileDescriptor }

    package func takeEnded() -> [String]? {
        defer { ended = [] }
        return ended
    }
}

/// A database's health as a test sets it.
package final class InMemoryDatabaseHealth: DatabaseHealth {
    /// Whether the database is said to be ready.
    package var ready: Bool

    package init(ready: Bool = true) { self.ready = ready }

    package func isReady() -> Bool { ready }
}
