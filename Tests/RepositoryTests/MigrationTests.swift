import Foundation
import Repository
import TestSupport
import Testing

@Suite("Migrations")
struct MigrationTests {
    /// The service document's tables: column, type, nullable, default.
    private static let tables: [String: [String]] = [
        "commands.optimization_requests": [
            "id character varying(36) no", "portfolio_id character varying(36) no",
            "optimization_type character varying(30) no", "objective character varying(30) no",
            "risk_measure character varying(20) no", "constraints jsonb no", "preferences jsonb no",
            "status character varying(20) no 'pending'::character varying",
            "created_at timestamp with time zone no now()", "updated_at timestamp with time zone no now()",
        ],
        "commands.optimization_results": [
            "optimization_id character varying(36) no", "metrics jsonb no", "current_allocation jsonb no",
            "target_allocation jsonb no", "trades jsonb no", "efficient_frontier jsonb yes",
            "completed_at timestamp with time zone no now()",
        ],
        "commands.efficient_frontier_requests": [
            "id character varying(36) no", "portfolio_id character varying(36) no",
            "risk_measure character varying(20) no", "points integer no", "min_return numeric(10,8) yes",
            "max_risk numeric(10,8) yes", "constraints jsonb no",
            "status character varying(20) no 'pending'::character varying",
            "created_at timestamp with time zone no now()", "updated_at timestamp with time zone no now()",
        ],
        "commands.efficient_frontier_results": [
            "frontier_id character varying(36) no", "frontier_points jsonb no", "current_portfolio jsonb no",
            "optimal_portfolio jsonb no", "min_risk_portfolio jsonb no", "max_return_portfolio jsonb no",
            "completed_at timestamp with time zone no now()",
        ],
        "commands.rebalance_requests": [
            "id character varying(36) no", "portfolio_id character varying(36) no",
            "target_type character varying(20) no", "constraints jsonb no",
            "status character varying(20) no 'pending'::character varying",
            "created_at timestamp with time zone no now()", "updated_at timestamp with time zone no now()",
        ],
        "commands.rebalance_results": [
            "rebalance_id character varying(36) no", "current_allocation jsonb no", "target_allocation jsonb no",
            "trades jsonb no", "metrics jsonb no", "completed_at timestamp with time zone no now()",
        ],
        "commands.factor_analysis_requests": [
            "id character varying(36) no", "portfolio_id character varying(36) no", "factors jsonb no",
            "status character varying(20) no 'pending'::character varying",
            "created_at timestamp with time zone no now()", "updated_at timestamp with time zone no now()",
        ],
        "commands.factor_analysis_results": [
            "analysis_id character varying(36) no", "as_of timestamp with time zone no", "exposures jsonb no",
            "attribution jsonb no", "completed_at timestamp with time zone no now()",
        ],
        "queries.portfolio_optimizations": [
            "optimization_id character varying(36) no", "portfolio_id character varying(36) no",
            "optimization_type character varying(30) no", "objective character varying(30) no",
            "risk_measure character varying(20) no", "status character varying(20) no", "metrics jsonb yes",
            "current_allocation jsonb yes", "target_allocation jsonb yes", "trades jsonb yes",
            "created_at timestamp with time zone no", "completed_at timestamp with time zone yes",
        ],
        "queries.efficient_frontiers": [
            "frontier_id character varying(36) no", "portfolio_id character varying(36) no",
            "risk_measure character varying(20) no", "frontier_points jsonb no", "current_portfolio jsonb no",
            "optimal_portfolio jsonb no", "min_risk_portfolio jsonb no", "max_return_portfolio jsonb no",
            "created_at timestamp with time zone no",
        ],
        "queries.rebalance_plans": [
            "rebalance_id character varying(36) no", "portfolio_id character varying(36) no",
            "target_type character varying(20) no", "current_allocation jsonb no", "target_allocation jsonb no",
            "trades jsonb no", "metrics jsonb no", "created_at timestamp with time zone no",
        ],
        "queries.factor_exposures": [
            "analysis_id character varying(36) no", "portfolio_id character varying(36) no",
            "as_of timestamp with time zone no", "exposures jsonb no", "attribution jsonb no",
            "created_at timestamp with time zone no",
        ],
    ]

    @Test func `the twelve tables have the service document's columns, and what is added may be left out`() throws {
        let fixture = try Fixture()
        for (table, expected) in Self.tables {
            let columns = try fixture.execute(
                """
                SELECT attname || ' ' || format_type(atttypid, atttypmod) || CASE WHEN attnotnull THEN ' no' ELSE ' yes' END
                    || coalesce(' ' || pg_get_expr(adbin, adrelid), '')
                FROM pg_attribute
                LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
                WHERE attrelid = '\(table)'::regclass
                  AND attnum > 0
                  AND NOT attisdropped
                ORDER BY attnum
                """
            ).map { $0[0] }
            #expect(Array(columns.prefix(expected.count)) == expected, "\(table)")
            let added = columns.dropFirst(expected.count)
            #expect(added.contains("tenant_id text no 'default'::text"), "\(table)")
            #expect(added.allSatisfy { $0.hasSuffix(" yes") || $0.hasPrefix("tenant_id ") }, "\(table): \(added)")
        }
    }

