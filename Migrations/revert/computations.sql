-- Revert portfolio:computations from pg
--
-- A role that another database of this cluster still gives privileges to stays.
BEGIN;

SET LOCAL ROLE portfolio_owner;

DROP FUNCTION queries.rebuild();
ALTER FUNCTION queries.rebuild_documents() RENAME TO rebuild;
DROP FUNCTION queries.rebuild_computations();

DO $$
DECLARE
    kind record;
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY[
        'inputs.portfolios',
        'inputs.portfolio_snapshots',
        'inputs.risk_models',
        'inputs.risk_model_snapshots',
        'inputs.instrument_versions',
        'commands.efficient_frontier_requests',
        'commands.rebalance_requests',
        'commands.factor_analysis_requests'
    ] LOOP
        EXECUTE format('DROP POLICY own_tenant_of_waiting ON %s', table_name);
    END LOOP;
    FOR kind IN
        SELECT *
        FROM (VALUES
            ('efficient_frontier', 'frontier', 'portfolio_efficient_frontier'),
            ('rebalance', 'rebalance', 'portfolio_rebalance'),
            ('factor_analysis', 'factor_analysis', 'portfolio_factor_exposures')
        ) AS kinds (name, event, role_name)
    LOOP
        EXECUTE format('DROP POLICY begins_pending ON commands.%I', kind.name || '_requests');
        EXECUTE format('DROP POLICY own_kind_of_%s ON jobs.jobs', kind.name);
        EXECUTE format('DROP TRIGGER request_is_shown ON commands.%I', kind.name || '_requests');
        EXECUTE format('DROP TRIGGER status_is_shown ON commands.%I', kind.name || '_requests');
        EXECUTE format('DROP TRIGGER end_is_recorded ON commands.%I', kind.name || '_requests');
        EXECUTE format(
            'CREATE TRIGGER end_is_recorded AFTER UPDATE OF status ON commands.%I
                FOR EACH ROW
                WHEN (NEW.status <> OLD.status AND NEW.status = ''completed'')
                EXECUTE FUNCTION events.record_end(%L)',
            kind.name || '_requests', kind.event
        );
        EXECUTE format('REVOKE ALL ON SCHEMA inputs, commands, queries, jobs FROM %I', kind.role_name);
        EXECUTE format(
            'REVOKE ALL ON inputs.portfolios, inputs.portfolio_snapshots, inputs.risk_models,
                inputs.instrument_versions, inputs.risk_model_snapshots, commands.%I, queries.computations, jobs.jobs
                FROM %I',
            kind.name || '_requests', kind.role_name
        );
        EXECUTE format('REVOKE ALL ON FUNCTION jobs.admit(text, bigint, bigint) FROM %I', kind.role_name);
        EXECUTE format(
            'REVOKE ALL ON commands.%I, commands.%I FROM portfolio_worker',
            kind.name || '_requests', kind.name || '_results'
        );
        EXECUTE format('DROP INDEX commands.%I', kind.name || '_requests_identity');
        EXECUTE format(
            'ALTER TABLE commands.%I
                DROP COLUMN document,
                DROP COLUMN portfolio_version,
                DROP COLUMN risk_model_id,
                DROP COLUMN risk_model_version,
                DROP COLUMN instruments_version,
                DROP COLUMN identity,
                DROP COLUMN error,
                DROP COLUMN body',
            kind.name || '_requests'
        );
    END LOOP;
END
$$;

DROP TABLE queries.computations;
DROP FUNCTION queries.project_computation();

ALTER TABLE commands.efficient_frontier_results ALTER frontier_points SET COMPRESSION default;
ALTER TABLE queries.efficient_frontiers ALTER frontier_points SET COMPRESSION default;
ALTER TABLE commands.rebalance_results ALTER trades SET COMPRESSION default;
ALTER TABLE queries.rebalance_plans ALTER trades SET COMPRESSION default;
ALTER TABLE commands.factor_analysis_results ALTER attribution SET COMPRESSION default;
ALTER TABLE queries.factor_exposures ALTER attribution SET COMPRESSION default;

RESET ROLE;

DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY[
        'portfolio_efficient_frontier',
        'portfolio_rebalance',
        'portfolio_factor_exposures'
    ] LOOP
        BEGIN
            EXECUTE format('DROP ROLE IF EXISTS %I', role_name);
        EXCEPTION
            WHEN dependent_objects_still_exist THEN
                RAISE NOTICE 'role % stays: another database needs it', role_name;
        END;
    END LOOP;
END
$$;

COMMIT;
