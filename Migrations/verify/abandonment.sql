-- Verify portfolio:abandonment on pg
BEGIN;

SELECT is_abandonable FROM jobs.jobs WHERE false;
SELECT 1 / has_column_privilege(role, 'jobs.jobs', 'is_abandonable', 'UPDATE')::int
FROM unnest(ARRAY['portfolio_efficient_frontier', 'portfolio_rebalance', 'portfolio_factor_exposures']) AS role;
SELECT 1 / has_column_privilege('portfolio_grpc', 'commands.' || name, 'status', 'UPDATE')::int
FROM unnest(ARRAY['efficient_frontier_requests', 'rebalance_requests', 'factor_analysis_requests']) AS name;

ROLLBACK;
