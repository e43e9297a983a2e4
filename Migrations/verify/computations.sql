-- Verify portfolio:computations on pg
BEGIN;

SELECT id, tenant_id, kind, portfolio_id, status, created_at, completed_at, identity, body, entity_tag
FROM queries.computations
WHERE false;

DO $$
DECLARE
    kind record;
BEGIN
    FOR kind IN
        SELECT *
        FROM (VALUES
            ('efficient_frontier', 'portfolio_efficient_frontier'),
            ('rebalance', 'portfolio_rebalance'),
            ('factor_analysis', 'portfolio_factor_exposures')
        ) AS kinds (name, role_name)
    LOOP
        EXECUTE format(
            'SELECT document, portfolio_version, risk_model_id, risk_model_version, instruments_version, identity, error, body
            FROM commands.%I
            WHERE false',
            kind.name || '_requests'
        );
        IF NOT EXISTS (
            SELECT
            FROM pg_catalog.pg_roles
            WHERE rolname = kind.role_name
              AND rolcanlogin
              AND NOT rolsuper
              AND NOT rolbypassrls
              AND NOT rolcreaterole
              AND NOT rolcreatedb
              AND EXISTS (SELECT FROM unnest(rolconfig) AS setting WHERE setting LIKE 'statement_timeout=%')
              AND EXISTS (SELECT FROM unnest(rolconfig) AS setting WHERE setting LIKE 'lock_timeout=%')
              AND EXISTS (SELECT FROM unnest(rolconfig) AS setting WHERE setting LIKE 'search_path=%')
        ) THEN
            RAISE EXCEPTION 'role % is missing, too powerful or without its limits', kind.role_name;
        END IF;
        IF has_table_privilege(kind.role_name, 'queries.computations', 'UPDATE')
            OR NOT has_function_privilege(kind.role_name, 'jobs.admit(text, bigint, bigint)', 'EXECUTE')
        THEN
            RAISE EXCEPTION 'role % has not what it needs, or more', kind.role_name;
        END IF;
        IF (
            SELECT count(*)
            FROM pg_trigger
            WHERE tgrelid = format('commands.%I', kind.name || '_requests')::regclass
              AND tgname IN ('request_is_shown', 'status_is_shown', 'end_is_recorded')
        ) <> 3 THEN
            RAISE EXCEPTION 'requests of kind % are not shown', kind.name;
        END IF;
    END LOOP;
END
$$;

ROLLBACK;
