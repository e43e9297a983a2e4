import PortfolioModel

/// Lists by keyset: each page begins where an index finds the last row of the page before, however far down that is.
extension PostgresOptimizationRepository: OptimizationListing {
    func optimizations(
        _ selection: OptimizationSelection,
        after position: OptimizationPosition?,
        limit: Int,
        tenant: String
    ) throws -> [OptimizationSummary] {
        let position = position ?? Self.beforeAll
        let call =
            if let portfolioID = selection.portfolioID {
                Self.listOfPortfolio(
                    .text(tenant),
                    .timestamp(position.createdAt),
                    .text(position.id),
                    .text(selection.status?.rawValue),
                    .bigint(limit),
                    .text(portfolioID)
                )
            } else {
                Self.list(
                    .text(tenant),
                    .timestamp(position.createdAt),
                    .text(position.id),
                    .text(selection.status?.rawValue),
                    .bigint(limit)
                )
            }
        return try session.run([call], tenant: tenant, repetition: .harmless)[0].map(Self.readListed)
    }

    /// The last moment of the year 9999: nothing is newer.
    private static let beforeAll = OptimizationPosition(
        createdAt: Timestamp(microseconds: 253_402_300_799_000_000),
        id: ""
    )

    private static let list = Statement("optimizations.list", OptimizationListSQL.ofTenant)
    private static let listOfPortfolio = Statement("optimizations.listOfPortfolio", OptimizationListSQL.ofPortfolio)

    private static func readListed(_ row: inout RowReader) throws -> OptimizationSummary {
        OptimizationSummary(
            id: try row.text(),
            portfolioID: try row.text(),
            status: try status(try row.text()),
            type: try row.text(),
            objective: try row.text(),
            riskMeasure: try row.text(),
            createdAt: try row.timestamp(),
            completedAt: try row.optionalTimestamp()
        )
    }
}

/// The lists' statements; a test asks the server for their plans.
package enum OptimizationListSQL {
    /// Parameters: tenant, moment and identifier of the position, status or null, limit.
    package static let ofTenant = sql(restrictedBy: "")
    /// The same, and the portfolio.
    package static let ofPortfolio = sql(restrictedBy: "AND portfolio_id = $6\n  ")

    private static func sql(restrictedBy condition: String) -> String {
        """
        SELECT
            optimization_id, portfolio_id, status, optimization_type, objective, risk_measure, created_at, completed_at
        FROM queries.portfolio_optimizations
        WHERE tenant_id = $1
          \(condition)AND (created_at, optimization_id) < ($2, $3)
          AND ($4::text IS NULL OR status = $4)
        ORDER BY created_at DESC, optimization_id DESC
        LIMIT $5
        """
    }
}
