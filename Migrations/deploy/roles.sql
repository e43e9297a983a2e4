-- Deploy portfolio:roles to pg
--
-- One login role for each function, with no more than the function needs, and one owner that nobody logs in as.
-- Whoever runs these migrations becomes a member of the owner. Roles belong to the whole cluster, not to a database:
-- a second database finds them there already, and only sets them up again.
--
-- Roles are made without passwords. Where the cluster asks for one, the operator sets it (ALTER ROLE ... PASSWORD).
BEGIN;

DO $$
DECLARE
    login_roles CONSTANT text[] := ARRAY[
        'portfolio_create_optimization',
        'portfolio_get_optimization',
        'portfolio_inputs',
        'portfolio_health',
        'portfolio_worker'
    ];
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY login_roles || 'portfolio_owner'::text LOOP
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = role_name) THEN
                EXECUTE format('CREATE ROLE %I', role_name);
            END IF;
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN
                NULL;  -- the migration of another database of this cluster made it between the question and the act
        END;
    END LOOP;

    FOREACH role_name IN ARRAY login_roles LOOP
        EXECUTE format('ALTER ROLE %I LOGIN', role_name);
        -- Bare table names find our tables; nothing is ever looked up in a schema that others may write to.
        EXECUTE format('ALTER ROLE %I SET search_path = inputs, commands, queries, jobs, events', role_name);
        -- Statements here last milliseconds: compiling them would cost more than it saves.
        EXECUTE format('ALTER ROLE %I SET jit = off', role_name);
        EXECUTE format('ALTER ROLE %I SET lock_timeout = %L', role_name, '3s');
        EXECUTE format('ALTER ROLE %I SET idle_in_transaction_session_timeout = %L', role_name, '10s');
    END LOOP;

    -- The bare names of the service's tables work for whoever else looks into this database, too.
    EXECUTE format(
        'ALTER DATABASE %I SET search_path = inputs, commands, queries, jobs, events, public',
        current_database()
    );
END
$$;

ALTER ROLE portfolio_owner NOLOGIN;
GRANT portfolio_owner TO CURRENT_USER;

ALTER ROLE portfolio_create_optimization SET statement_timeout = '5s';
ALTER ROLE portfolio_get_optimization    SET statement_timeout = '5s';
ALTER ROLE portfolio_health              SET statement_timeout = '2s';
ALTER ROLE portfolio_inputs              SET statement_timeout = '60s';  -- a risk model may be 256 MiB
ALTER ROLE portfolio_worker              SET statement_timeout = '60s';

COMMIT;
