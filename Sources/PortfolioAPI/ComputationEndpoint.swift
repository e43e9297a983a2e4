package import FunctionRuntime
import PortfolioDocuments
package import PortfolioModel
package import PortfolioService

/// A kind of computation that somebody waits for: asked for below a portfolio, and read again by its identifier.
///
/// Who asks gets the computation that is there on the newest inputs, or waits for it; after ``patience`` the answer says
/// where it will be.
package final class ComputationEndpoint: Endpoint {
    /// Seconds a caller waits unless it prefers otherwise.
    package static let patience = 25

    package let log: Log
    private let resource: any ComputationResource
    private let find: FindOrSubmitComputation
    private let read: ReadComputation
    private let endings: EndingWakeSource

    package init(
        _ resource: any ComputationResource,
        find: FindOrSubmitComputation,
        read: ReadComputation,
        endings: OptimizationEndings,
        log: Log
    ) {
        self.resource = resource
        self.find = find
        self.read = read
        self.endings = EndingWakeSource(endings)
        self.log = log
    }

    /// The kind of computing that is asked for here.
    package var kind: ComputationKind { resource.kind }

    package var wakeSource: (any WakeSource)? { endings }

    package func answer(_ request: FunctionRequest) throws -> FunctionOutcome {
        let segments = request.pathSegments.map(String.init)
        guard segments.starts(with: ["api", "v1"]) else { throw RequestError.noSuchPath }
        switch segments.dropFirst(2) {
        case ["portfolios", segments.dropFirst(3).first ?? "", resource.waitingName]:
            return try ask(request, portfolioID: segments[3])
        case [resource.storedName, segments.dropFirst(3).first ?? ""]:
            return try readStored(request, id: segments[3])
        default: throw RequestError.noSuchPath
        }
    }

    // MARK: asking

    private func ask(_ request: FunctionRequest, portfolioID: String) throws -> FunctionOutcome {
        try request.require(methods: resource.waitingMethods)
        guard Identifiers.isCallerMade(portfolioID) else { throw ServiceError.notFound(.portfolio, id: portfolioID) }
        var asked = request
        let view = try ComputationView.take(from: &asked, offering: resource.views)
        let wanted = try resource.wanted(by: asked, portfolioID: portfolioID)
        let found = find.gather(wanted.request, naming: wanted.references, tenant: request.tenant)
        let answering = Answering(request: request, view: view, isAsked: true)
        return .gather { [self] in
            outcome(found, answering, waitSeconds: Self.seconds(preferredBy: request) ?? Self.patience)
        }
    }

    /// How long a caller prefers to wait: 0 for `respond-async` (RFC 7240 §4.1), nil when it does not say.
    private static func seconds(preferredBy request: FunctionRequest) -> Int? {
        let preference = request.headers["prefer"]
        if let wait = WaitPreference(preference) { return wait.seconds }
        let tokens = (preference ?? "").split(separator: ",").map { trimmed($0).lowercased() }
        return tokens.contains("respond-async") ? 0 : nil
    }

    // MARK: reading

    private func readStored(_ request: FunctionRequest, id: String) throws -> FunctionOutcome {
        try request.require(methods: ["GET", "HEAD"])
        var asked = request
        let view = try ComputationView.take(from: &asked, offering: resource.views)
        try QueryParameters(asked).check()
        let reading = try read.gather(id: id, kind: resource.kind, tenant: request.tenant)
        let answering = Answering(request: request, view: view, isAsked: false)
        return .gather { [self] in
            outcome(reading, answering, waitSeconds: WaitPreference(request.headers["prefer"])?.seconds)
        }
    }

    /// Reads a computation as whoever asked for it is answered: one that failed is a problem and not a document.
    package func readAsked(_ request: FunctionRequest, id: String) -> FunctionOutcome {
        do {
            let reading = try read.gather(id: id, kind: resource.kind, tenant: request.tenant)
            return outcome(reading, Answering(request: request, view: nil, isAsked: true), waitSeconds: Self.patience)
        } catch {
            return .answer(ErrorMapping.response(to: request, for: error, log: log))
        }
    }

    // MARK: answering

    /// What an answer depends on besides the computation.
    private struct Answering {
        let request: FunctionRequest
        /// The form wanted; nil for the stored document.
        let view: ComputationView?
        /// Whether the computation was asked for, and not read by its identifier.
        let isAsked: Bool
    }

    /// The answer to what has ended; what has not is waited for, where the caller waits.
    private func outcome(
        _ read: () throws -> ComputationReading,
        _ answering: Answering,
        waitSeconds: Int?
    ) -> FunctionOutcome {
        do {
            let reading = try read()
            guard !reading.status.isFinal, let waitSeconds, waitSeconds > 0 else {
                return .answer(try response(to: answering, reading))
            }
            return .park(parked(answering, id: reading.id, seconds: waitSeconds))
        } catch {
            return .answer(ErrorMapping.response(to: answering.request, for: error, log: log))
        }
    }

    /// A request that waits for the end of a computation.
    private func parked(_ answering: Answering, id: String, seconds: Int) -> ParkedRequest {
        let (request, kind) = (answering.request, resource.kind)
        return ParkedRequest(
            key: id,
            waitSeconds: Double(seconds),
            recheck: { [self] in
                // A store that is away for a moment is asked again: the wait has not run out.
                guard let reading = try? read(id: id, kind: kind, tenant: request.tenant), reading.status.isFinal
                else { return nil }
                return responseOrProblem(to: answering, reading)
            },
            expire: { [self] in
                do {
                    return responseOrProblem(to: answering, try read(id: id, kind: kind, tenant: request.tenant))
                } catch {
                    return ErrorMapping.response(to: request, for: error, log: log)
                }
            }
        )
    }

    private func responseOrProblem(to answering: Answering, _ reading: ComputationReading) -> FunctionResponse {
        do {
            return try response(to: answering, reading)
        } catch {
            return ErrorMapping.response(to: answering.request, for: error, log: log)
        }
    }

    private func response(to answering: Answering, _ reading: ComputationReading) throws -> FunctionResponse {
        let request = answering.request
        let place = "/api/v1/\(resource.storedName)/\(reading.id)"
        var headers: [(name: String, value: String)] = []
        if let wait = WaitPreference(request.headers["prefer"]) {
            headers.append(("Preference-Applied", wait.applied))
        }
        guard reading.status.isFinal, let answer = reading.answer else {
            return pending(reading, answering, place, headers)
        }
        if answering.isAsked, reading.status != .completed {
            let failure = try withExtendedLifetime(answer.owner) { try StoredFailure.read(answer.bytes) }
            throw failure.map(RequestError.failed) ?? RequestError.defect("\(reading.id) failed without an error")
        }
        if answering.isAsked { headers.append(("Content-Location", place)) }
        if let view = answering.view {
            guard reading.status == .completed else {
                if view.form == .json { return representation(of: answer, request, headers) }
                throw ServiceError.noResult(resource.kind.resource, id: reading.id, status: reading.status)
            }
            return try shown(answer, reading, as: view, for: request, headers)
        }
        let whole = representation(of: answer, request, headers)
        // Which one an address below a portfolio gives depends on the newest inputs; what an identifier gives does not.
        return answering.isAsked ? whole : whole.cacheable()
    }

    private func representation(
        of answer: StoredAnswer,
        _ request: FunctionRequest,
        _ headers: [(name: String, value: String)]
    ) -> FunctionResponse {
        .representation(
            of: .borrowed(answer.bytes, owner: answer.owner),
            entityTag: answer.entityTag,
            for: request,
            headers: headers
        )
    }

    /// What there is to say of a computation that has not ended: where it will be, or its state.
    private func pending(
        _ reading: ComputationReading,
        _ answering: Answering,
        _ place: String,
        _ headers: [(name: String, value: String)]
    ) -> FunctionResponse {
        let body = DocumentEncoder.pendingComputation(
            id: reading.id,
            kind: reading.kind,
            portfolioID: reading.portfolioID,
            status: reading.status,
            createdAt: reading.createdAt
        )
        let headers = headers + [("Retry-After", "1")]
        if answering.isAsked {
            return .json(202, body, headers: headers + [("Location", place), ("Cache-Control", "no-store")])
        }
        let tag = EntityTag.digest(of: body)
        return .representation(of: .bytes(body), entityTag: tag, for: answering.request, headers: headers)
    }

    private func shown(
        _ answer: StoredAnswer,
        _ reading: ComputationReading,
        as view: ComputationView,
        for request: FunctionRequest,
        _ headers: [(name: String, value: String)]
    ) throws -> FunctionResponse {
        let shown = try withExtendedLifetime(answer.owner) { try resource.show(answer.bytes, as: view) }
        var headers = headers + [("Vary", "Accept")]
        if let name = shown.fileName {
            headers.append(("Content-Disposition", "attachment; filename=\"\(reading.id)-\(name)\""))
        }
        if shown.mediaType == MediaType.svg {
            // The drawing styles itself and loads nothing; whatever a browser makes of it, it runs nothing.
            headers.append(("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"))
        }
        return .view(shown.bytes, type: shown.mediaType, for: request, headers)
    }
}
