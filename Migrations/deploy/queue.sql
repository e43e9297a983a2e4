-- Deploy portfolio:queue to pg
-- requires: privileges
--
-- The queue under load: who comes next, how much is taken in, and the ends of many jobs shown by one statement.
BEGIN;

-- Statements of these roles touch rows by key and never read whole tables. A plan for all parameters saves planning
-- at every execution; and one made while a table was short must stay good when it is long.
ALTER ROLE portfolio_create_optimization SET plan_cache_mode = force_generic_plan;
ALTER ROLE portfolio_create_optimization SET enable_seqscan = off;
ALTER ROLE portfolio_worker SET plan_cache_mode = force_generic_plan;
ALTER ROLE portfolio_worker SET enable_seqscan = off;

SET LOCAL ROLE portfolio_owner;

-- Three classes of urgency and no others, so that a tenant's jobs are three ranges of one index.
ALTER TABLE jobs.jobs ADD CONSTRAINT priority_is_known CHECK (priority IN (10, 100, 200));
COMMENT ON COLUMN jobs.jobs.priority IS '10 somebody waits for the answer, 100 as usual, 200 long or large';

-- Serves jobs.claim and jobs.measured_depth: within a class the tenants side by side.
DROP INDEX jobs.jobs_claimable;
CREATE INDEX jobs_claimable ON jobs.jobs (priority, tenant_id, created_at, job_id);

-- Leases up to `job_limit` jobs that nobody holds, the most urgent class first. Within a class the room is shared
-- evenly among the tenants that have jobs, beginning after `after_tenant`, and what one tenant leaves goes to the
-- others: a single job waits for about one batch, however long another tenant's queue is. Of one tenant's jobs the
-- oldest come first.
--
-- Safe from any number of workers at once: rows locked by another claim are passed over. The cost does not grow with
-- the length of the queue: tenants are found by skipping through the index, not by reading their jobs.
--
-- The token is the time, in microseconds: were it a count, a crash that forgets a claim would hand out the same token
-- twice. A job whose attempts are used up is leased too, to be ended under a lease of its own: its attempts are then
-- one more than `maximum_attempts`.
CREATE FUNCTION jobs.claim(
    job_limit bigint,
    lease_seconds double precision,
    maximum_attempts bigint,
    after_tenant text
)
    RETURNS SETOF jobs.jobs
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off
    SET enable_bitmapscan = off  -- it would read a whole range to find its first row
    SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    room       bigint := job_limit;
    class      smallint := 0;
    in_turn    text[];
    place      text;
    following  text;
    is_wrapped boolean;
    share      bigint;
    chosen     text[];
