-- Revert portfolio:abandonment from pg
BEGIN;

DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY[
        'efficient_frontier_requests', 'rebalance_requests', 'factor_analysis_requests'
    ] LOOP
        EXECUTE format('DROP POLICY only_cancels ON commands.%I', table_name);
        EXECUTE format('REVOKE UPDATE (status, updated_at, identity, body) ON commands.%I FROM portfolio_grpc', table_name);
    END LOOP;
END
$$;
REVOKE SELECT (job_id, tenant_id) ON jobs.jobs
    FROM portfolio_efficient_frontier, portfolio_rebalance, portfolio_factor_exposures;
ALTER TABLE jobs.jobs DROP COLUMN is_abandonable;

COMMIT;
