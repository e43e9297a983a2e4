-- Verify portfolio:rebalance_targets on pg
BEGIN;

SELECT 1 / has_table_privilege('portfolio_rebalance', 'queries.portfolio_optimizations', 'SELECT')::int;
SELECT 1 / count(*)
FROM pg_policy
WHERE polrelid = 'queries.portfolio_optimizations'::regclass
  AND polname = 'own_tenant_of_rebalance';

ROLLBACK;
