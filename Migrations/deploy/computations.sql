-- Deploy portfolio:computations to pg
-- requires: queue
-- requires: outbox_tenancy
--
-- Computations that somebody waits for: efficient frontiers, rebalance plans, factor analyses. They share one mechanism.
-- Their requests and results stand in the service document's own tables; what a caller reads of any of them stands in
-- `queries.computations`, filled from there by triggers in the same transaction.
--
-- `identity` is a hash of all that a computation follows from: its kind, the portfolio, the versions of the inputs and
-- the request's canonical document. Of equal ones a tenant has one: it is waited for while it runs and read when it is
-- done. A computation that failed for another reason than its inputs gives its identity up, so that the next caller
-- starts anew.
BEGIN;

-- One login role for each function, as in change `roles`, planning as those of change `queue`.
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
            IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = role_name) THEN
                EXECUTE format('CREATE ROLE %I', role_name);
            END IF;
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN
                NULL;  -- the migration of another database of this cluster made it between the question and the act
        END;
        EXECUTE format('ALTER ROLE %I LOGIN', role_name);
        EXECUTE format('ALTER ROLE %I SET search_path = inputs, commands, queries, jobs, events', role_name);
        EXECUTE format('ALTER ROLE %I SET jit = off', role_name);
        EXECUTE format('ALTER ROLE %I SET lock_timeout = %L', role_name, '3s');
        EXECUTE format('ALTER ROLE %I SET idle_in_transaction_session_timeout = %L', role_name, '10s');
        EXECUTE format('ALTER ROLE %I SET statement_timeout = %L', role_name, '5s');
        EXECUTE format('ALTER ROLE %I SET plan_cache_mode = force_generic_plan', role_name);
        EXECUTE format('ALTER ROLE %I SET enable_seqscan = off', role_name);
    END LOOP;
END
$$;

SET LOCAL ROLE portfolio_owner;

-- As optimization_requests have them, and the identity. `body` is the whole answer, however the computation ended.
DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY[
        'efficient_frontier_requests', 'rebalance_requests', 'factor_analysis_requests'
    ] LOOP
        EXECUTE format(
            'ALTER TABLE commands.%I
                ADD COLUMN document text,
                ADD COLUMN portfolio_version bigint,
                ADD COLUMN risk_model_id VARCHAR(36),
                ADD COLUMN risk_model_version bigint,
                ADD COLUMN instruments_version bigint,
                ADD COLUMN identity bytea,
                ADD COLUMN error jsonb,
                ADD COLUMN body text',
            table_name
        );
        -- Serves computations.submit.<kind>: equal computations are one.
        EXECUTE format('CREATE UNIQUE INDEX %I ON commands.%I (tenant_id, identity)', table_name || '_identity', table_name);
    END LOOP;
END
$$;

-- What a caller reads of a computation, of whatever kind and in whatever state.
CREATE TABLE queries.computations (
    id VARCHAR(36) PRIMARY KEY,
    tenant_id text NOT NULL,
    kind text NOT NULL,
    portfolio_id VARCHAR(36) NOT NULL,
    status VARCHAR(20) NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    completed_at TIMESTAMP WITH TIME ZONE,
    identity bytea,
    body text,
    entity_tag text,
    CONSTRAINT kind_is_known CHECK (kind IN ('efficient_frontier', 'rebalance', 'factor_analysis'))
) WITH (fillfactor = 70);  -- a row is updated soon after its insert: on the same page
COMMENT ON COLUMN queries.computations.body IS 'the whole answer, to the byte, once the status is final';

-- Serves computations.find: the one that equals what is asked for.
CREATE UNIQUE INDEX computations_identity ON queries.computations (tenant_id, identity);

ALTER TABLE queries.computations ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY projection ON queries.computations TO portfolio_owner USING (true);

