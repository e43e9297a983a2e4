-- Deploy portfolio:privileges to pg
-- requires: tenancy
-- requires: events
--
-- Who may do what, in one place. A role that is not named beside a table has nothing there; nobody but the owner's
-- triggers writes `queries` and `events`.
--
-- The name of this change, the last of the plan, is what a build asks for to know that the database is ready for it
-- (PostgresDatabaseHealth): a change that a build relies on becomes the name it asks for.
BEGIN;

-- The registry of these migrations belongs to whoever runs them.
GRANT USAGE ON SCHEMA sqitch TO portfolio_health;
GRANT SELECT ON sqitch.changes TO portfolio_health;

SET LOCAL ROLE portfolio_owner;

-- portfolio_inputs puts and gets inputs. Snapshots are added, never changed; of the rest only the version is.
GRANT USAGE ON SCHEMA inputs TO portfolio_inputs;
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA inputs TO portfolio_inputs;
GRANT UPDATE (version) ON inputs.portfolios, inputs.risk_models, inputs.instrument_versions TO portfolio_inputs;

-- portfolio_create_optimization checks a request against the inputs, stores it with its job, and cancels.
GRANT USAGE ON SCHEMA inputs, commands, jobs TO portfolio_create_optimization;
GRANT SELECT ON inputs.portfolios, inputs.portfolio_snapshots, inputs.risk_models, inputs.instrument_versions
    TO portfolio_create_optimization;
GRANT SELECT (tenant_id, risk_model_id, version, instruments) ON inputs.risk_model_snapshots
    TO portfolio_create_optimization;
GRANT SELECT (id, tenant_id, status, created_at) ON commands.optimization_requests TO portfolio_create_optimization;
GRANT INSERT (
    id, portfolio_id, optimization_type, objective, risk_measure, constraints, preferences, created_at, updated_at,
    tenant_id, document, portfolio_version, risk_model_id, risk_model_version, instruments_version
) ON commands.optimization_requests TO portfolio_create_optimization;
GRANT UPDATE (status, updated_at) ON commands.optimization_requests TO portfolio_create_optimization;
GRANT SELECT (job_id, tenant_id), INSERT (job_id, tenant_id, kind, created_at), DELETE ON jobs.jobs
    TO portfolio_create_optimization;
GRANT EXECUTE ON FUNCTION jobs.queue_figures(integer) TO portfolio_create_optimization;

-- portfolio_get_optimization reads the read side.
GRANT USAGE ON SCHEMA queries TO portfolio_get_optimization;
GRANT SELECT ON queries.portfolio_optimizations TO portfolio_get_optimization;

-- portfolio_worker reads inputs and requests, works the queue, and says how a request ended.
GRANT USAGE ON SCHEMA inputs, commands, jobs TO portfolio_worker;
GRANT SELECT ON ALL TABLES IN SCHEMA inputs TO portfolio_worker;
GRANT SELECT ON commands.optimization_requests, commands.optimization_results TO portfolio_worker;
GRANT UPDATE (status, updated_at, error, body) ON commands.optimization_requests TO portfolio_worker;
GRANT INSERT ON commands.optimization_results TO portfolio_worker;
GRANT SELECT, UPDATE (state, attempts, lease_token, leased_until), DELETE ON jobs.jobs TO portfolio_worker;
GRANT SELECT, INSERT, UPDATE ON jobs.service_times TO portfolio_worker;

COMMIT;
