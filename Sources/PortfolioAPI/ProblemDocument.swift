import FunctionRuntime
import JSON
import PortfolioDocuments
import PortfolioModel
import PortfolioService

/// A problem document (RFC 9457): what went wrong, for a program and for people.
struct ProblemDocument {
    /// Faults beyond this many are counted, not listed, so that an answer stays an answer.
    static let listedFaults = 1000

    /// The HTTP status.
    var status: Int
    /// The machine-readable kind; `type` is `/problems/CODE`.
    var code: String
    /// The kind in words, the same for every case of it.
    var title: String
    /// This case in words.
    var detail: String
    /// The faults found, each with its place.
    var faults: [Fault] = []
    /// The limits that clash, for a failure of that kind; nil for every other problem.
    var conflicts: [ConstraintConflict]?
    /// The cheapest way to move limits together; empty where none is known.
    var combinedRepair: [ConstraintRepair] = []
    /// Further headers, such as `Allow`.
    var headers: [(name: String, value: String)] = []

    /// The response; `instance` is the request's id.
    func response(to request: FunctionRequest) -> FunctionResponse {
        var writer = JSONWriter()
        writer.object { writer in
            writer.member("type", "/problems/\(code)")
            writer.member("title", title)
            writer.member("status", status)
            writer.member("detail", detail)
            writer.member("instance", request.requestID)
            writer.name("errors")
            writer.array(faults.prefix(Self.listedFaults)) { writer, fault in
                writer.object { writer in
                    writer.member("pointer", fault.pointer)
                    writer.member("code", fault.code)
                    writer.member("message", fault.message)
                }
            }
            if let conflicts {
                writer.name("conflicts")
                writer.raw(DocumentEncoder.conflicts(conflicts))
            }
            if !combinedRepair.isEmpty {
                writer.name("combined_repair")
                writer.raw(DocumentEncoder.repair(combinedRepair))
            }
        }
        return FunctionResponse(
            status: status,
            headers: [("Content-Type", MediaType.problem), ("Cache-Control", "no-store")] + headers,
            body: .bytes(writer.bytes)
        )
    }
}
