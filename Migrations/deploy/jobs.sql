-- Deploy portfolio:jobs to pg
-- requires: roles
--
-- One narrow row for each piece of computing that has not ended. A worker claims a row by taking a lease; a lease that
-- runs out makes the row claimable again, so a crash loses time, never a job. The token only grows: a worker that lost
-- its lease holds an old one and can no longer finish the job.
--
-- A row leaves when its job ends, however it ends: how it ended is said by the request's row, in the same transaction.
-- So the table holds the queue and nothing else, however long the service runs, and no index has to leave out what is
-- over: every update here is one in place (HOT).
BEGIN;

CREATE SCHEMA jobs AUTHORIZATION portfolio_owner;
SET LOCAL ROLE portfolio_owner;

CREATE TABLE jobs.jobs (
    job_id       text COLLATE "C" PRIMARY KEY,
    tenant_id    text        NOT NULL,
    kind         text        NOT NULL,
    state        text        NOT NULL DEFAULT 'pending',
    priority     smallint    NOT NULL DEFAULT 100,
    attempts     smallint    NOT NULL DEFAULT 0,
    lease_token  bigint      NOT NULL DEFAULT 0,
    leased_until timestamptz,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT state_is_known          CHECK (state IN ('pending', 'processing')),
    CONSTRAINT attempts_not_negative   CHECK (attempts >= 0),
    CONSTRAINT processing_means_leased CHECK ((state = 'processing') = (leased_until IS NOT NULL))
) WITH (
    fillfactor = 50,                        -- room for the claim and the renewals on the row's own page
    autovacuum_vacuum_scale_factor = 0,     -- a queue's size says nothing of its turnover:
    autovacuum_vacuum_threshold = 1000,     -- vacuum after so many ended jobs, be it empty or long
    autovacuum_vacuum_cost_delay = 0,
    autovacuum_analyze_scale_factor = 0,
    autovacuum_analyze_threshold = 1000
);
COMMENT ON COLUMN jobs.jobs.job_id IS 'the id of the request it serves';

-- Serves jobs.claimJobs: the most urgent, then the oldest job first.
CREATE INDEX jobs_claimable ON jobs.jobs (priority, created_at, job_id);

-- How long jobs took lately, for estimates. Each worker writes the slot of its own connection, so that no two wait for
-- each other. Losing it in a crash costs an estimate: it is not worth a log.
CREATE UNLOGGED TABLE jobs.service_times (
    slot            smallint         NOT NULL,
    kind            text             NOT NULL,
    seconds_per_job double precision NOT NULL,
    measured_at     timestamptz      NOT NULL,
    CONSTRAINT service_times_key PRIMARY KEY (slot, kind)
) WITH (fillfactor = 50);

-- The queue as a whole, told to functions that see their own tenant's jobs only: how many jobs are in it (counted up to
-- a limit), how long one took lately, and how many workers finished one in the last minutes.
CREATE FUNCTION jobs.queue_figures(count_limit integer)
    RETURNS TABLE (depth bigint, seconds_per_job double precision, workers bigint)
    LANGUAGE sql
    STABLE
    SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT
        (SELECT count(*) FROM (SELECT FROM jobs.jobs LIMIT count_limit) AS counted),
        avg(service.seconds_per_job),
        count(*)
    FROM jobs.service_times AS service
    WHERE service.measured_at > clock_timestamp() - interval '5 minutes'
$$;
REVOKE EXECUTE ON FUNCTION jobs.queue_figures(integer) FROM PUBLIC;

COMMIT;
