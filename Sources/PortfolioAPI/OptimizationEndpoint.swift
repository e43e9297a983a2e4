package import FunctionRuntime
import PortfolioDocuments
import PortfolioModel
package import PortfolioService

/// `GET /api/v1/optimizations/{id}`: the state and the answer; with `Prefer: wait=N` not before the end, or N seconds.
package final class OptimizationEndpoint: Endpoint {
    package let log: Log
    private let read: ReadOptimization
    private let endings: EndingWakeSource

    package init(read: ReadOptimization, endings: OptimizationEndings, log: Log) {
        self.read = read
        self.endings = EndingWakeSource(endings)
        self.log = log
    }

    package var wakeSource: (any WakeSource)? { endings }

    package func answer(_ request: FunctionRequest) throws -> FunctionOutcome {
        let segments = request.pathSegments
        guard segments.count == 4, segments.starts(with: ["api", "v1", "optimizations"]) else {
            throw RequestError.noSuchPath
        }
        try request.require(methods: ["GET", "HEAD"])
        try request.requireJSONAccepted()
        try QueryParameters(request).check()
        let id = String(segments[3])
        let reading = try read.gather(id: id, tenant: request.tenant)
        return .gather { [self] in outcome(of: request, id: id, reading) }
    }

    /// What comes of a request once the optimization has been read.
    private func outcome(
        of request: FunctionRequest,
        id: String,
        _ read: () throws -> OptimizationReading
    ) -> FunctionOutcome {
        do {
            let reading = try read()
            guard !reading.status.isFinal, let wait = WaitPreference(request.headers["prefer"]) else {
                return .answer(response(to: request, reading))
            }
            return .park(parked(request, id: id, wait: wait))
        } catch {
            return .answer(ErrorMapping.response(to: request, for: error, log: log))
        }
    }

    /// A request that waits for the end of an optimization.
    private func parked(_ request: FunctionRequest, id: String, wait: WaitPreference) -> ParkedRequest {
        ParkedRequest(
            key: id,
            waitSeconds: Double(wait.seconds),
            recheck: { [self] in
                // A store that is away for a moment is asked again: the wait has not run out.
                guard let reading = try? read(id: id, tenant: request.tenant), reading.status.isFinal else {
                    return nil
                }
                return response(to: request, reading)
            },
            expire: { [self] in
                do {
                    return response(to: request, try read(id: id, tenant: request.tenant))
                } catch {
                    return ErrorMapping.response(to: request, for: error, log: log)
                }
            }
        )
    }

    /// The stored answer, or the state when there is none yet.
    func response(to request: FunctionRequest, _ reading: OptimizationReading) -> FunctionResponse {
        var headers: [(name: String, value: String)] = []
        if let wait = WaitPreference(request.headers["prefer"]) {
            headers.append(("Preference-Applied", wait.applied))
        }
        if let answer = reading.answer, reading.status.isFinal {
            return FunctionResponse.representation(
                of: .borrowed(answer.bytes, owner: answer.owner),
                entityTag: answer.entityTag,
                for: request,
                headers: headers
            ).cacheable()
        }
        if !reading.status.isFinal { headers.append(("Retry-After", "1")) }
        let body = DocumentEncoder.pendingOptimization(
            id: reading.id,
            portfolioID: reading.portfolioID,
            status: reading.status,
            type: reading.type,
            objective: reading.objective,
            riskMeasure: reading.riskMeasure,
            createdAt: reading.createdAt,
            completedAt: reading.completedAt
        )
        return .representation(of: .bytes(body), entityTag: EntityTag.digest(of: body), for: request, headers: headers)
    }
}

/// Wakes the requests that wait for a job whose end was announced.
final class EndingWakeSource: WakeSource {
    private let endings: OptimizationEndings

    init(_ endings: OptimizationEndings) { self.endings = endings }

    var fileDescriptor: Int32? { endings.fileDescriptor }

    func takeWokenKeys() -> [String]? { endings.take() }
}
