-- Verify portfolio:queries on pg
BEGIN;

SELECT
    optimization_id, portfolio_id, optimization_type, objective, risk_measure, status, metrics, current_allocation,
    target_allocation, trades, created_at, completed_at, tenant_id, error, body, entity_tag
FROM queries.portfolio_optimizations
WHERE false;
SELECT
    frontier_id, portfolio_id, risk_measure, frontier_points, current_portfolio, optimal_portfolio,
    min_risk_portfolio, max_return_portfolio, created_at, tenant_id
FROM queries.efficient_frontiers
WHERE false;
SELECT
    rebalance_id, portfolio_id, target_type, current_allocation, target_allocation, trades, metrics, created_at,
    tenant_id
FROM queries.rebalance_plans
WHERE false;
SELECT analysis_id, portfolio_id, as_of, exposures, attribution, created_at, tenant_id
FROM queries.factor_exposures
WHERE false;

DO $$
BEGIN
    IF (SELECT count(*) <> 8 FROM pg_indexes WHERE schemaname = 'queries' AND indexname LIKE '%\_idx') THEN
        RAISE EXCEPTION 'the read tables have not their eight indexes';
    END IF;
    IF (SELECT count(*) <> 4 FROM pg_constraint WHERE contype = 'f' AND connamespace = 'queries'::regnamespace) THEN
        RAISE EXCEPTION 'the read tables have not their four foreign keys';
    END IF;
END
$$;

ROLLBACK;
