-- Revert portfolio:jobs from pg
BEGIN;

DROP FUNCTION jobs.queue_figures(integer);
DROP TABLE jobs.service_times, jobs.jobs;
DROP SCHEMA jobs;

COMMIT;
