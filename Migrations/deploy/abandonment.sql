-- Deploy portfolio:abandonment to pg
-- requires: grpc_role
--
-- A computation that one gRPC call asked for, and that nobody else came to wait for, ends with that call: by its deadline
-- or when it is cancelled. Who asks for the same while it runs joins it first, and from then on it goes on to its end.
BEGIN;

SET LOCAL ROLE portfolio_owner;

ALTER TABLE jobs.jobs ADD COLUMN is_abandonable boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN jobs.jobs.is_abandonable IS 'whether only the call that submitted it waits for it';

GRANT INSERT (is_abandonable), UPDATE (is_abandonable), SELECT (job_id, tenant_id) ON jobs.jobs
    TO portfolio_efficient_frontier, portfolio_rebalance, portfolio_factor_exposures;

-- The call that gives up takes the job away and says so of the request, as a cancellation of an optimization does.
GRANT SELECT (is_abandonable) ON jobs.jobs TO portfolio_grpc;
DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY[
        'efficient_frontier_requests', 'rebalance_requests', 'factor_analysis_requests'
    ] LOOP
        EXECUTE format('GRANT UPDATE (status, updated_at, identity, body) ON commands.%I TO portfolio_grpc', table_name);
        EXECUTE format(
            'CREATE POLICY only_cancels ON commands.%I AS RESTRICTIVE
                FOR UPDATE TO portfolio_grpc
                USING (true)
                WITH CHECK (status = ''cancelled'' AND identity IS NULL)',
            table_name
        );
    END LOOP;
END
$$;

COMMIT;
