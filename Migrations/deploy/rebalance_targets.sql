-- Deploy portfolio:rebalance_targets to pg
-- requires: computations
--
-- A rebalance may aim at what an optimization recommends: its function reads that where everybody does.
BEGIN;

SET LOCAL ROLE portfolio_owner;

GRANT SELECT ON queries.portfolio_optimizations TO portfolio_rebalance;
CREATE POLICY own_tenant_of_rebalance ON queries.portfolio_optimizations
    TO portfolio_rebalance
    USING (tenant_id = current_setting('portfolio.tenant', true));

COMMIT;