BEGIN
    WHILE room > 0 LOOP
        SELECT job.priority
        INTO class
        FROM jobs.jobs AS job
        WHERE job.priority > class
          AND (job.state = 'pending' OR job.leased_until < clock_timestamp())
        ORDER BY job.priority
        LIMIT 1;
        EXIT WHEN NOT FOUND;

        WHILE room > 0 LOOP
            -- The tenants with something to do, from the one after `after_tenant` once around.
            in_turn := '{}';
            place := after_tenant;
            is_wrapped := false;
            WHILE cardinality(in_turn) < room LOOP
                SELECT job.tenant_id
                INTO following
                FROM jobs.jobs AS job
                WHERE job.priority = class
                  AND job.tenant_id > place
                  AND (job.state = 'pending' OR job.leased_until < clock_timestamp())
                ORDER BY job.tenant_id
                LIMIT 1;
                IF FOUND THEN
                    EXIT WHEN is_wrapped AND following > after_tenant;
                    in_turn := in_turn || following;
                    place := following;
                ELSE
                    EXIT WHEN is_wrapped;
                    is_wrapped := true;
                    place := '';
                END IF;
            END LOOP;
            EXIT WHEN cardinality(in_turn) = 0;

            share := room / cardinality(in_turn);  -- at least 1; what is left over goes round again
            chosen := ARRAY(
                SELECT mine.job_id
                FROM unnest(in_turn) AS turn (tenant_id)
                CROSS JOIN LATERAL (
                    SELECT job.job_id
                    FROM jobs.jobs AS job
                    WHERE job.priority = class
                      AND job.tenant_id = turn.tenant_id
                      AND (job.state = 'pending' OR job.leased_until < clock_timestamp())
                    ORDER BY job.created_at, job.job_id
                    LIMIT share
                    FOR UPDATE SKIP LOCKED
                ) AS mine
                LIMIT room
            );
            IF cardinality(chosen) = 0 THEN
                -- Other claims are at these very tenants: any job will do, rather than none.
                chosen := ARRAY(
                    SELECT job.job_id
                    FROM jobs.jobs AS job
                    WHERE job.priority = class
                      AND (job.state = 'pending' OR job.leased_until < clock_timestamp())
                    ORDER BY job.tenant_id, job.created_at, job.job_id
                    LIMIT room
                    FOR UPDATE SKIP LOCKED
                );
                EXIT WHEN cardinality(chosen) = 0;
            END IF;

            RETURN QUERY
                UPDATE jobs.jobs AS job
                SET state = 'processing',
                    attempts = least(job.attempts + 1, maximum_attempts + 1),
                    lease_token = greatest(
                        job.lease_token + 1,
                        (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
                    ),
                    leased_until = clock_timestamp() + make_interval(secs => lease_seconds)
                WHERE job.job_id = ANY (chosen)
                RETURNING job.*;
            room := room - cardinality(chosen);
        END LOOP;
    END LOOP;
END
$$;

-- How long the queue is, as measured a moment ago: the whole one (tenant_id '') and a tenant's. Losing it in a crash
-- costs a count: it is not worth a log.
CREATE UNLOGGED TABLE jobs.depths (
    tenant_id       text        PRIMARY KEY,
    depth           bigint      NOT NULL,
    admissions      bigint      NOT NULL,
    seconds_per_job double precision,
    workers         bigint,
    measured_at     timestamptz NOT NULL
) WITH (fillfactor = 50);
COMMENT ON COLUMN jobs.depths.admissions IS 'jobs.admissions at the time';
ALTER TABLE jobs.depths ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY queue ON jobs.depths TO portfolio_owner USING (true);  -- its functions tell what may be told

-- Counts the jobs taken in; what was taken in since the queue was measured is the difference. Never rolled back and
-- never waited for: so it counts the transactions that are still open.
CREATE SEQUENCE jobs.admissions MINVALUE 0;
SELECT nextval('jobs.admissions');

-- The depth of the queue (`whose` is '') or of a tenant's part, counted up to `count_limit` and not more than 0.1 s ago;
-- while another transaction counts, at most 1 s ago. Ten counts a second cost what they cost, whatever comes in.
CREATE FUNCTION jobs.measured_depth(whose text, count_limit bigint)
    RETURNS jobs.depths
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    figures jobs.depths;
    is_mine boolean;
BEGIN
    SELECT * INTO figures FROM jobs.depths WHERE tenant_id = whose;
    IF figures.measured_at > clock_timestamp() - interval '100 milliseconds' THEN
        RETURN figures;
    END IF;
    is_mine := pg_try_advisory_xact_lock(hashtext('jobs.depths'), hashtext(whose));
    IF NOT is_mine AND figures.measured_at > clock_timestamp() - interval '1 second' THEN
        RETURN figures;
    END IF;

    figures.tenant_id := whose;
    figures.measured_at := clock_timestamp();
    SELECT last_value INTO figures.admissions FROM jobs.admissions;
    IF whose = '' THEN
        SELECT count(*) INTO figures.depth FROM (SELECT FROM jobs.jobs LIMIT count_limit) AS counted;
        SELECT avg(service.seconds_per_job), count(*)
        INTO figures.seconds_per_job, figures.workers
        FROM jobs.service_times AS service
        WHERE service.measured_at > clock_timestamp() - interval '5 minutes';
    ELSE
        SELECT count(*)
        INTO figures.depth
        FROM (
            SELECT FROM jobs.jobs AS job WHERE job.priority IN (10, 100, 200) AND job.tenant_id = whose LIMIT count_limit
        ) AS counted;
    END IF;
    IF is_mine THEN
        INSERT INTO jobs.depths
        SELECT figures.*
        ON CONFLICT (tenant_id) DO UPDATE
            SET depth = excluded.depth,
                admissions = excluded.admissions,
                seconds_per_job = excluded.seconds_per_job,
                workers = excluded.workers,
                measured_at = excluded.measured_at;
    END IF;
    RETURN figures;
END
$$;

-- Whether one more job of a tenant is taken in: `refusal` is null, or says which limit is reached, 'queue' or 'tenant'.
-- `depth` is the length of the queue, or of the tenant's part that is full; beside it how long a job took lately and how
-- many workers ended one in the last minutes.
--
-- Called in the transaction that stores the job. The limit in all can be exceeded by as many jobs as transactions are
-- open while the queue is measured (each submitting process has one); a tenant's by what is taken in between two
-- measurements.
CREATE FUNCTION jobs.admit(tenant text, queue_limit bigint, tenant_limit bigint)
    RETURNS TABLE (refusal text, depth bigint, seconds_per_job double precision, workers bigint)
    LANGUAGE plpgsql
    SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    figures jobs.depths := jobs.measured_depth('', queue_limit + 1);
BEGIN
    SELECT figures.depth + last_value - figures.admissions INTO depth FROM jobs.admissions;
    seconds_per_job := figures.seconds_per_job;
    workers := figures.workers;
    IF depth >= queue_limit THEN
        refusal := 'queue';
    ELSIF depth >= tenant_limit THEN
        -- Only then can the tenant's part be as long.
        figures := jobs.measured_depth(tenant, tenant_limit);
        IF figures.depth >= tenant_limit THEN
            refusal := 'tenant';
            depth := figures.depth;
        END IF;
    END IF;
    IF refusal IS NULL THEN
        PERFORM nextval('jobs.admissions');
    END IF;
    RETURN NEXT;
END
$$;

-- The ends of a whole batch are shown, and recorded as events, by one statement each.
DROP TRIGGER status_is_shown ON commands.optimization_requests;
DROP TRIGGER end_is_recorded ON commands.optimization_requests;
DROP TRIGGER result_is_shown ON commands.optimization_results;
DROP FUNCTION queries.project_optimization_status();
DROP FUNCTION queries.project_optimization_result();

-- A completed optimization's result is stored before its status says so, or in the same statement.
CREATE FUNCTION queries.project_optimization_statuses() RETURNS trigger
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
CREATE TRIGGER statuses_are_shown AFTER UPDATE ON commands.optimization_requests
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT
    EXECUTE FUNCTION queries.project_optimization_statuses();

-- As the bodies: lz4 where the server has it.
DO $$
DECLARE
    column_name text;
BEGIN
    IF EXISTS (SELECT FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)) THEN
        FOREACH column_name IN ARRAY ARRAY['metrics', 'current_allocation', 'target_allocation', 'trades'] LOOP
            EXECUTE format('ALTER TABLE commands.optimization_results ALTER %I SET COMPRESSION lz4', column_name);
            EXECUTE format('ALTER TABLE queries.portfolio_optimizations ALTER %I SET COMPRESSION lz4', column_name);
        END LOOP;
        FOREACH column_name IN ARRAY ARRAY['constraints', 'preferences', 'document'] LOOP
            EXECUTE format('ALTER TABLE commands.optimization_requests ALTER %I SET COMPRESSION lz4', column_name);
        END LOOP;
    END IF;
END
$$;

REVOKE EXECUTE ON FUNCTION
    jobs.claim(bigint, double precision, bigint, text),
    jobs.measured_depth(text, bigint),
    jobs.admit(text, bigint, bigint),
    queries.project_optimization_statuses()
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION jobs.claim(bigint, double precision, bigint, text) TO portfolio_worker;
GRANT EXECUTE ON FUNCTION jobs.admit(text, bigint, bigint) TO portfolio_create_optimization;
GRANT INSERT (priority) ON jobs.jobs TO portfolio_create_optimization;

-- jobs.queue_figures stays for the processes of the build before, until they are replaced.
COMMIT;
