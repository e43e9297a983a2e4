-- Revert portfolio:rebalance_targets from pg
BEGIN;

SET LOCAL ROLE portfolio_owner;

DROP POLICY own_tenant_of_rebalance ON queries.portfolio_optimizations;
REVOKE SELECT ON queries.portfolio_optimizations FROM portfolio_rebalance;

COMMIT;
