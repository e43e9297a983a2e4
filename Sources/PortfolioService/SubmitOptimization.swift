package import PortfolioModel
package import Repository

/// Accepts a request for an optimization: checks what it names, gives it an identifier and queues it.
package final class SubmitOptimization {
    private let optimizations: any OptimizationRepository
    private let keyedSubmissions: any KeyedSubmissionRepository
    private let identifiers: IdentifierSource

    package init(
        optimizations: any OptimizationRepository,
        keyedSubmissions: any KeyedSubmissionRepository,
        identifiers: IdentifierSource = IdentifierSource()
    ) {
        self.optimizations = optimizations
        self.keyedSubmissions = keyedSubmissions
        self.identifiers = identifiers
    }

    /// Queues a request; when this returns, it survives any crash.
    ///
    /// What depends on the snapshot alone, such as limits that leave nothing to hold, is for the worker to find: the
    /// versions of the inputs are pinned here, and a request that fails on them is an answer of its own.
    package func callAsFunction(
        _ request: OptimizationRequest,
        tenant: String
    ) throws(ServiceError) -> AcceptedOptimization {
        try check(request, tenant: tenant)
        let id = identifiers.makeOptimizationID()
        let submitted = try withStore(about: .portfolio, id: request.portfolioID) {
            try optimizations.submit(request, id: id, tenant: tenant)
        }
        return AcceptedOptimization(id: id, portfolioID: request.portfolioID, submitted, isReplayed: false)
    }

    /// Queues a request once, however often it is sent under the same key, and answers each time as the first time.
    ///
    /// A request that is refused takes no key. The key is looked up first: a repetition is answered even when what the
    /// request names has changed since.
    ///
    /// - Throws: ``ServiceError/idempotencyKeyReused(key:)`` when the key stands for something else.
    package func callAsFunction(
        _ request: OptimizationRequest,
        under key: SubmissionKey,
        tenant: String
    ) throws(ServiceError) -> AcceptedOptimization {
        let known = try withStore(about: .optimization, id: "") {
            try keyedSubmissions.submission(under: key, tenant: tenant)
        }
        if let known { return try accepted(known, request, newID: nil, key) }
        try check(request, tenant: tenant)
        let id = identifiers.makeOptimizationID()
        let stored = try withStore(about: .portfolio, id: request.portfolioID) {
            try keyedSubmissions.submit(request, id: id, under: key, tenant: tenant)
        }
        return try accepted(stored, request, newID: id, key)
    }

    private func accepted(
        _ submission: KeyedSubmission,
        _ request: OptimizationRequest,
        newID: String?,
        _ key: SubmissionKey
    ) throws(ServiceError) -> AcceptedOptimization {
        switch submission {
        case .usedOtherwise: throw .idempotencyKeyReused(key: key.text)
        case .accepted(let id, let submitted):
            // The same body names the same portfolio.
            return AcceptedOptimization(id: id, portfolioID: request.portfolioID, submitted, isReplayed: id != newID)
        }
    }

    /// Refuses a request that names what is not there.
    private func check(_ request: OptimizationRequest, tenant: String) throws(ServiceError) {
        let references = request.constraints.instrumentReferences + request.parameters.instrumentReferences
        if !references.isEmpty { try check(references, of: request, tenant: tenant) }
    }

    /// Refuses instruments that the portfolio's risk model does not have.
    private func check(
        _ references: [InstrumentReference],
        of request: OptimizationRequest,
        tenant: String
    ) throws(ServiceError) {
        let context = try withStore(about: .portfolio, id: request.portfolioID) {
            try optimizations.submissionContext(
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

/// An optimization just queued.
package struct AcceptedOptimization: Equatable, Sendable {
    /// Its identifier.
    package var id: String
    /// The portfolio it is for.
    package var portfolioID: String
    /// Its state: `pending`.
    package var status: JobStatus
    /// When it was accepted.
    package var createdAt: Timestamp
    /// When it may be done.
    package var estimatedCompletion: Timestamp
    /// Whether this was answered before, under the same key.
    package var isReplayed: Bool

    init(id: String, portfolioID: String, _ submitted: SubmittedOptimization, isReplayed: Bool) {
        self.id = id
        self.portfolioID = portfolioID
        status = submitted.status
        createdAt = submitted.createdAt
        estimatedCompletion = submitted.estimatedCompletion
        self.isReplayed = isReplayed
    }
}
