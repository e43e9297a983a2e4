-- Revert portfolio:explanations from pg
BEGIN;

SET LOCAL ROLE portfolio_owner;

CREATE OR REPLACE FUNCTION queries.project_optimization_statuses() RETURNS trigger
    LANGUAGE plpgsql
    SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off
    SET enable_hashjoin = off  -- rows are looked up one by one, by key, as many as have changed
    SET enable_mergejoin = off
AS $$
BEGIN
    UPDATE queries.portfolio_optimizations AS shown
    SET status = changed.status
    FROM changed
    WHERE shown.optimization_id = changed.id
      AND shown.status <> changed.status
      AND changed.status IN ('pending', 'processing');

    WITH ended AS (
        UPDATE queries.portfolio_optimizations AS shown
        SET status = changed.status,
            completed_at = coalesce(result.completed_at, changed.updated_at),
            metrics = result.metrics,
            current_allocation = result.current_allocation,
            target_allocation = result.target_allocation,
            trades = result.trades,
            error = changed.error,
            body = coalesce(result.body, changed.body),
            -- queries.entity_tag, written out: a function of SQL is started anew for each row
            entity_tag = left(encode(sha256(convert_to(coalesce(result.body, changed.body), 'UTF8')), 'hex'), 32)
        FROM changed
        LEFT JOIN commands.optimization_results AS result ON result.optimization_id = changed.id
        WHERE shown.optimization_id = changed.id
          AND shown.status <> changed.status
          AND changed.status IN ('completed', 'failed', 'cancelled')
        RETURNING changed.tenant_id, changed.portfolio_id, changed.id, changed.status, changed.updated_at
    )
    INSERT INTO events.outbox (tenant_id, portfolio_id, type, subject, occurred_at, data)
    SELECT
        tenant_id, portfolio_id, 'optimization.' || status, id, updated_at,
        jsonb_build_object('id', id, 'portfolio_id', portfolio_id, 'status', status)
    FROM ended;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION queries.rebuild_documents() RETURNS void
    LANGUAGE plpgsql
    SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    LOCK TABLE
        commands.optimization_requests,
        commands.efficient_frontier_requests,
        commands.rebalance_requests,
        commands.factor_analysis_requests
        IN SHARE ROW EXCLUSIVE MODE;
    DELETE FROM queries.portfolio_optimizations;
    DELETE FROM queries.efficient_frontiers;
    DELETE FROM queries.rebalance_plans;
    DELETE FROM queries.factor_exposures;

    INSERT INTO queries.portfolio_optimizations (
        optimization_id, portfolio_id, optimization_type, objective, risk_measure, status, metrics,
        current_allocation, target_allocation, trades, created_at, completed_at, tenant_id, error, body, entity_tag
    )
    SELECT
        request.id, request.portfolio_id, request.optimization_type, request.objective, request.risk_measure,
        request.status, result.metrics, result.current_allocation, result.target_allocation, result.trades,
        request.created_at,
        CASE WHEN request.status IN ('failed', 'cancelled') THEN request.updated_at ELSE result.completed_at END,
        request.tenant_id, request.error,
        coalesce(result.body, request.body), queries.entity_tag(coalesce(result.body, request.body))
    FROM commands.optimization_requests AS request
    LEFT JOIN commands.optimization_results AS result ON result.optimization_id = request.id;

    INSERT INTO queries.efficient_frontiers (
        frontier_id, portfolio_id, risk_measure, frontier_points, current_portfolio, optimal_portfolio,
        min_risk_portfolio, max_return_portfolio, created_at, tenant_id
    )
    SELECT
        request.id, request.portfolio_id, request.risk_measure, result.frontier_points, result.current_portfolio,
        result.optimal_portfolio, result.min_risk_portfolio, result.max_return_portfolio, request.created_at,
        request.tenant_id
    FROM commands.efficient_frontier_results AS result
    JOIN commands.efficient_frontier_requests AS request ON request.id = result.frontier_id;

    INSERT INTO queries.rebalance_plans (
        rebalance_id, portfolio_id, target_type, current_allocation, target_allocation, trades, metrics, created_at,
        tenant_id
    )
    SELECT
        request.id, request.portfolio_id, request.target_type, result.current_allocation, result.target_allocation,
        result.trades, result.metrics, request.created_at, request.tenant_id
    FROM commands.rebalance_results AS result
    JOIN commands.rebalance_requests AS request ON request.id = result.rebalance_id;

    INSERT INTO queries.factor_exposures (
        analysis_id, portfolio_id, as_of, exposures, attribution, created_at, tenant_id
    )
    SELECT
        request.id, request.portfolio_id, result.as_of, result.exposures, result.attribution, request.created_at,
        request.tenant_id
    FROM commands.factor_analysis_results AS result
    JOIN commands.factor_analysis_requests AS request ON request.id = result.analysis_id;
END
$$;

ALTER TABLE queries.portfolio_optimizations DROP COLUMN excluded;
ALTER TABLE commands.optimization_results DROP COLUMN excluded;

COMMIT;
