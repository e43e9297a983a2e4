-- Verify portfolio:roles on pg
BEGIN;

DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY[
        'portfolio_create_optimization',
        'portfolio_get_optimization',
        'portfolio_inputs',
        'portfolio_health',
        'portfolio_worker'
    ] LOOP
        IF NOT EXISTS (
            SELECT
            FROM pg_catalog.pg_roles
            WHERE rolname = role_name
              AND rolcanlogin
              AND NOT rolsuper
              AND NOT rolbypassrls
              AND NOT rolcreaterole
              AND NOT rolcreatedb
              AND EXISTS (SELECT FROM unnest(rolconfig) AS setting WHERE setting LIKE 'statement_timeout=%')
              AND EXISTS (SELECT FROM unnest(rolconfig) AS setting WHERE setting LIKE 'lock_timeout=%')
              AND EXISTS (SELECT FROM unnest(rolconfig) AS setting WHERE setting LIKE 'search_path=%')
        ) THEN
            RAISE EXCEPTION 'role % is missing, too powerful or without its limits', role_name;
        END IF;
    END LOOP;
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'portfolio_owner' AND NOT rolcanlogin) THEN
        RAISE EXCEPTION 'portfolio_owner is missing or may log in';
    END IF;
END
$$;

ROLLBACK;
