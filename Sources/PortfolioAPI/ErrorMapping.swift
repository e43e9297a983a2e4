import FunctionRuntime
import JSON
import PortfolioDocuments
import PortfolioModel
import PortfolioService

/// Errors become statuses here, and nowhere else.
enum ErrorMapping {
    /// Seconds after which an outage is worth another try.
    private static let retryAfter = (name: "Retry-After", value: "2")

    /// The answer to a request that failed, and the log line that tells what no caller may see.
    static func response(to request: FunctionRequest, for error: any Error, log: Log) -> FunctionResponse {
        let error = requestError(for: error)
        if let secret = logText(for: error) {
            log.error(secret, requestID: request.requestID)
        }
        return problem(for: error).response(to: request)
    }

    /// Every error that an endpoint may meet, as one enumeration.
    private static func requestError(for error: any Error) -> RequestError {
        switch error {
        case let error as RequestError: error
        case let error as ServiceError: .service(error)
        case let error as JSONSyntaxFault: .syntax(error)
        case let error as NPYSyntaxFault: .brokenArray(error)
        case let error as DocumentFaults: .invalid(faults(of: error))
        case let error: .defect("\(error)")
        }
    }

    private static func problem(for error: RequestError) -> ProblemDocument {
        switch error {
        case .noSuchPath:
            ProblemDocument(
                status: 404,
                code: "not_found",
                title: "Not found",
                detail: "There is nothing at this path."
            )
        case .methodNotAllowed(let allowed):
            ProblemDocument(
                status: 405,
                code: "method_not_allowed",
                title: "Method not allowed",
                detail: "This path takes \(allowed.joined(separator: ", ")).",
                headers: [("Allow", allowed.joined(separator: ", "))]
            )
        case .notAcceptable(let offered):
            ProblemDocument(
                status: 406,
                code: "not_acceptable",
                title: "Not acceptable",
                detail: "The answer is \(offered.joined(separator: " or ")), which the Accept header excludes."
            )
        case .unsupportedMediaType(let supported):
            ProblemDocument(
                status: 415,
                code: "unsupported_media_type",
                title: "Unsupported media type",
                detail: "The body must be \(supported.joined(separator: " or ")), in UTF-8 and without a "
                    + "Content-Encoding; the Content-Type header must say so.",
                headers: [("Accept", supported.joined(separator: ", "))]
            )
        case .invalidHeader(let name, let message):
            ProblemDocument(
                status: 400,
                code: "invalid_header",
                title: "A header has not its form",
                detail: "\(name): \(message)"
            )
        case .syntax(let fault):
            ProblemDocument(
                status: 400,
                code: fault.code.rawValue,
                title: "The body is not JSON that this service takes",
                detail: fault.message,
                faults: [Fault(pointer: "", code: fault.code.rawValue, message: fault.message)]
            )
        case .brokenArray(let fault):
            ProblemDocument(
                status: 400,
                code: "not_npy",
                title: "The body is not an NPY file that this service takes",
                detail: fault.message,
                faults: [Fault(pointer: "", code: "not_npy", message: fault.message)]
            )
        case .invalid(let faults): invalid(faults)
        case .failed(let failure): problem(for: failure)
        case .service(let error): problem(for: error)
        case .defect: internalError
        }
    }

    /// What was waited for ended without a result: 422 where the caller can do something about it.
    private static func problem(for failure: OptimizationFailure) -> ProblemDocument {
        let isOurs = [
            "check_failed", "inputs_unreadable", "numerical_difficulty", "worker_lost",
        ].contains(failure.code)
        return ProblemDocument(
            status: isOurs ? 500 : 422,
            code: failure.code,
            title: isOurs ? "The computation failed" : "There is no answer to this request",
            detail: failure.message,
            conflicts: failure.conflicts,
            combinedRepair: failure.combinedRepair
        )
    }

