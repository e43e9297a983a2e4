import JSON
package import PortfolioModel

/// The bodies of computations that somebody waits for, in each state; the kinds differ in the members of a result alone.
extension DocumentEncoder {
    /// A completed computation, whole; `members` is an object whose members follow the moments.
    package static func completedComputation(
        id: String,
        request: ComputationRequest,
        createdAt: Timestamp,
        completedAt: Timestamp,
        members: [UInt8]
    ) -> [UInt8] {
        var writer = JSONWriter(reservingCapacity: members.count + 256)
        writer.object { writer in
            writeHead(id, request.kind, request.portfolioID, .completed, createdAt, completedAt, &writer)
            writer.members(ofObject: members)
        }
        return writer.bytes
    }

    /// A computation that ended without a result, with its request.
    package static func failedComputation(
        id: String,
        request: ComputationRequest,
        createdAt: Timestamp,
        completedAt: Timestamp,
        failure: OptimizationFailure
    ) -> [UInt8] {
        written { writer in
            writer.object { writer in
                writeHead(id, request.kind, request.portfolioID, .failed, createdAt, completedAt, &writer)
                writer.members(ofObject: request.document)
                writer.name("error")
                writeFailure(failure, &writer)
            }
        }
    }

    /// A computation that has not ended.
    package static func pendingComputation(
        id: String,
        kind: ComputationKind,
        portfolioID: String,
        status: JobStatus,
        createdAt: Timestamp
    ) -> [UInt8] {
        written { writer in
            writer.object { writeHead(id, kind, portfolioID, status, createdAt, nil, &$0) }
        }
    }

    private static func writeHead(
        _ id: String,
        _ kind: ComputationKind,
        _ portfolioID: String,
        _ status: JobStatus,
        _ createdAt: Timestamp,
        _ completedAt: Timestamp?,
        _ writer: inout JSONWriter
    ) {
        writer.member(kind.identifierName, id)
        writer.member("portfolio_id", portfolioID)
        writer.member("status", status.rawValue)
        writer.member("created_at", createdAt.rfc3339)
        writer.member("completed_at", ifPresent: completedAt?.rfc3339)
    }
}
