/// A problem document (RFC 9457) made by the runtime itself: `type` is `/problems/CODE`, `instance` the request's id.
///
/// - Parameters:
///   - status: the HTTP status.
///   - code: the machine-readable kind of problem.
///   - title: the kind in words, the same for every case of it.
///   - detail: this case in words; never anything internal.
///   - requestID: the request's id.
///   - headers: further headers, such as `Retry-After`.
/// - Returns: the response, with its content type.
package func problemResponse(
    status: Int,
    code: String,
    title: String,
    detail: String,
    requestID: String,
    headers: [(name: String, value: String)] = []
) -> FunctionResponse {
    var body: [UInt8] = []
    body.append(contentsOf: "{\"type\":".utf8)
    body.appendQuoted("/problems/\(code)")
    body.append(contentsOf: ",\"title\":".utf8)
    body.appendQuoted(title)
    body.append(contentsOf: ",\"status\":\(status),\"detail\":".utf8)
    body.appendQuoted(detail)
    body.append(contentsOf: ",\"instance\":".utf8)
    body.appendQuoted(requestID)
    body.append(contentsOf: ",\"errors\":[]}".utf8)
    return FunctionResponse(
        status: status,
        headers: [("Content-Type", "application/problem+json")] + headers,
        body: .bytes(body)
    )
}

/// Why the runtime answers a request itself, before a handler sees it or in a handler's place.
package enum RuntimeProblem: Error, Equatable {
    /// A parameter of the request is missing or wrong: what, in words fit for a caller.
    case invalidRequest(String)
    /// The body is not as long as announced.
    case bodyLength(announced: Int, received: Int)
    /// The body is longer than allowed.
    case bodyTooLarge(limit: Int)
    /// The parameters (path, query and headers) are longer than allowed.
    case headTooLarge(limit: Int)
    /// The request did not arrive in time.
    case tooSlow
    /// The records of the connection make no sense any more.
    case brokenConnection
    /// Too many requests wait already.
    case tooManyWaiting
    /// A mistake of ours; the log says more.
    case internalFault

    /// The problem's document.
    package func response(requestID: String) -> FunctionResponse {
        switch self {
        case .invalidRequest(let what):
            problem(400, "invalid_request", "The request is invalid", what, requestID)
        case .bodyLength(let announced, let received):
            problem(
                400,
                "body_length",
                "The body is not as long as announced",
                "\(announced) bytes were announced and \(received) received.",
                requestID
            )
        case .bodyTooLarge(let limit):
            problem(413, "body_too_large", "The body is too large", "At most \(limit) bytes are taken.", requestID)
        case .headTooLarge(let limit):
            problem(
                431,
                "headers_too_large",
                "The headers are too large",
                "Path, query and headers may have \(limit) bytes in all.",
                requestID
            )
        case .tooSlow:
            problem(408, "request_timeout", "The request came too slowly", "It was not complete in time.", requestID)
        case .brokenConnection:
            problem(400, "invalid_request", "The request is invalid", "It ended in the middle.", requestID)
        case .tooManyWaiting:
            problem(
                503,
                "too_many_waiting",
                "Too many requests wait",
                "Ask again later, or without waiting.",
                requestID,
                [("Retry-After", "1")]
            )
        case .internalFault:
            problem(500, "internal", "Something went wrong", "The fault is on this side and was recorded.", requestID)
        }
    }

    private func problem(
        _ status: Int,
        _ code: String,
        _ title: String,
        _ detail: String,
        _ requestID: String,
        _ headers: [(name: String, value: String)] = []
    ) -> FunctionResponse {
        problemResponse(
            status: status,
            code: code,
            title: title,
            detail: detail,
            requestID: requestID,
            headers: headers
        )
    }
}
