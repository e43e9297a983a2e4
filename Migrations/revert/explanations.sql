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

ALTER TABLE queries.portfolio_optimizations DROP COLUMN excluded;
ALTER TABLE commands.optimization_results DROP COLUMN excluded;

COMMIT;
