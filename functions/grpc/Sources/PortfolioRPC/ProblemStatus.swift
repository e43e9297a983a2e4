package import GRPCCore
package import GRPCProtobuf
package import PortfolioCalls

/// Problems become gRPC codes here, and nowhere else.
package enum ProblemStatus {
    /// The service's name in `ErrorInfo`.
    package static let domain = "portfolio-optimization"

    /// Problems whose code alone decides, whatever status REST gives them.
    package static let codes: [String: RPCError.Code] = [
        "infeasible": .failedPrecondition,
        "no_excess_return": .failedPrecondition,
        "unbounded": .failedPrecondition,
        "out_of_reach": .failedPrecondition,
        "precondition_failed": .failedPrecondition,
        "no_result": .failedPrecondition,
        "id_taken": .alreadyExists,
        "already_ended": .aborted,
        "idempotency_key_reused": .aborted,
        "queue_full": .resourceExhausted,
        "too_many_waiting": .resourceExhausted,
        "body_too_large": .resourceExhausted,
        "unavailable": .unavailable,
        "not_found": .notFound,
        "invalid": .invalidArgument,
        "internal": .internalError,
    ]

    /// The code of a problem: by its own code, else by the status REST gives it.
    package static func code(of problem: CallProblem) -> RPCError.Code {
        if let code = codes[problem.code] { return code }
        if !problem.conflicts.isEmpty { return .failedPrecondition }
        switch problem.status {
        case 401: return .unauthenticated
        case 403: return .permissionDenied
        case 404: return .notFound
        case 409: return .aborted
        case 412: return .failedPrecondition
        case 413, 429: return .resourceExhausted
        case 503: return .unavailable
        case 400..<500: return .invalidArgument
        default: return .internalError
        }
    }

    /// The status of a problem with all that is known of it.
    package static func status(of problem: CallProblem, about resource: Resource?) -> GoogleRPCStatus {
        let code = code(of: problem)
        var details = [ErrorDetails.errorInfo(reason: problem.code, domain: domain)]
        if !problem.faults.isEmpty, code == .invalidArgument {
            details.append(
                .badRequest(
                    violations: problem.faults.map { fault in
                        .init(field: fieldPath(fault.pointer), description: "\(fault.message) [\(fault.code)]")
                    }
                )
            )
        }
        if !problem.conflicts.isEmpty {
            details.append(.preconditionFailure(violations: problem.conflicts.map(violation)))
        }
        if code == .notFound || code == .alreadyExists, let resource {
            details.append(
                .resourceInfo(type: resource.type, name: resource.name, errorDescription: problem.detail, owner: "")
            )
        }
        if let seconds = problem.retryAfterSeconds {
            details.append(.retryInfo(delay: .seconds(seconds)))
        }
        return GoogleRPCStatus(code: code, message: problem.detail, details: details)
    }

    /// What a call is about.
    package struct Resource: Sendable {
        package var type: String
        package var name: String

        package init(type: String, name: String) {
            self.type = type
            self.name = name
        }
    }

    private static func violation(
        _ conflict: CallProblem.Conflict
    ) -> ErrorDetails.PreconditionFailure.Violation {
        var words = "its value is \(conflict.bound)"
        if let nearest = conflict.nearestFeasible {
            words += "; \(nearest) alone would make the request feasible"
        } else {
            words += "; no value of it alone makes the request feasible"
        }
        return .init(
            type: conflict.constraint,
            subject: conflict.subject ?? fieldPath("/constraints" + conflict.constraint),
            description: words
        )
    }

    /// A JSON pointer as the path of a field: `/views/0/return` is `views[0].return`.
    package static func fieldPath(_ pointer: String) -> String {
        pointer.split(separator: "/").reduce(into: "") { path, token in
            let name = token.split(separator: "~", omittingEmptySubsequences: false).enumerated()
                .map { index, part in
                    guard index > 0 else { return String(part) }
                    return (part.first == "1" ? "/" : "~") + part.dropFirst()
                }
                .joined()
            if Int(name) != nil, !path.isEmpty {
                path += "[\(name)]"
            } else {
                path += path.isEmpty ? name : ".\(name)"
            }
        }
    }
}
