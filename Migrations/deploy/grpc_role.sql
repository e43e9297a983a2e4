-- Deploy portfolio:grpc_role to pg
-- requires: rebalance_targets
--
-- The gRPC function answers every call in one process: it may do what the functions it stands in for may, by being a
-- member of their roles, and nothing else.
BEGIN;

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'portfolio_grpc') THEN
        CREATE ROLE portfolio_grpc;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN
        NULL;  -- the migration of another database of this cluster made it between the question and the act
END
$$;

ALTER ROLE portfolio_grpc LOGIN;
ALTER ROLE portfolio_grpc SET search_path = inputs, commands, queries, jobs, events;
ALTER ROLE portfolio_grpc SET jit = off;
ALTER ROLE portfolio_grpc SET lock_timeout = '3s';
ALTER ROLE portfolio_grpc SET idle_in_transaction_session_timeout = '10s';
ALTER ROLE portfolio_grpc SET statement_timeout = '5s';
ALTER ROLE portfolio_grpc SET plan_cache_mode = force_generic_plan;
ALTER ROLE portfolio_grpc SET enable_seqscan = off;

GRANT
    portfolio_create_optimization,
    portfolio_get_optimization,
    portfolio_efficient_frontier,
    portfolio_rebalance,
    portfolio_factor_exposures,
    portfolio_health
TO portfolio_grpc;

COMMIT;
