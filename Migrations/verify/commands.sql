-- Verify portfolio:commands on pg
BEGIN;

SELECT
    id, portfolio_id, optimization_type, objective, risk_measure, constraints, preferences, status, created_at,
    updated_at, tenant_id, document, portfolio_version, risk_model_id, risk_model_version, instruments_version, error,
    body
FROM commands.optimization_requests
WHERE false;
SELECT
    optimization_id, metrics, current_allocation, target_allocation, trades, efficient_frontier, completed_at,
    tenant_id, body
FROM commands.optimization_results
WHERE false;
SELECT
    id, portfolio_id, risk_measure, points, min_return, max_risk, constraints, status, created_at, updated_at,
    tenant_id
FROM commands.efficient_frontier_requests
WHERE false;
SELECT
    frontier_id, frontier_points, current_portfolio, optimal_portfolio, min_risk_portfolio, max_return_portfolio,
    completed_at, tenant_id
FROM commands.efficient_frontier_results
WHERE false;
SELECT id, portfolio_id, target_type, constraints, status, created_at, updated_at, tenant_id
FROM commands.rebalance_requests
WHERE false;
SELECT rebalance_id, current_allocation, target_allocation, trades, metrics, completed_at, tenant_id
FROM commands.rebalance_results
WHERE false;
SELECT id, portfolio_id, factors, status, created_at, updated_at, tenant_id
FROM commands.factor_analysis_requests
WHERE false;
SELECT analysis_id, as_of, exposures, attribution, completed_at, tenant_id
FROM commands.factor_analysis_results
WHERE false;

DO $$
BEGIN
    IF (
        SELECT count(*) <> 8
        FROM pg_indexes
        WHERE schemaname = 'commands' AND indexname LIKE '%\_requests\_%\_idx'
    ) THEN
        RAISE EXCEPTION 'the command tables have not their eight indexes';
    END IF;
    IF (SELECT count(*) <> 8 FROM pg_constraint WHERE contype = 'f' AND connamespace = 'commands'::regnamespace) THEN
        RAISE EXCEPTION 'the command tables have not their eight foreign keys';
    END IF;
END
$$;

ROLLBACK;
