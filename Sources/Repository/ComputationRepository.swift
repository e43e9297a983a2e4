package import PortfolioModel

/// Storage of computations that somebody waits for: of equal ones a tenant has one.
///
/// Two are equal when they are of a kind, for the same portfolio, on the same versions of all inputs, and their requests
/// have the same canonical bytes.
package protocol ComputationRepository: AnyObject {
    /// Looks for the computation that equals a request on the newest inputs, together with other reads.
    ///
    /// The closure gives what was found at the time the first of those gathered is called; it is called at most once.
    func gatherComputation(equalTo request: ComputationRequest, tenant: String) -> () throws -> FoundComputation

    /// Looks for a computation by its identifier, together with other reads; the closure gives nil when there is none.
    func gatherComputation(id: String, kind: ComputationKind, tenant: String) -> () throws -> ComputationState?

    /// Stores a request and its job in one durable transaction, then notifies the workers; or finds the equal one.
    ///
    /// The versions of the inputs are pinned here. Of any number of equal submissions at once one is stored.
    ///
    /// - Throws: ``RepositoryError/queueFull(_:)`` when a limit of the queue is reached,
    ///   ``RepositoryError/missing(what:)`` when the tenant has no such portfolio; nothing is stored then.
    ///
    /// - Parameters:
    ///   - request: what is asked for.
    ///   - id: the identifier it gets when it is stored.
    ///   - isAbandonable: whether its caller may ``abandon(_:tenant:)`` it, for as long as nobody joins it.
    ///   - tenant: whose it is.
    /// - Returns: whether it was stored, or the identifier of the equal one.
    func submit(
        _ request: ComputationRequest,
        id: String,
        isAbandonable: Bool,
        tenant: String
    ) throws -> SubmittedComputation

    /// Comes to wait for a computation that runs: it will go on whoever else leaves.
    ///
    /// - Parameters:
    ///   - id: the computation.
    ///   - tenant: whose it is.
    /// - Returns: whether it still runs; one that does not has ended or was abandoned meanwhile.
    /// - Throws: ``RepositoryError`` where the store is away.
    func join(id: String, tenant: String) throws -> Bool

    /// Ends a computation that its caller asked for alone; one that others have joined, or that has ended, stays.
    ///
    /// - Parameters:
    ///   - computation: the computation as it stands.
    ///   - tenant: whose it is.
    /// - Returns: whether it was ended by this: its identity is free again.
    /// - Throws: ``RepositoryError`` where the store is away.
    func abandon(_ computation: ComputationState, tenant: String) throws -> Bool

    /// What a request must be checked against, or nil when the tenant has no such portfolio.
    func submissionContext(
        portfolioID: String,
        namedInstruments: [String],
        tenant: String
    ) throws -> SubmissionContext?
}

extension ComputationRepository {
    /// The same for one that goes on when its caller leaves.
    package func submit(_ request: ComputationRequest, id: String, tenant: String) throws -> SubmittedComputation {
        try submit(request, id: id, isAbandonable: false, tenant: tenant)
    }
}

/// What there is of a computation that was asked for.
package enum FoundComputation {
    /// The tenant has no such portfolio.
    case noPortfolio
    /// None equals it yet.
    case nothing
    /// This one does, running or ended.
    case found(ComputationState)
}

/// What became of a submission.
package enum SubmittedComputation: Equatable, Sendable {
    /// It is stored under the identifier given, at the database's time.
    case stored(createdAt: Timestamp)
    /// An equal one was there, under this identifier.
    case known(id: String)
}

/// The state of a computation as a reader sees it.
package struct ComputationState {
    package var id: String
    package var kind: ComputationKind
    package var portfolioID: String
    package var status: JobStatus
    /// When it was accepted.
    package var createdAt: Timestamp
    /// When it ended.
    package var completedAt: Timestamp?
    /// The whole answer as JSON, once the state is final: bytes of the database's result.
    package var body: StoredBytes?

    package init(
        id: String,
        kind: ComputationKind,
        portfolioID: String,
        status: JobStatus,
        createdAt: Timestamp,
        completedAt: Timestamp? = nil,
        body: StoredBytes? = nil
    ) {
        self.id = id
        self.kind = kind
        self.portfolioID = portfolioID
        self.status = status
        self.createdAt = createdAt
        self.completedAt = completedAt
        self.body = body
    }
}
