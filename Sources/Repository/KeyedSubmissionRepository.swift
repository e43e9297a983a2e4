package import PortfolioModel

/// Storage of requests that carry a key of their caller's: the same key gives the same answer, however often it is sent.
///
/// Keys are each tenant's own and are kept for 24 hours.
package protocol KeyedSubmissionRepository: AnyObject {
    /// What was answered under a key, or nil when the key is not in use.
    func submission(under key: SubmissionKey, tenant: String) throws -> KeyedSubmission?

    /// Stores a request, its job and its key in one durable transaction, then notifies the workers.
    ///
    /// Of any number of submissions under one key at once, one is stored; the others get what it was answered.
    func submit(
        _ request: OptimizationRequest,
        id: String,
        under key: SubmissionKey,
        tenant: String
    ) throws -> KeyedSubmission
}

/// What a key stands for.
package enum KeyedSubmission: Sendable {
    /// The submission stored under the key, by this call or by one before.
    case accepted(id: String, SubmittedOptimization)
    /// The key is in use for another operation or another body.
    case usedOtherwise
}
