package import PortfolioModel
package import Repository

/// Gives the computation that a caller asks for: the one there is on the newest inputs, running or ended, or a new one.
package final class FindOrSubmitComputation {
    private let computations: any ComputationRepository
    private let identifiers: IdentifierSource

    package init(
        computations: any ComputationRepository,
        identifiers: IdentifierSource = IdentifierSource()
    ) {
        self.computations = computations
        self.identifiers = identifiers
    }

    /// Asks for a computation together with others.
    ///
    /// Those that are there cost one round trip for all of them, which the first of the closures makes. A new one costs
    /// a second, and survives any crash once its closure has returned.
    ///
    /// The closure throws ``ServiceError``; it is called at most once.
    ///
    /// - Parameters:
    ///   - request: what is asked for.
    ///   - references: the instruments that it names, each with its place; a new computation is refused when the
    ///     portfolio's risk model does not have one of them.
    ///   - tenant: whose it is.
    /// - Returns: a closure that gives the computation as it stands.
    package func gather(
        _ request: ComputationRequest,
        naming references: [InstrumentReference],
        tenant: String
    ) -> () throws -> ComputationReading {
        let find = computations.gatherComputation(equalTo: request, tenant: tenant)
        return { [self] in
            switch try withStore(about: .portfolio, id: request.portfolioID, find) {
            case .noPortfolio: throw ServiceError.notFound(.portfolio, id: request.portfolioID)
            case .found(let state): return ComputationReading(state)
            case .nothing: return try submit(request, naming: references, tenant: tenant)
            }
        }
    }

    /// The same for one alone.
    package func callAsFunction(
        _ request: ComputationRequest,
        naming references: [InstrumentReference],
        tenant: String
    ) throws -> ComputationReading {
        try gather(request, naming: references, tenant: tenant)()
    }

    private func submit(
        _ request: ComputationRequest,
        naming references: [InstrumentReference],
        tenant: String
    ) throws(ServiceError) -> ComputationReading {
        try check(references, of: request, tenant: tenant)
        let id = identifiers.makeComputationID(request.kind)
        let submitted = try withStore(about: .portfolio, id: request.portfolioID) {
            try computations.submit(request, id: id, tenant: tenant)
        }
        switch submitted {
        case .stored(let createdAt):
            return ComputationReading(
                id: id,
                kind: request.kind,
                portfolioID: request.portfolioID,
                status: .pending,
                createdAt: createdAt
            )
        case .known(let known):
            let find = computations.gatherComputation(id: known, kind: request.kind, tenant: tenant)
            guard let state = try withStore(about: request.kind.resource, id: known, find) else {
                throw .notFound(request.kind.resource, id: known)
            }
            return ComputationReading(state)
        }
    }

    /// Refuses instruments that the portfolio's risk model does not have.
    private func check(
        _ references: [InstrumentReference],
        of request: ComputationRequest,
        tenant: String
    ) throws(ServiceError) {
        guard !references.isEmpty else { return }
        let context = try withStore(about: .portfolio, id: request.portfolioID) {
            try computations.submissionContext(
                portfolioID: request.portfolioID,
                namedInstruments: Array(Set(references.map(\.instrumentID))).sorted(),
                tenant: tenant
            )
        }
        guard let context else { throw .notFound(.portfolio, id: request.portfolioID) }
        let faults = references.faults(unknown: context.unknownInstruments)
        guard faults.isEmpty else { throw .invalid(faults) }
    }
}

/// Reads a computation by its identifier: its state, and the stored answer once there is one.
package final class ReadComputation {
    private let computations: any ComputationRepository

    package init(computations: any ComputationRepository) { self.computations = computations }

    /// Asks for a computation together with others, in one round trip when the first of the closures is called.
    ///
    /// The closure throws ``ServiceError``; it is called at most once.
    package func gather(
        id: String,
        kind: ComputationKind,
        tenant: String
    ) throws(ServiceError) -> () throws -> ComputationReading {
        guard Identifiers.isComputation(id, kind) else { throw .notFound(kind.resource, id: id) }
        let find = computations.gatherComputation(id: id, kind: kind, tenant: tenant)
        return {
            guard let state = try withStore(about: kind.resource, id: id, find) else {
                throw ServiceError.notFound(kind.resource, id: id)
            }
            return ComputationReading(state)
        }
    }

    /// The computation as it stands.
    package func callAsFunction(id: String, kind: ComputationKind, tenant: String) throws -> ComputationReading {
        try gather(id: id, kind: kind, tenant: tenant)()
    }
}

/// A computation as its reader sees it.
package struct ComputationReading {
    /// Its identifier.
    package var id: String
    /// The kind of computing.
    package var kind: ComputationKind
    /// The portfolio it is for.
    package var portfolioID: String
    /// Its state.
    package var status: JobStatus
    /// When it was accepted.
    package var createdAt: Timestamp
    /// When it ended.
    package var completedAt: Timestamp?
    /// The whole answer, once it is final.
    package var answer: StoredAnswer?
}

extension ComputationReading {
    fileprivate init(_ state: ComputationState) {
        self.init(
            id: state.id,
            kind: state.kind,
            portfolioID: state.portfolioID,
            status: state.status,
            createdAt: state.createdAt,
            completedAt: state.completedAt,
            answer: state.body.map { StoredAnswer(bytes: $0.bytes, owner: $0.owner, entityTag: $0.entityTag) }
        )
    }
}

extension ComputationKind {
    /// What identifiers of this kind name.
    package var resource: ServiceError.Resource {
        switch self {
        case .efficientFrontier: .efficientFrontier
        case .rebalance: .rebalancePlan
        case .factorAnalysis: .factorAnalysis
        }
    }
}
