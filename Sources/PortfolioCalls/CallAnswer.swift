import FunctionRuntime
import JSON

/// Who calls, as the authorization in front of the service has it.
public struct Caller: Hashable, Sendable {
    /// Whose data the call sees; nil for the default tenant.
    public var tenant: String?
    /// The call's id in logs, problems and the answer's metadata.
    public var requestID: String

    /// Makes a caller.
    public init(tenant: String?, requestID: String) {
        self.tenant = tenant
        self.requestID = requestID
    }
}

/// What came of a call.
public enum CallOutcome: Sendable {
    /// The answer, a JSON document as REST gives it.
    case answer(CallAnswer)
    /// Not yet: it may be there once the job of this identifier has ended.
    case waiting(identifier: String)
    /// The call is refused, or has failed.
    case problem(CallProblem)
}

/// A JSON document that answers a call.
public struct CallAnswer: Sendable {
    /// The document.
    public var document: [UInt8]
    /// Whether it will never change: what a reader may keep.
    public var isFinal: Bool
}

/// Why a call was refused or failed: a problem document (RFC 9457) read back.
public struct CallProblem: Error, Equatable, Sendable {
    /// The status REST gives it.
    public var status: Int
    /// The machine-readable kind.
    public var code: String
    /// What is wrong, in words.
    public var detail: String
    /// The faults of what was sent, each with its place.
    public var faults: [Fault] = []
    /// The limits that clash, where they do.
    public var conflicts: [Conflict] = []
    /// After how many seconds trying again may help; nil where it does not.
    public var retryAfterSeconds: Int?

    /// A fault of what was sent.
    public struct Fault: Equatable, Sendable {
        /// JSON pointer (RFC 6901) into the document.
        public var pointer: String
        /// A stable code.
        public var code: String
        /// A sentence for people.
        public var message: String
    }

    /// A limit that takes part in a clash.
    public struct Conflict: Equatable, Sendable {
        /// JSON pointer below `/constraints`.
        public var constraint: String
        /// What a general limit is applied to.
        public var subject: String?
        /// Its value.
        public var bound: Double
        /// The value that alone would resolve the clash.
        public var nearestFeasible: Double?
    }

    /// Makes a problem of its own.
    public init(status: Int, code: String, detail: String, faults: [Fault] = []) {
        self.status = status
        self.code = code
        self.detail = detail
        self.faults = faults
    }

    /// One field that is wrong.
    public static func invalid(_ pointer: String, _ message: String) -> CallProblem {
        CallProblem(
            status: 422,
            code: "invalid",
            detail: "\(pointer): \(message)",
            faults: [Fault(pointer: pointer, code: "out_of_range", message: message)]
        )
    }

    /// A fault on this side.
    public static let internalFault = CallProblem(status: 500, code: "internal", detail: "Something went wrong.")

    /// Reads a response that is no success.
    init(_ response: FunctionResponse) {
        status = response.status
        retryAfterSeconds = response.headers.first { $0.name == "Retry-After" }.flatMap { Int($0.value) }
        let root = try? JSONDocument(parsing: response.bodyBytes).root
        let type = root?["type"]?.string ?? ""
        code = type.split(separator: "/").last.map(String.init) ?? "internal"
        detail = root?["detail"]?.string ?? "Something went wrong."
        faults = (root?["errors"]?.elements ?? []).map { fault in
            Fault(
                pointer: fault["pointer"]?.string ?? "",
                code: fault["code"]?.string ?? "",
                message: fault["message"]?.string ?? ""
            )
        }
        conflicts = (root?["conflicts"]?.elements ?? []).map { conflict in
            Conflict(
                constraint: conflict["constraint"]?.string ?? "",
                subject: conflict["subject"]?.string,
                bound: conflict["bound"]?.double ?? 0,
                nearestFeasible: conflict["nearest_feasible"]?.double
            )
        }
    }
}

extension FunctionResponse {
    /// The body, copied.
    var bodyBytes: [UInt8] {
        switch body {
        case .empty: []
        case .bytes(let bytes): bytes
        case .borrowed(let bytes, _): Array(bytes)
        }
    }
}
