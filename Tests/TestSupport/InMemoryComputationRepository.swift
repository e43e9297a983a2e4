package import PortfolioModel
package import Repository

/// Computations kept in memory; can be made unavailable.
///
/// A test plays the worker with ``end(_:as:body:)``.
package final class InMemoryComputationRepository: ComputationRepository {
    /// What every method throws, for as long as it is set.
    package var failure: RepositoryError?
    /// The moment everything happens at.
    package var now = Timestamp(microseconds: 1_750_000_000_000_000)
    /// The requests stored, in order.
    package private(set) var submitted: [(id: String, tenant: String, request: ComputationRequest)] = []
    /// What ends a computation in the moment it is submitted: the worker is quicker than the answer.
    package var whenSubmitted: (String) -> Void = { _ in }

    /// What happens to a computation in the moment before somebody joins it.
    package var whenJoined: (String) -> Void = { _ in }

    private var abandonable: Set<String> = []
    private let inputs: InMemoryInputRepository
    private var states: [String: (tenant: String, identity: String?, state: ComputationState)] = [:]

    package init(inputs: InMemoryInputRepository) { self.inputs = inputs }

    private func identity(of request: ComputationRequest, tenant: String) throws -> String? {
        guard let portfolio = try inputs.portfolio(id: request.portfolioID, tenant: tenant) else { return nil }
        let model = try inputs.riskModel(id: portfolio.value.riskModelID, includingMatrices: false, tenant: tenant)
        let versions = "\(portfolio.version) \(model?.version ?? 0)"
        return "\(request.kind) \(request.portfolioID) \(versions) " + String(decoding: request.document, as: UTF8.self)
    }

    package func gatherComputation(
        equalTo request: ComputationRequest,
        tenant: String
    ) -> () throws -> FoundComputation {
        { [self] in
            try failIfAway()
            guard let identity = try identity(of: request, tenant: tenant) else { return .noPortfolio }
            let equal = states.values.first { $0.tenant == tenant && $0.identity == identity }
            return equal.map { .found($0.state) } ?? .nothing
        }
    }

    package func gatherComputation(
        id: String,
        kind: ComputationKind,
        tenant: String
    ) -> () throws -> ComputationState? {
        { [self] in
            try failIfAway()
            guard let found = states[id], found.tenant == tenant, found.state.kind == kind else { return nil }
            return found.state
        }
    }

    package func submit(
        _ request: ComputationRequest,
        id: String,
        isAbandonable: Bool,
        tenant: String
    ) throws -> SubmittedComputation {
        try failIfAway()
        guard let identity = try identity(of: request, tenant: tenant) else {
            throw RepositoryError.missing(what: "portfolio \(request.portfolioID)")
        }
        if let known = states.first(where: { $1.tenant == tenant && $1.identity == identity }) {
            return .known(id: known.key)
        }
        submitted.append((id, tenant, request))
        let state = ComputationState(
            id: id,
            kind: request.kind,
            portfolioID: request.portfolioID,
            status: .pending,
            createdAt: now
        )
        states[id] = (tenant, identity, state)
        if isAbandonable { abandonable.insert(id) }
        whenSubmitted(id)
        return .stored(createdAt: now)
    }

    package func join(id: String, tenant: String) throws -> Bool {
        whenJoined(id)
        guard let found = states[id], found.tenant == tenant, !found.state.status.isFinal else { return false }
        abandonable.remove(id)
        return true
    }

    package func abandon(_ computation: ComputationState, tenant: String) throws -> Bool {
        guard abandonable.contains(computation.id), states[computation.id]?.tenant == tenant else { return false }
        end(computation.id, as: .cancelled, body: "{}", forGood: false)
        return true
    }

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

    /// Ends a computation, with its answer's text; one that failed `forGood` stays for those who ask the same.
    package func end(_ id: String, as status: JobStatus, body: String, forGood: Bool = true) {
        states[id]?.state.status = status
        states[id]?.state.completedAt = now
        let bytes = HeldBytes(Array(body.utf8))
        states[id]?.state.body = StoredBytes(
            bytes: UnsafeRawBufferPointer(bytes.buffer),
            owner: bytes,
            entityTag: "tag-\(body.utf8.count)"
        )
        if !forGood { states[id]?.identity = nil }
        abandonable.remove(id)
    }

    private func failIfAway() throws { if let failure { throw failure } }
}