    @Test func `the sixteen indexes and the twelve foreign keys are there, the bare names work`() throws {
        let fixture = try Fixture()
        let indexes = try fixture.execute(
            """
            SELECT indexrelid::regclass::text || ' ' || indrelid::regclass || ' ' || attname
            FROM pg_index
            JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]
            JOIN pg_class AS index ON index.oid = indexrelid
            WHERE index.relname LIKE '%\\_idx'
              AND index.relnamespace::regnamespace::text IN ('commands', 'queries')
              AND indisvalid
            """
        ).map { $0[0] }
        let requests = ["optimization", "efficient_frontier", "rebalance", "factor_analysis"].map { $0 + "_requests" }
        let columns = requests.flatMap { [($0, "portfolio", "portfolio_id"), ($0, "status", "status")] }
        let reads = ["portfolio_optimizations", "efficient_frontiers", "rebalance_plans"].flatMap {
            [($0, "portfolio", "portfolio_id"), ($0, "created", "created_at")]
        }
        let factors = [("factor_exposures", "portfolio", "portfolio_id"), ("factor_exposures", "as_of", "as_of")]
        let expected = (columns + reads + factors).map { table, short, column in
            "\(table)_\(short)_idx \(table) \(column)"
        }
        #expect(expected.count == 16)
        #expect(Set(indexes.map { $0.replacing(#/(commands|queries)\./#, with: "") }) == Set(expected))

        let keys = try fixture.execute(
            "SELECT conname FROM pg_constraint WHERE contype = 'f' AND connamespace <> 'sqitch'::regnamespace"
        ).map { $0[0] }
        let toPortfolio =
            requests + ["portfolio_optimizations", "efficient_frontiers", "rebalance_plans", "factor_exposures"]
        let toRequest = [
            "optimization_results_optimization_fk", "efficient_frontier_results_frontier_fk",
            "rebalance_results_rebalance_fk", "factor_analysis_results_analysis_fk",
        ]
        #expect(Set(keys) == Set(toPortfolio.map { $0 + "_portfolio_fk" } + toRequest) && keys.count == 12)
        for (table, _) in Self.tables {
            let bare = table.split(separator: ".")[1]
            #expect(try fixture.execute("SELECT '\(bare)'::regclass::oid = '\(table)'::regclass::oid") == [["t"]])
        }
    }

    @Test func `rows of the other kinds of requests show on the read side too`() throws {
        let fixture = try Fixture()
        try fixture.execute(
            """
            INSERT INTO inputs.portfolios (id) VALUES ('p');
            INSERT INTO commands.efficient_frontier_requests (id, portfolio_id, risk_measure, points, constraints)
            VALUES ('f', 'p', 'cvar', 20, '{}');
            INSERT INTO commands.efficient_frontier_results VALUES ('f', '[]', '{}', '{}', '{}', '{}');
            UPDATE commands.efficient_frontier_requests SET status = 'completed';
            INSERT INTO commands.rebalance_requests (id, portfolio_id, target_type, constraints)
            VALUES ('r', 'p', 'optimal', '{}');
            INSERT INTO commands.rebalance_results VALUES ('r', '{}', '{}', '[]', '{}');
            UPDATE commands.rebalance_requests SET status = 'completed';
            INSERT INTO commands.factor_analysis_requests (id, portfolio_id, factors) VALUES ('a', 'p', '[]');
            INSERT INTO commands.factor_analysis_results VALUES ('a', now(), '[]', '[]');
            UPDATE commands.factor_analysis_requests SET status = 'completed';
            """
        )
        let all = """
            SELECT frontier_id, risk_measure FROM queries.efficient_frontiers
            UNION ALL SELECT rebalance_id, target_type FROM queries.rebalance_plans
            UNION ALL SELECT analysis_id, portfolio_id FROM queries.factor_exposures
            """
        #expect(try fixture.execute(all) == [["f", "cvar"], ["r", "optimal"], ["a", "p"]])
        #expect(
            try fixture.execute("SELECT type FROM events.outbox ORDER BY sequence").map { $0[0] }
                == ["frontier.completed", "rebalance.completed", "factor_analysis.completed"]
        )
        try fixture.execute("SELECT queries.rebuild()")
        #expect(try fixture.execute(all) == [["f", "cvar"], ["r", "optimal"], ["a", "p"]])
    }

    @Test func `migrations deploy, verify, revert without a trace, and deploy again`() throws {
        let server = try PrivatePostgres.shared()
        let name = try server.makeEmptyDatabase()
        let health = PostgresDatabase(
            url: server.url(database: name, role: "portfolio_health"),
            applicationName: "test"
        ).health
        #expect(!health.isReady())
        try server.sqitch(["deploy"], database: name)
        try server.sqitch(["verify"], database: name)
        #expect(health.isReady())
        try server.sqitch(["revert", "-y", "--to", "@HEAD^"], database: name)
        #expect(!health.isReady(), "a migration is missing")
        try server.sqitch(["revert", "-y"], database: name)
        #expect(
            try server.execute(
                "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_|^information_schema$' ORDER BY 1",
                database: name
            ).map { $0[0] } == ["public", "sqitch"]
        )
        try server.sqitch(["deploy"], database: name)
        #expect(health.isReady())
    }
}
