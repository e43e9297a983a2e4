import JSON
package import PortfolioModel

/// A result written down: its columns, and its answer but for what tells one optimization from another.
///
/// Jobs that share a result share these bytes; each part is written once and put together from then on.
package struct WrittenResult: Sendable {
    /// The figures, as the tables store them.
    package let metrics: [UInt8]
    /// The map of weights before.
    package let currentAllocation: [UInt8]
    /// The map of weights aimed at.
    package let targetAllocation: [UInt8]
    /// The list of trades.
    package let trades: [UInt8]
    /// The list of the frontier's points; nil where none was asked for.
    package let efficientFrontier: [UInt8]?
    /// The list of what is not held, which only who asks for it is shown.
    package let excluded: [UInt8]
    /// A fingerprint of what was recommended and why.
    package let hash: String

    private let portfolioID: String
    /// The answer's members after the moments, with the braces of an object around them.
    private let members: [UInt8]

    /// Writes a result of a request.
    package init(of request: OptimizationRequest, _ result: OptimizationResult) {
        metrics = DocumentEncoder.metrics(result.metrics)
        currentAllocation = DocumentEncoder.weights(result.currentAllocation)
        targetAllocation = DocumentEncoder.weights(result.targetAllocation)
        trades = DocumentEncoder.trades(result.trades)
        efficientFrontier = result.efficientFrontier.map { points in
            DocumentEncoder.written { DocumentEncoder.writeFrontierPoints(points, &$0) }
        }
        excluded = DocumentEncoder.excluded(result.excluded)
        portfolioID = request.portfolioID

        var allocation = JSONWriter(reservingCapacity: 4096)
        allocation.object { writer in
            DocumentEncoder.writeKind(request, &writer)
            DocumentEncoder.writeAllocation(result, &writer)
        }
        let ended = DocumentEncoder.ended(
            allocation.bytes,
            solution: result.solution,
            inputs: result.inputs,
            portfolioID: request.portfolioID,
            warnings: result.warnings
        )
        hash = ended.hash
        members = ended.members
    }

    /// The whole answer for one of the optimizations that came to this result.
    package func body(id: String, createdAt: Timestamp, completedAt: Timestamp) -> [UInt8] {
        var writer = JSONWriter(reservingCapacity: members.count + 256)
        writer.object { writer in
            DocumentEncoder.writeHead(
                id: id,
                portfolioID: portfolioID,
                status: .completed,
                createdAt: createdAt,
                completedAt: completedAt,
                &writer
            )
            writer.members(ofObject: members)
        }
        return writer.bytes
    }
}
