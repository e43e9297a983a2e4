package import PortfolioModel
package import Repository

/// Gives the computation that a caller asks for: the one there is on the newest inputs, running or ended, or a new one.
package final class FindOrSubmitComputation {
    private let computations: any ComputationRepository
    private let identifiers: IdentifierSource
    private let isAbandonable: Bool

    /// A computation that a caller came upon may be abandoned right then, time after time.
    private static let attempts = 3

    /// - Parameters:
    ///   - computations: where they are stored.
    ///   - identifiers: what new ones are named by.
    ///   - isAbandonable: whether new ones may be abandoned by who asked for them (``AbandonComputation``).
    package init(
        computations: any ComputationRepository,
        identifiers: IdentifierSource = IdentifierSource(),
        isAbandonable: Bool = false
    ) {
        self.computations = computations
        self.identifiers = identifiers
        self.isAbandonable = isAbandonable
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
            var found = try withStore(about: .portfolio, id: request.portfolioID, find)
            for _ in 0..<Self.attempts {
                switch found {
                case .noPortfolio: throw ServiceError.notFound(.portfolio, id: request.portfolioID)
                case .found(let state): if try isHere(state, tenant: tenant) { return ComputationReading(state) }
                case .nothing:
                    if let reading = try submit(request, naming: references, tenant: tenant) { return reading }
                }
                let again = computations.gatherComputation(equalTo: request, tenant: tenant)
                found = try withStore(about: .portfolio, id: request.portfolioID, again)
            }
            throw ServiceError.unavailable(reason: "an equal computation came and went, time after time")
        }
    }

    /// Whether a computation has ended, or runs and will go on to its end.
    private func isHere(_ state: ComputationState, tenant: String) throws(ServiceError) -> Bool {
        guard !state.status.isFinal else { return true }
        return try withStore(about: state.kind.resource, id: state.id) {
            try computations.join(id: state.id, tenant: tenant)
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

    /// Stores a new computation; nil when an equal one was there that has gone meanwhile.
    private func submit(
        _ request: ComputationRequest,
        naming references: [InstrumentReference],
        tenant: String
    ) throws(ServiceError) -> ComputationReading? {
        try check(references, of: request, tenant: tenant)
        let id = identifiers.makeComputationID(request.kind)
        let submitted = try withStore(about: .portfolio, id: request.portfolioID) {
            try computations.submit(request, id: id, isAbandonable: isAbandonable, tenant: tenant)
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
            guard state.status != .cancelled, try isHere(state, tenant: tenant) else { return nil }
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