-- The argument is the kind.
CREATE FUNCTION queries.project_computation() RETURNS trigger
    LANGUAGE plpgsql
    SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO queries.computations (id, tenant_id, kind, portfolio_id, status, created_at, identity)
        VALUES (NEW.id, NEW.tenant_id, TG_ARGV[0], NEW.portfolio_id, NEW.status, NEW.created_at, NEW.identity);
    ELSIF NEW.status IN ('completed', 'failed', 'cancelled') THEN
        UPDATE queries.computations
        SET status = NEW.status,
            completed_at = NEW.updated_at,
            identity = NEW.identity,
            body = NEW.body,
            entity_tag = queries.entity_tag(NEW.body)
        WHERE id = NEW.id;
    ELSE
        UPDATE queries.computations
        SET status = NEW.status
        WHERE id = NEW.id;
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION queries.rebuild_computations() RETURNS void
    LANGUAGE sql
    SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
    DELETE FROM queries.computations;
    INSERT INTO queries.computations (
        id, tenant_id, kind, portfolio_id, status, created_at, completed_at, identity, body, entity_tag
    )
    SELECT
        id, tenant_id, kind, portfolio_id, status, created_at,
        CASE WHEN status IN ('completed', 'failed', 'cancelled') THEN updated_at END,
        identity, body, queries.entity_tag(body)
    FROM (
        SELECT 'efficient_frontier', id, tenant_id, portfolio_id, status, created_at, updated_at, identity, body
        FROM commands.efficient_frontier_requests
        UNION ALL
        SELECT 'rebalance', id, tenant_id, portfolio_id, status, created_at, updated_at, identity, body
        FROM commands.rebalance_requests
        UNION ALL
        SELECT 'factor_analysis', id, tenant_id, portfolio_id, status, created_at, updated_at, identity, body
        FROM commands.factor_analysis_requests
    ) AS request (kind, id, tenant_id, portfolio_id, status, created_at, updated_at, identity, body)
$$;

-- queries.rebuild, by another name, and what it did not know yet.
ALTER FUNCTION queries.rebuild() RENAME TO rebuild_documents;
CREATE FUNCTION queries.rebuild() RETURNS void
    LANGUAGE sql
    SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT queries.rebuild_documents();
    SELECT queries.rebuild_computations();
$$;

DO $$
DECLARE
    kind record;
