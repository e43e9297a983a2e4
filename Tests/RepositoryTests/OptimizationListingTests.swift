import PortfolioModel
import Repository
import TestSupport
import Testing

@Suite("Lists of optimizations in PostgreSQL")
struct OptimizationListingTests {
    let fixture: Fixture

    init() throws {
        fixture = try Fixture()
        try fixture.storeInputs()
    }

    /// Rows straight in the read model: `count` of them, three at each moment, over two portfolios and two states.
    private func fill(_ count: Int, tenant: String = "default", prefix: String = "opt") throws {
        try fixture.execute(
            """
            INSERT INTO inputs.portfolios (id, tenant_id) VALUES ('port-2', 'default') ON CONFLICT DO NOTHING;
            INSERT INTO queries.portfolio_optimizations
                (optimization_id, portfolio_id, optimization_type, objective, risk_measure, status, created_at, tenant_id)
            SELECT '\(prefix)-' || lpad(n::text, 6, '0'), 'port-' || 1 + n % 2, 'mean_variance', 'minimize_risk',
                'volatility', CASE WHEN n % 4 = 0 THEN 'failed' ELSE 'completed' END,
                timestamptz '2026-01-01' + n / 3 * interval '1 second', '\(tenant)'
            FROM generate_series(1, \(count)) AS n;
            ANALYZE queries.portfolio_optimizations
            """
        )
    }

    /// Every identifier, turning pages of `limit`.
    private func pages(_ selection: OptimizationSelection, limit: Int) throws -> [String] {
        let listing = fixture.listing
        var ids: [String] = []
        var position: OptimizationPosition?
        while true {
            let page = try listing.optimizations(selection, after: position, limit: limit, tenant: "default")
            #expect(page.count <= limit)
            guard let last = page.last else { return ids }
            ids += page.map(\.id)
            position = last.position
        }
    }

    private func expected(where condition: String = "true") throws -> [String] {
        try fixture.execute(
            """
            SELECT optimization_id FROM queries.portfolio_optimizations WHERE tenant_id = 'default' AND \(condition)
            ORDER BY created_at DESC, optimization_id DESC
            """
        ).map { $0[0] }
    }

    @Test(arguments: [1, 2, 7, 100])
    func `pages hold everything once, newest first, also where moments are equal`(limit: Int) throws {
        try fill(40)
        try fill(10, tenant: "other", prefix: "other")
        #expect(try pages(OptimizationSelection(), limit: limit) == expected())
        #expect(
            try pages(OptimizationSelection(portfolioID: "port-2"), limit: limit)
                == expected(where: "portfolio_id = 'port-2'")
        )
        #expect(try pages(OptimizationSelection(status: .failed), limit: limit) == expected(where: "status = 'failed'"))
        #expect(
            try pages(OptimizationSelection(portfolioID: "port-1", status: .failed), limit: limit)
                == expected(where: "portfolio_id = 'port-1' AND status = 'failed'")
        )
        #expect(try pages(OptimizationSelection(portfolioID: "none"), limit: limit).isEmpty)
    }

    @Test func `a row is what the optimization's own state says`() throws {
        _ = try fixture.submitting.submit(.sample, id: "opt-1", tenant: "default")
        let worker = fixture.worker
        _ = try worker.finish(worker.claimJobs(limit: 1, leaseSeconds: 30).map { FinishedJob($0) })
        let state = try #require(try fixture.reading.optimization(id: "opt-1", tenant: "default"))
        let row = try #require(
            try fixture.listing.optimizations(OptimizationSelection(), after: nil, limit: 5, tenant: "default").first
        )
        #expect(row.id == "opt-1" && row.portfolioID == state.portfolioID && row.status == .completed)
        #expect(row.type == state.type && row.objective == state.objective && row.riskMeasure == state.riskMeasure)
        #expect(row.createdAt == state.createdAt && row.completedAt == state.completedAt)
        #expect(
            try fixture.listing.optimizations(OptimizationSelection(), after: nil, limit: 5, tenant: "other").isEmpty
        )
    }

    @Test(arguments: [
        (OptimizationListSQL.ofTenant, "", "portfolio_optimizations_newest"),
        (OptimizationListSQL.ofPortfolio, ", 'many-3'", "portfolio_optimizations_newest_of_portfolio"),
    ])
    func `a page is read from its index, without sorting, wherever it begins`(
        sql: String,
        portfolio: String,
        index: String
    ) throws {
        // Two hundred tenants, and twenty-five portfolios of each: what a list wants is a small part of all there is.
        try fixture.execute(
            """
            INSERT INTO inputs.portfolios (id) SELECT 'many-' || n FROM generate_series(0, 24) AS n;
            INSERT INTO queries.portfolio_optimizations
                (optimization_id, portfolio_id, optimization_type, objective, risk_measure, status, created_at, tenant_id)
            SELECT 'opt-' || lpad(n::text, 6, '0'), 'many-' || n / 200 % 25, 'mean_variance', 'minimize_risk',
                'volatility', 'completed', timestamptz '2026-01-01' + n / 3 * interval '1 second', 'tenant-' || n % 200
            FROM generate_series(1, 20000) AS n;
            ANALYZE queries.portfolio_optimizations
            """
        )
        let types = "text, timestamptz, text, text, bigint" + (portfolio.isEmpty ? "" : ", text")
        let values = "'tenant-7', '2026-01-01 01:00', 'opt-010800', NULL, 20" + portfolio
        for mode in ["force_custom_plan", "force_generic_plan"] {
            let plan = try fixture.server.execute(
                """
                SET plan_cache_mode = \(mode); SET enable_bitmapscan = off; -- as for pages of more than a few rows
                PREPARE page (\(types)) AS \(sql); EXPLAIN (COSTS OFF) EXECUTE page(\(values))
                """,
                database: fixture.name,
                role: "portfolio_get_optimization",
                tenant: "tenant-7"
            ).map { $0[0] }.joined(separator: "\n")
            #expect(plan.contains("Index Scan using \(index) on"), "\(mode):\n\(plan)")
            #expect(!plan.contains("Sort"), "\(mode):\n\(plan)")
            #expect(plan.contains("ROW(created_at, (optimization_id)::text) <"), "\(mode):\n\(plan)")
        }
    }
}
