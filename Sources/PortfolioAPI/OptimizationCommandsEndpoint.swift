package import FunctionRuntime
import JSON
import PortfolioDocuments
import PortfolioModel
package import PortfolioService

/// `POST /api/v1/optimizations`, and `POST /api/v1/optimizations/{id}/cancel`.
package final class OptimizationCommandsEndpoint: Endpoint {
    package let log: Log
    private let submit: SubmitOptimization
    private let cancel: CancelOptimization

    package init(submit: SubmitOptimization, cancel: CancelOptimization, log: Log) {
        self.submit = submit
        self.cancel = cancel
        self.log = log
    }

    package func answer(_ request: FunctionRequest) throws -> FunctionOutcome {
        let segments = request.pathSegments
        guard segments.starts(with: ["api", "v1", "optimizations"]) else { throw RequestError.noSuchPath }
        switch segments.dropFirst(3) {
        case []: return .answer(try submit(request))
        case let rest where rest.count == 2 && rest.last == "cancel":
            return .answer(try cancel(request, id: String(segments[3])))
        default: throw RequestError.noSuchPath
        }
    }

    private func submit(_ request: FunctionRequest) throws -> FunctionResponse {
        // The list, at the same path, is another function's: whoever routes knows the methods it takes.
        guard request.method == "POST" else { throw RequestError.methodNotAllowed(allowed: ["GET", "HEAD", "POST"]) }
        try request.requireJSONAccepted()
        _ = try request.requireContentType([MediaType.json])
        try QueryParameters(request).check()
        let wanted = try DocumentDecoder.optimizationRequest(JSONDocument(parsing: request.body).root)
        let accepted =
            if let key = try IdempotencyKey(request) {
                try submit(wanted, under: key.standing(for: wanted, of: request), tenant: request.tenant)
            } else {
                try submit(wanted, tenant: request.tenant)
            }
        let body = DocumentEncoder.acceptedOptimization(
            id: accepted.id,
            portfolioID: accepted.portfolioID,
            status: accepted.status,
            createdAt: accepted.createdAt,
            estimatedCompletion: accepted.estimatedCompletion
        )
        var headers = [(name: "Location", value: "/api/v1/optimizations/\(accepted.id)"), ("Retry-After", "1")]
        if accepted.isReplayed { headers.append(IdempotencyKey.replayed) }
        return .json(202, body, headers: headers)
    }

    private func cancel(_ request: FunctionRequest, id: String) throws -> FunctionResponse {
        try request.require(methods: ["POST"])
        try request.requireJSONAccepted()
        try QueryParameters(request).check()
        try requireNoBody(request)
        let status = try cancel(id: id, tenant: request.tenant)
        var writer = JSONWriter()
        writer.object { writer in
            writer.member("optimization_id", id)
            writer.member("status", status.rawValue)
        }
        return .json(202, writer.bytes, headers: [("Location", "/api/v1/optimizations/\(id)")])
    }

    /// Cancelling takes no parameters; an empty object, which some clients cannot help sending, says as much.
    private func requireNoBody(_ request: FunctionRequest) throws {
        guard !request.body.isEmpty else { return }
        _ = try request.requireContentType([MediaType.json])
        let root = try JSONDocument(parsing: request.body).root
        guard root.kind == .object, root.count == 0 else {
            throw RequestError.invalid([
                Fault(pointer: "", code: "unexpected_body", message: "cancelling takes no body, or an empty object")
            ])
        }
    }
}
