package import PortfolioModel

/// Storage of optimization requests and of their answers.
package protocol OptimizationRepository: AnyObject {
    /// What a request must be checked against, or nil when the tenant has no such portfolio.
    ///
    /// `namedInstruments` are those the request names; the answer tells which of them the risk model does not have.
    func submissionContext(
        portfolioID: String,
        namedInstruments: [String],
        tenant: String
    ) throws -> SubmissionContext?

    /// Stores a request and its job in one durable transaction, then notifies the workers.
    ///
    /// The versions of the inputs are pinned here. When this returns, the job survives any crash.
    ///
    /// - Throws: ``RepositoryError/queueFull(_:)`` when a limit of the queue is reached,
    ///   ``RepositoryError/missing(what:)`` when the tenant has no such portfolio; nothing is stored then.
    func submit(_ request: OptimizationRequest, id: String, tenant: String) throws -> SubmittedOptimization

    /// The state of an optimization, with the stored answer's bytes once it is final; nil when there is none.
    func optimization(id: String, tenant: String) throws -> OptimizationState?

    /// Asks for the state of an optimization together with others: what the closure gives is what
    /// ``optimization(id:tenant:)`` would, at the time the first of them is called.
    ///
    /// Costs one round trip for all that were asked for before that. Each closure is called at most once.
    func gatherOptimization(id: String, tenant: String) -> () throws -> OptimizationState?

    /// The list of what a completed optimization does not hold, as JSON; nil when there is no optimization or no list.
    func excludedInstruments(id: String, tenant: String) throws -> [UInt8]?

    /// Cancels an optimization that has not ended; tells the state it is in afterwards, nil when there is none.
    ///
    /// Idempotent. A job already claimed is marked, and its worker's finish is refused: what is cancelled never
    /// becomes completed.
    func cancel(id: String, tenant: String) throws -> JobStatus?
}

extension OptimizationRepository {
    /// One read for each: for storage where a round trip costs nothing.
    package func gatherOptimization(id: String, tenant: String) -> () throws -> OptimizationState? {
        { try self.optimization(id: id, tenant: tenant) }
    }
}

/// What a request is checked against when it is accepted.
package struct SubmissionContext: Sendable {
    /// Named instruments that the portfolio's risk model does not have.
    package var unknownInstruments: [String]

    package init(unknownInstruments: [String]) { self.unknownInstruments = unknownInstruments }
}

/// A request just stored.
package struct SubmittedOptimization: Sendable {
    /// Its state: `pending`.
    package var status: JobStatus
    /// When it was stored, by the database's clock.
    package var createdAt: Timestamp
    /// Queue depth × recent service time, from then.
    package var estimatedCompletion: Timestamp

    package init(status: JobStatus, createdAt: Timestamp, estimatedCompletion: Timestamp) {
        self.status = status
        self.createdAt = createdAt
        self.estimatedCompletion = estimatedCompletion
    }
}

/// The state of an optimization as the reader sees it.
package struct OptimizationState {
    /// Its state.
    package var status: JobStatus
    /// The portfolio it is for.
    package var portfolioID: String
    /// The kind, objective and measure, as requested.
    package var type: String
    package var objective: String
    package var riskMeasure: String
    /// When it was accepted.
    package var createdAt: Timestamp
    /// When it ended.
    package var completedAt: Timestamp?
    /// The whole answer as JSON, once the state is final and the worker wrote one: bytes of the database's result.
    package var body: StoredBytes?

    package init(
        status: JobStatus,
        portfolioID: String,
        type: String,
        objective: String,
        riskMeasure: String,
        createdAt: Timestamp,
        completedAt: Timestamp?,
        body: StoredBytes?
    ) {
        self.status = status
        self.portfolioID = portfolioID
        self.type = type
        self.objective = objective
        self.riskMeasure = riskMeasure
        self.createdAt = createdAt
        self.completedAt = completedAt
        self.body = body
    }
}

/// Bytes that a database result keeps alive; they go to the client without a copy.
package struct StoredBytes {
    /// The bytes; valid as long as `owner` lives.
    package var bytes: UnsafeRawBufferPointer
    /// What keeps them alive.
    package var owner: AnyObject
    /// A strong entity tag of the bytes, without quotes.
    package var entityTag: String

    package init(bytes: UnsafeRawBufferPointer, owner: AnyObject, entityTag: String) {
        self.bytes = bytes
        self.owner = owner
        self.entityTag = entityTag
    }
}

/// Tells which jobs have ended, for whoever waits for them.
package protocol JobNotifications: AnyObject {
    /// The descriptor that turns readable when a notification arrives; nil while the connection is away.
    var fileDescriptor: Int32? { get }

    /// Takes in what has arrived: the ids that ended, or nil when the connection was lost and anything may have.
    func takeEnded() -> [String]?
}

/// Whether the database can serve.
package protocol DatabaseHealth: AnyObject {
    /// Whether the database answers and its migrations are those this build was made for.
    func isReady() -> Bool
}