    private static func problem(for error: ServiceError) -> ProblemDocument {
        switch error {
        case .notFound(let resource, let id):
            // A text that is no identifier is not shown: it may be anything.
            ProblemDocument(
                status: 404,
                code: "not_found",
                title: "Not found",
                detail: Identifiers.isCallerMade(id)
                    ? "There is no \(resource.rawValue) '\(id)'." : "There is no such \(resource.rawValue)."
            )
        case .invalid(let faults): invalid(faults)
        case .identifierTaken(let resource, let id):
            ProblemDocument(
                status: 409,
                code: "id_taken",
                title: "The identifier is taken",
                detail: "The \(resource.rawValue) identifier '\(id)' is in use elsewhere; choose another."
            )
        case .noResult(let resource, let id, let status):
            ProblemDocument(
                status: 409,
                code: "no_result",
                title: "There is no result to show",
                detail: "The \(resource.rawValue) '\(id)' is \(status.rawValue): there is nothing to show"
                    + (status.isFinal ? "." : " yet."),
                headers: status.isFinal ? [] : [(name: "Retry-After", value: "1")]
            )
        case .preconditionFailed(let resource, let id, let newest):
            ProblemDocument(
                status: 412,
                code: "precondition_failed",
                title: "What the change was to depend on does not hold",
                detail: newest.map { "The \(resource.rawValue) '\(id)' is at version \($0)." }
                    ?? "There is no \(resource.rawValue) '\(id)' yet."
            )
        case .alreadyEnded(let id, let status):
            ProblemDocument(
                status: 409,
                code: "already_ended",
                title: "The optimization has ended",
                detail: "Optimization '\(id)' is \(status) and cannot be cancelled."
            )
        case .idempotencyKeyReused:
            ProblemDocument(
                status: 409,
                code: "idempotency_key_reused",
                title: "The key stands for another request",
                detail:
                    "This Idempotency-Key was used for a request with another body; use a new key for a new request."
            )
        case .queueFull(let isTenants, let retryAfterSeconds):
            ProblemDocument(
                status: 503,
                code: "queue_full",
                title: "The queue is full",
                detail: isTenants
                    ? "As many of your requests are waiting as may; nothing was stored. Try again later."
                    : "As many requests are waiting as may; nothing was stored. Try again later.",
                headers: [("Retry-After", "\(retryAfterSeconds)")]
            )
        case .unavailable:
            ProblemDocument(
                status: 503,
                code: "unavailable",
                title: "Unavailable for the moment",
                detail: "The service cannot reach its store; nothing was changed. Try again later.",
                headers: [retryAfter]
            )
        case .defect: internalError
        }
    }

    private static func invalid(_ faults: [Fault]) -> ProblemDocument {
        let count = faults.count
        let detail =
            switch faults.first {
            case let only? where count == 1: only.pointer.isEmpty ? only.message : "\(only.pointer): \(only.message)"
            default: "There are \(count) faults; each is listed with its place."
            }
        return ProblemDocument(
            status: 422,
            code: "invalid",
            title: "The request is well-formed but wrong",
            detail: detail,
            faults: faults
        )
    }

    private static var internalError: ProblemDocument {
        ProblemDocument(
            status: 500,
            code: "internal",
            title: "Something went wrong",
            detail: "The fault is on this side and was recorded under the request's id."
        )
    }

    /// What the log must say and the caller must not see.
    private static func logText(for error: RequestError) -> String? {
        switch error {
        case .service(.unavailable(let reason)): "store unavailable: \(reason)"
        case .service(.defect(let reason)), .defect(let reason): reason
        case .service(.queueFull): nil
        case .service(.notFound), .service(.invalid), .service(.identifierTaken), .service(.alreadyEnded): nil
        case .service(.idempotencyKeyReused), .service(.preconditionFailed), .service(.noResult): nil
        case .noSuchPath, .methodNotAllowed, .notAcceptable, .unsupportedMediaType, .invalidHeader: nil
        case .syntax, .brokenArray, .invalid, .failed: nil
        }
    }

    private static func faults(of error: DocumentFaults) -> [Fault] {
        error.faults.map { Fault(pointer: $0.pointer, code: $0.code.rawValue, message: $0.message) }
    }
}
