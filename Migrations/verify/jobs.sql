-- Verify portfolio:jobs on pg
BEGIN;

SELECT job_id, tenant_id, kind, state, priority, attempts, lease_token, leased_until, created_at
FROM jobs.jobs
WHERE false;
SELECT slot, kind, seconds_per_job, measured_at FROM jobs.service_times WHERE false;
SELECT 'jobs.jobs_claimable'::regclass, 'jobs.queue_figures(integer)'::regprocedure;

ROLLBACK;
