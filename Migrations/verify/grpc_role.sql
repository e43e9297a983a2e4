-- Verify portfolio:grpc_role on pg
BEGIN;

SELECT 1 / (rolcanlogin AND NOT rolsuper AND NOT rolbypassrls AND NOT rolcreaterole AND NOT rolcreatedb)::int
FROM pg_catalog.pg_roles
WHERE rolname = 'portfolio_grpc';
SELECT 1 / pg_has_role('portfolio_grpc', role, 'USAGE')::int
FROM unnest(ARRAY[
    'portfolio_create_optimization',
    'portfolio_get_optimization',
    'portfolio_efficient_frontier',
    'portfolio_rebalance',
    'portfolio_factor_exposures',
    'portfolio_health'
]) AS role;

ROLLBACK;
