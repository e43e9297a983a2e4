import JSON
package import PortfolioModel

/// The answer to `GET /api/v1/optimizations`.
extension DocumentEncoder {
    /// A page of optimizations.
    package static func optimizations(_ summaries: [OptimizationSummary], nextCursor: String?) -> [UInt8] {
        written { writer in
            writer.object { writer in
                writer.name("optimizations")
                writer.array(summaries) { writeSummary($1, &$0) }
                writer.member("next_cursor", orNull: nextCursor)
            }
        }
    }

    private static func writeSummary(_ summary: OptimizationSummary, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("optimization_id", summary.id)
            writer.member("portfolio_id", summary.portfolioID)
            writer.member("status", summary.status.rawValue)
            writer.member("created_at", summary.createdAt.rfc3339)
            writer.member("completed_at", orNull: summary.completedAt?.rfc3339)
            writer.member("optimization_type", summary.type)
            writer.member("objective", summary.objective)
            writer.member("risk_measure", summary.riskMeasure)
        }
    }
}
