package import FunctionRuntime

/// A handler that may throw: what it throws becomes a problem document.
package protocol Endpoint: FunctionHandler {
    /// Where the log lines of failures go.
    var log: Log { get }

    /// Answers a request, parks it, or throws.
    func answer(_ request: FunctionRequest) throws -> FunctionOutcome
}

extension Endpoint {
    package func handle(_ request: FunctionRequest) -> FunctionOutcome {
        do {
            return try answer(request)
        } catch {
            return .answer(ErrorMapping.response(to: request, for: error, log: log))
        }
    }
}
