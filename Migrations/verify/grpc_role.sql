-- Verify portfolio:grpc_role on pg
BEGIN;

SELECT 1 / (rolcanlogin AND NOT rolsuper AND NOT rolbypassrls AND NOT rolcreaterole AND NOT rolcreatedb)::int
FROM pg_catalog.pg_roles
WHERE rolname = 'portfolio_grpc';
SELECT 1 / pg_has_role('portfolio_grpc', 'portfolio_create_optimization', 'USAGE')::int;
SELECT 1 / pg_has_role('portfolio_grpc', 'portfolio_get_optimization', 'USAGE')::int;

ROLLBACK;