BEGIN
    FOR kind IN
        SELECT *
        FROM (VALUES
            ('efficient_frontier', 'frontier', 'portfolio_efficient_frontier'),
            ('rebalance', 'rebalance', 'portfolio_rebalance'),
            ('factor_analysis', 'factor_analysis', 'portfolio_factor_exposures')
        ) AS kinds (name, event, role_name)
    LOOP
        EXECUTE format(
            'CREATE TRIGGER request_is_shown AFTER INSERT ON commands.%I
                FOR EACH ROW
                EXECUTE FUNCTION queries.project_computation(%L)',
            kind.name || '_requests', kind.name
        );
        EXECUTE format(
            'CREATE TRIGGER status_is_shown AFTER UPDATE OF status ON commands.%I
                FOR EACH ROW
                WHEN (NEW.status <> OLD.status)
                EXECUTE FUNCTION queries.project_computation(%L)',
            kind.name || '_requests', kind.name
        );
        -- A failure is an end that others hear of, too.
        EXECUTE format('DROP TRIGGER end_is_recorded ON commands.%I', kind.name || '_requests');
        EXECUTE format(
            'CREATE TRIGGER end_is_recorded AFTER UPDATE OF status ON commands.%I
                FOR EACH ROW
                WHEN (NEW.status <> OLD.status AND NEW.status IN (''completed'', ''failed''))
                EXECUTE FUNCTION events.record_end(%L)',
            kind.name || '_requests', kind.event
        );

        -- The kind's function finds and reads what is of its kind and of its caller's tenant, and asks for more of it.
        EXECUTE format('GRANT USAGE ON SCHEMA inputs, commands, queries, jobs TO %I', kind.role_name);
        EXECUTE format(
            'GRANT SELECT ON inputs.portfolios, inputs.portfolio_snapshots, inputs.risk_models, inputs.instrument_versions
                TO %I',
            kind.role_name
        );
        EXECUTE format(
            'GRANT SELECT (tenant_id, risk_model_id, version, instruments) ON inputs.risk_model_snapshots TO %I',
            kind.role_name
        );
        EXECUTE format(
            'GRANT SELECT (id, tenant_id, identity, created_at) ON commands.%I TO %I',
            kind.name || '_requests', kind.role_name
        );
        EXECUTE format(
            'GRANT INSERT (
                id, tenant_id, portfolio_id, document, portfolio_version, risk_model_id, risk_model_version,
                instruments_version, identity, %s
            ) ON commands.%I TO %I',
            CASE kind.name
                WHEN 'efficient_frontier' THEN 'risk_measure, points, min_return, max_risk, constraints'
                WHEN 'rebalance' THEN 'target_type, constraints'
                ELSE 'factors'
            END,
            kind.name || '_requests', kind.role_name
        );
        EXECUTE format('GRANT SELECT ON queries.computations TO %I', kind.role_name);
        EXECUTE format(
            'GRANT INSERT (job_id, tenant_id, kind, priority, created_at) ON jobs.jobs TO %I', kind.role_name
        );
        EXECUTE format('GRANT EXECUTE ON FUNCTION jobs.admit(text, bigint, bigint) TO %I', kind.role_name);

        EXECUTE format(
            'CREATE POLICY begins_pending ON commands.%I AS RESTRICTIVE
                FOR INSERT TO %I
                WITH CHECK (status = ''pending'')',
            kind.name || '_requests', kind.role_name
        );
        EXECUTE format(
            'CREATE POLICY own_kind_of_%s ON queries.computations TO %I
                USING (tenant_id = current_setting(''portfolio.tenant'', true) AND kind = %L)',
            kind.name, kind.role_name, kind.name
        );
        EXECUTE format(
            'CREATE POLICY own_kind_of_%s ON jobs.jobs TO %I
                USING (tenant_id = current_setting(''portfolio.tenant'', true) AND kind = %L)',
            kind.name, kind.role_name, kind.name
        );

        -- portfolio_worker says how a request ended.
        EXECUTE format(
            'GRANT SELECT, UPDATE (status, updated_at, error, body, identity) ON commands.%I TO portfolio_worker',
            kind.name || '_requests'
        );
        EXECUTE format('GRANT SELECT, INSERT ON commands.%I TO portfolio_worker', kind.name || '_results');
    END LOOP;
END
$$;

DO $$
DECLARE
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
        EXECUTE format(
            'CREATE POLICY own_tenant_of_waiting ON %s
                TO portfolio_efficient_frontier, portfolio_rebalance, portfolio_factor_exposures
                USING (tenant_id = current_setting(''portfolio.tenant'', true))',
            table_name
        );
    END LOOP;
END
$$;

-- As the answers of optimizations: lz4 where the server has it.
DO $$
DECLARE
    place text[];
BEGIN
    IF EXISTS (SELECT FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)) THEN
        FOREACH place SLICE 1 IN ARRAY ARRAY[
            ['queries.computations', 'body'],
            ['commands.efficient_frontier_requests', 'body'], ['commands.efficient_frontier_requests', 'document'],
            ['commands.rebalance_requests', 'body'], ['commands.rebalance_requests', 'document'],
            ['commands.factor_analysis_requests', 'body'], ['commands.factor_analysis_requests', 'document'],
            ['commands.efficient_frontier_results', 'frontier_points'],
            ['queries.efficient_frontiers', 'frontier_points'],
            ['commands.rebalance_results', 'trades'], ['queries.rebalance_plans', 'trades'],
            ['commands.factor_analysis_results', 'attribution'], ['queries.factor_exposures', 'attribution']
        ] LOOP
            EXECUTE format('ALTER TABLE %s ALTER %I SET COMPRESSION lz4', place[1], place[2]);
        END LOOP;
    END IF;
END
$$;

REVOKE EXECUTE ON FUNCTION
    queries.project_computation(),
    queries.rebuild_computations(),
    queries.rebuild()
    FROM PUBLIC;

COMMIT;
