import PortfolioModel
import Repository
import TestSupport
import Testing

@Suite("Tenants and roles")
struct TenancyTests {
    @Test func `a tenant does not see or touch another's optimizations`() throws {
        let fixture = try Fixture()
        try fixture.storeInputs(tenant: "a", portfolio: "port-1", model: "model-1")
        // One connection that serves both tenants in turn, as a function's does.
        let (submitting, reading) = (fixture.submitting, fixture.reading)
        _ = try submitting.submit(.sample, id: "opt-a", tenant: "a")
        for _ in 1...2 {
            #expect(try reading.optimization(id: "opt-a", tenant: "b") == nil)
            #expect(try reading.optimization(id: "opt-a", tenant: "a") != nil)
            #expect(try submitting.cancel(id: "opt-a", tenant: "b") == nil)
        }
        #expect(throws: RepositoryError.self) { try submitting.submit(.sample, id: "opt-b", tenant: "b") }
        #expect(try reading.optimization(id: "opt-a", tenant: "a")?.status == .pending)
    }

    @Test func `row-level security alone keeps tenants apart`() throws {
        let fixture = try Fixture()
        try fixture.storeInputs(tenant: "a")
        _ = try fixture.submitting.submit(.sample, id: "opt-a", tenant: "a")
        let visible = [
            ("portfolio_get_optimization", "SELECT count(*) FROM portfolio_optimizations"),
            ("portfolio_inputs", "SELECT count(*) FROM portfolios"),
            ("portfolio_inputs", "SELECT count(*) FROM risk_model_snapshots"),
            ("portfolio_create_optimization", "SELECT count(id) FROM optimization_requests"),
            ("portfolio_create_optimization", "SELECT count(job_id) FROM jobs"),
        ]
        for (role, sql) in visible {
            func count(_ tenant: String?) throws -> [[String]] {
                try fixture.server.execute(sql, database: fixture.name, role: role, tenant: tenant)
            }
            #expect(try count("a") == [["1"]], "\(role): \(sql)")
            #expect(try count("b") == [["0"]], "\(role): \(sql)")
            #expect(try count(nil) == [["0"]], "\(role): \(sql), no tenant set")
        }
        #expect(
            performing: {
                try fixture.server.execute(
                    "INSERT INTO portfolios (id, tenant_id) VALUES ('x', 'a')",
                    database: fixture.name,
                    role: "portfolio_inputs",
                    tenant: "b"
                )
            },
            throws: { "\($0)".contains("row-level security") }
        )
    }

    /// What each role may do with each table; everything else must be refused.
    static let allowed = functions.merging(["portfolio_grpc": ofGRPC]) { own, _ in own }

    /// The gRPC function stands in for these, and may do what they may; besides, it may abandon what it asked for.
    private static var ofGRPC: [String: Set<String>] {
        var all = ["efficient_frontier", "rebalance", "factor_analysis"]
            .reduce(into: [String: Set<String>]()) { $0["commands.\($1)_requests"] = ["UPDATE"] }
        for (role, tables) in functions where !["portfolio_inputs", "portfolio_worker"].contains(role) {
            all.merge(tables) { $0.union($1) }
        }
        return all
    }

    private static let functions: [String: [String: Set<String>]] = [
        "portfolio_inputs": [
            "inputs.portfolios": ["SELECT", "INSERT", "UPDATE"],
            "inputs.portfolio_snapshots": ["SELECT", "INSERT"],
            "inputs.risk_models": ["SELECT", "INSERT", "UPDATE"],
            "inputs.risk_model_snapshots": ["SELECT", "INSERT"],
            "inputs.instrument_versions": ["SELECT", "INSERT", "UPDATE"],
            "inputs.instrument_snapshots": ["SELECT", "INSERT"],
        ],
        "portfolio_create_optimization": [
            "inputs.portfolios": ["SELECT"],
            "inputs.portfolio_snapshots": ["SELECT"],
            "inputs.risk_models": ["SELECT"],
            "inputs.risk_model_snapshots": ["SELECT"],
            "inputs.instrument_versions": ["SELECT"],
            "commands.optimization_requests": ["SELECT", "INSERT", "UPDATE"],
            "commands.idempotency_keys": ["SELECT", "INSERT"],
            "jobs.jobs": ["SELECT", "INSERT", "DELETE"],
        ],
        "portfolio_get_optimization": ["queries.portfolio_optimizations": ["SELECT"]],
        "portfolio_efficient_frontier": waiting("efficient_frontier_requests"),
        "portfolio_rebalance": waiting("rebalance_requests").merging(
            ["queries.portfolio_optimizations": ["SELECT"]]
        ) { $1 },
        "portfolio_factor_exposures": waiting("factor_analysis_requests"),
        "portfolio_health": [:],
        "portfolio_worker": [
            "inputs.portfolios": ["SELECT"],
            "inputs.portfolio_snapshots": ["SELECT"],
            "inputs.risk_models": ["SELECT"],
            "inputs.risk_model_snapshots": ["SELECT"],
            "inputs.instrument_versions": ["SELECT"],
            "inputs.instrument_snapshots": ["SELECT"],
            "commands.optimization_requests": ["SELECT", "UPDATE"],
            "commands.optimization_results": ["SELECT", "INSERT"],
            "commands.efficient_frontier_requests": ["SELECT", "UPDATE"],
            "commands.efficient_frontier_results": ["SELECT", "INSERT"],
            "commands.rebalance_requests": ["SELECT", "UPDATE"],
            "commands.rebalance_results": ["SELECT", "INSERT"],
            "commands.factor_analysis_requests": ["SELECT", "UPDATE"],
            "commands.factor_analysis_results": ["SELECT", "INSERT"],
            "jobs.jobs": ["SELECT", "UPDATE", "DELETE"],
            "jobs.service_times": ["SELECT", "INSERT", "UPDATE"],
        ],
    ]

    /// What the function of a kind of computation may do, with its table of requests.
    private static func waiting(_ requests: String) -> [String: Set<String>] {
        [
            "inputs.portfolios": ["SELECT"],
            "inputs.portfolio_snapshots": ["SELECT"],
            "inputs.risk_models": ["SELECT"],
            "inputs.risk_model_snapshots": ["SELECT"],
            "inputs.instrument_versions": ["SELECT"],
            "commands.\(requests)": ["SELECT", "INSERT"],
            "queries.computations": ["SELECT"],
            "jobs.jobs": ["SELECT", "INSERT", "UPDATE"],
        ]
    }

    @Test func `each role may do what it needs and nothing else`() throws {
        let fixture = try Fixture()
        let verbs = ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"]
        let columnVerbs = ["SELECT", "INSERT", "UPDATE", "REFERENCES"]
        for (role, tables) in Self.allowed {
            let rows = try fixture.execute(
                """
                SELECT relation.relnamespace::regnamespace || '.' || relation.relname, verb
                FROM pg_class AS relation
                CROSS JOIN unnest('{\(verbs.joined(separator: ","))}'::text[]) AS verb
                WHERE relation.relkind = 'r'
                  AND relation.relnamespace::regnamespace::text IN ('inputs', 'commands', 'queries', 'jobs', 'events')
                  AND (
                    has_table_privilege('\(role)', relation.oid, verb)
                    OR (
                        verb = ANY ('{\(columnVerbs.joined(separator: ","))}')
                        AND has_any_column_privilege('\(role)', relation.oid, verb)
                    )
                  )
                """
            )
            var granted: [String: Set<String>] = [:]
            for row in rows { granted[row[0], default: []].insert(row[1]) }
            #expect(granted == tables, "\(role)")
        }
    }

    private static let refused = [
        ("portfolio_get_optimization", "UPDATE portfolio_optimizations SET status = 'failed'"),
        ("portfolio_create_optimization", "UPDATE optimization_requests SET status = 'completed'"),
        ("portfolio_create_optimization", "UPDATE optimization_requests SET error = '{}'"),
        ("portfolio_create_optimization", "INSERT INTO optimization_results (optimization_id) VALUES ('opt-1')"),
        ("portfolio_create_optimization", "SELECT covariance FROM risk_model_snapshots"),
        ("portfolio_create_optimization", "UPDATE idempotency_keys SET optimization_id = 'opt-2'"),
        ("portfolio_create_optimization", "DELETE FROM idempotency_keys"),
        ("portfolio_inputs", "UPDATE portfolio_snapshots SET document = ''"),
        ("portfolio_inputs", "UPDATE portfolios SET tenant_id = 'a'"),
        ("portfolio_inputs", "DELETE FROM risk_model_snapshots"),
        ("portfolio_worker", "INSERT INTO portfolios (id) VALUES ('x')"),
        ("portfolio_worker", "UPDATE queries.portfolio_optimizations SET status = 'completed'"),
        ("portfolio_worker", "SELECT queries.rebuild()"),
        ("portfolio_worker", "INSERT INTO events.outbox (subject) VALUES ('x')"),
        ("portfolio_efficient_frontier", "UPDATE efficient_frontier_requests SET status = 'completed'"),
        ("portfolio_efficient_frontier", "SELECT body FROM efficient_frontier_requests"),
        ("portfolio_efficient_frontier", "UPDATE jobs SET state = 'pending'"),
        ("portfolio_rebalance", "DELETE FROM jobs"),
        ("portfolio_grpc", "UPDATE efficient_frontier_requests SET error = '{}'"),
        ("portfolio_rebalance", "SELECT covariance FROM risk_model_snapshots"),
        ("portfolio_factor_exposures", "INSERT INTO factor_analysis_results (analysis_id) VALUES ('fac-1')"),
        (
            "portfolio_rebalance",
            "INSERT INTO rebalance_requests (id, tenant_id, portfolio_id, target_type, constraints)"
                + " VALUES ('reb-1', 'b', 'port-1', 'optimal', '{}')"
        ),
        (
            "portfolio_rebalance",
            "INSERT INTO jobs (job_id, tenant_id, kind, priority) VALUES ('x', 'a', 'efficient_frontier', 10)"
        ),
        ("portfolio_health", "SELECT count(*) FROM queries.portfolio_optimizations"),
        ("portfolio_health", "DELETE FROM sqitch.changes"),
    ]

    @Test func `a role is refused what is not its own`() throws {
        let fixture = try Fixture()
        try fixture.storeInputs(tenant: "a")
        _ = try fixture.submitting.submit(.sample, id: "opt-1", tenant: "a")
        for (role, sql) in Self.refused {
            #expect("\(role): \(sql)") {
                try fixture.server.execute(sql, database: fixture.name, role: role, tenant: "a")
            } throws: { error in
                "\(error)".contains("permission denied") || "\(error)".contains("row-level security")
            }
        }
    }
}
