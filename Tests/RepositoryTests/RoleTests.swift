import TestSupport
import Testing

/// What `TenancyTests.allowed` lists works for each role, and everything else is refused: tried, not looked up.
@Suite("Roles, tried verb by verb")
struct RoleTests {
    /// Tries every verb of every role on every table, column by column, and tells which were not refused.
    ///
    /// EXPLAIN checks permissions like the statement itself and does nothing.
    private static let attempts = """
        CREATE FUNCTION pg_temp.attempts() RETURNS TABLE (role_name text, table_name text, verb text)
        LANGUAGE plpgsql AS $$
        DECLARE
            attempt record;
        BEGIN
            FOR attempt IN
                WITH tables AS (
                    SELECT
                        relation.oid,
                        format('%I.%I', space.nspname, relation.relname) AS name
                    FROM pg_class AS relation
                    JOIN pg_namespace AS space ON space.oid = relation.relnamespace
                    WHERE relation.relkind IN ('r', 'p', 'v', 'm')
                      AND space.nspname NOT IN ('pg_catalog', 'information_schema', 'sqitch')
                      AND space.nspname NOT LIKE 'pg_t%'
                ), statements AS (
                    SELECT tables.name, 'DELETE' AS verb, format('EXPLAIN DELETE FROM %s', tables.name) AS statement
                    FROM tables
                    UNION ALL
                    SELECT tables.name, 'TRUNCATE', format('TRUNCATE %s', tables.name)
                    FROM tables
                    UNION ALL
                    SELECT tables.name, verb.name, format(verb.form, tables.name, attribute.attname)
                    FROM tables
                    JOIN pg_attribute AS attribute ON attribute.attrelid = tables.oid
                    CROSS JOIN (VALUES
                        ('SELECT', 'EXPLAIN SELECT %2$I FROM %1$s'),
                        ('INSERT', 'EXPLAIN INSERT INTO %1$s (%2$I) VALUES (DEFAULT)'),
                        ('UPDATE', 'EXPLAIN UPDATE %1$s SET %2$I = DEFAULT')
                    ) AS verb (name, form)
                    WHERE attribute.attnum > 0
                      AND NOT attribute.attisdropped
                )
                SELECT role.rolname, statements.*
                FROM statements
                CROSS JOIN pg_roles AS role
                WHERE role.rolcanlogin
                  AND role.rolname LIKE 'portfolio%'
            LOOP
                role_name := attempt.rolname;
                table_name := attempt.name;
                verb := attempt.verb;
                BEGIN
                    EXECUTE format('SET LOCAL ROLE %I', attempt.rolname);
                    EXECUTE attempt.statement;
                    RESET ROLE;
                    RETURN NEXT;
                EXCEPTION
                    WHEN insufficient_privilege THEN NULL;
                    -- Something else than a missing permission stopped it.
                    WHEN OTHERS THEN RETURN NEXT;
                END;
            END LOOP;
        END
        $$;
        SELECT DISTINCT role_name, table_name, verb FROM pg_temp.attempts()
        """

    @Test func `a role is refused every verb it is not given, on every table`() throws {
        let fixture = try Fixture()
        var granted: [String: [String: Set<String>]] = [:]
        for row in try fixture.execute(Self.attempts) where row.count == 3 {
            granted[row[0], default: [:]][row[1], default: []].insert(row[2])
        }
        // A role that is in no list has nothing to be given.
        for role in Set(granted.keys).union(TenancyTests.allowed.keys) {
            #expect(granted[role, default: [:]] == TenancyTests.allowed[role, default: [:]], "\(role)")
        }
    }

    /// The tables without a tenant: what they hold is nobody's.
    private static let withoutTenant: Set = ["jobs.service_times"]

    @Test func `every table has a tenant, and row-level security that holds for its owner too`() throws {
        let fixture = try Fixture()
        let rows = try fixture.execute(
            """
            SELECT
                format('%I.%I', space.nspname, relation.relname),
                relation.relrowsecurity AND relation.relforcerowsecurity,
                EXISTS (
                    SELECT FROM pg_attribute AS attribute
                    WHERE attribute.attrelid = relation.oid
                      AND attribute.attname = 'tenant_id'
                      AND attribute.attnotnull
                )
            FROM pg_class AS relation
            JOIN pg_namespace AS space ON space.oid = relation.relnamespace
            WHERE relation.relkind IN ('r', 'p')
              AND space.nspname NOT IN ('pg_catalog', 'information_schema', 'sqitch')
              AND space.nspname NOT LIKE 'pg_t%'
            """
        )
        #expect(rows.count > 15)
        for row in rows where !Self.withoutTenant.contains(row[0]) {
            #expect(row[1...] == ["t", "t"], "\(row[0]): row-level security, tenant_id")
        }
    }
}
