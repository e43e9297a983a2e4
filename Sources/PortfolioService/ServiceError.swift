package import PortfolioModel

/// Why a use case did not do what it was asked for; each case carries what its caller needs to know.
package enum ServiceError: Error, Equatable, Sendable {
    /// The tenant has no such thing.
    case notFound(Resource, id: String)
    /// What was given is wrong; every fault found is listed.
    case invalid([Fault])
    /// The identifier belongs to another tenant.
    case identifierTaken(Resource, id: String)
    /// What a change was to depend on does not hold; the newest version is told when there is one.
    case preconditionFailed(Resource, id: String, newestVersion: Int?)
    /// The optimization has ended otherwise, so it cannot be cancelled.
    case alreadyEnded(id: String, status: String)
    /// The optimization or computation has no result: not yet, or because it ended without one.
    case noResult(Resource, id: String, status: JobStatus)
    /// The caller's key stands for another request already.
    case idempotencyKeyReused(key: String)
    /// The queue takes no more in for now: in all, or of the caller's tenant.
    case queueFull(isTenants: Bool, retryAfterSeconds: Int)
    /// The store is away for now; the text is for the log only.
    case unavailable(reason: String)
    /// A bug of ours; the text is for the log only.
    case defect(reason: String)

    /// What an identifier names.
    package enum Resource: String, Sendable {
        case optimization, portfolio, instrument
        case riskModel = "risk model"
        case efficientFrontier = "efficient frontier"
        case rebalancePlan = "rebalance plan"
        case factorAnalysis = "factor analysis"
        case paretoSet = "non-dominated set"
    }
}

/// One fault in what a caller gave.
package struct Fault: Equatable, Sendable {
    /// Where it is: a JSON pointer (RFC 6901) into the document; empty for the whole.
    package var pointer: String
    /// A stable code, such as `unknown_instrument`.
    package var code: String
    /// A sentence for people, with the value at fault in it.
    package var message: String

    package init(pointer: String, code: String, message: String) {
        self.pointer = pointer
        self.code = code
        self.message = message
    }
}
