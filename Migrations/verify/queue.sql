-- Verify portfolio:queue on pg
BEGIN;

SELECT tenant_id, depth, admissions, seconds_per_job, workers, measured_at FROM jobs.depths WHERE false;
SELECT last_value FROM jobs.admissions;

DO $$
BEGIN
    IF NOT has_function_privilege(
            'portfolio_worker', 'jobs.claim(bigint, double precision, bigint, text)', 'EXECUTE')
        OR NOT has_function_privilege('portfolio_create_optimization', 'jobs.admit(text, bigint, bigint)', 'EXECUTE')
        OR has_function_privilege('portfolio_worker', 'jobs.admit(text, bigint, bigint)', 'EXECUTE')
    THEN
        RAISE EXCEPTION 'the functions of the queue are not for whom they should be';
    END IF;
    IF NOT EXISTS (
        SELECT
        FROM pg_trigger
        WHERE tgrelid = 'commands.optimization_requests'::regclass
          AND tgname = 'statuses_are_shown'
          AND tgnewtable = 'changed'
    ) THEN
        RAISE EXCEPTION 'the ends of optimizations are not shown';
    END IF;
END
$$;

ROLLBACK;
