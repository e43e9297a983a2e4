-- Deploy portfolio:tenancy to pg
-- requires: projection
-- requires: jobs
--
-- Row-level security. A handler sees and writes the rows of one tenant: the one that the setting portfolio.tenant names.
-- Without it, it sees nothing. Workers serve every tenant. Security is forced: it holds for the owner too, whose
-- functions (change `projection`) get just what they need.
BEGIN;

SET LOCAL ROLE portfolio_owner;

DO $$
DECLARE
    handlers CONSTANT text :=
        'portfolio_create_optimization, portfolio_get_optimization, portfolio_inputs';
    own_tenant CONSTANT text := 'tenant_id = current_setting(''portfolio.tenant'', true)';
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY[
        'inputs.portfolios',
        'inputs.portfolio_snapshots',
        'inputs.risk_models',
        'inputs.risk_model_snapshots',
        'inputs.instrument_versions',
        'inputs.instrument_snapshots',
        'commands.efficient_frontier_requests',
        'commands.efficient_frontier_results',
        'commands.factor_analysis_requests',
        'commands.factor_analysis_results',
        'commands.optimization_requests',
        'commands.optimization_results',
        'commands.rebalance_requests',
        'commands.rebalance_results',
        'queries.efficient_frontiers',
        'queries.factor_exposures',
        'queries.portfolio_optimizations',
        'queries.rebalance_plans',
        'jobs.jobs'
    ] LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', table_name);
        EXECUTE format('CREATE POLICY own_tenant ON %s TO %s USING (%s)', table_name, handlers, own_tenant);
        IF table_name LIKE 'queries.%' THEN
            EXECUTE format('CREATE POLICY projection ON %s TO portfolio_owner USING (true)', table_name);
        ELSE
            EXECUTE format('CREATE POLICY every_tenant ON %s TO portfolio_worker USING (true)', table_name);
        END IF;
        IF table_name LIKE 'commands.%' OR table_name = 'jobs.jobs' THEN
            EXECUTE format('CREATE POLICY owner_reads ON %s FOR SELECT TO portfolio_owner USING (true)', table_name);
        END IF;
    END LOOP;
END
$$;

-- What a handler may say of an optimization: that it is wanted, and that it is not wanted any more.
CREATE POLICY begins_pending ON commands.optimization_requests AS RESTRICTIVE
    FOR INSERT TO portfolio_create_optimization
    WITH CHECK (status = 'pending');
CREATE POLICY only_cancels ON commands.optimization_requests AS RESTRICTIVE
    FOR UPDATE TO portfolio_create_optimization
    USING (true)
    WITH CHECK (status = 'cancelled');

COMMIT;
