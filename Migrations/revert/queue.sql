-- Revert portfolio:queue from pg
BEGIN;

ALTER ROLE portfolio_create_optimization RESET plan_cache_mode;
ALTER ROLE portfolio_create_optimization RESET enable_seqscan;
ALTER ROLE portfolio_worker RESET plan_cache_mode;
ALTER ROLE portfolio_worker RESET enable_seqscan;

SET LOCAL ROLE portfolio_owner;

REVOKE INSERT (priority) ON jobs.jobs FROM portfolio_create_optimization;

DROP TRIGGER statuses_are_shown ON commands.optimization_requests;
DROP FUNCTION queries.project_optimization_statuses();
DROP FUNCTION jobs.admit(text, bigint, bigint);
DROP FUNCTION jobs.measured_depth(text, bigint);
DROP FUNCTION jobs.claim(bigint, double precision, bigint, text);
DROP SEQUENCE jobs.admissions;
DROP TABLE jobs.depths;

DROP INDEX jobs.jobs_claimable;
CREATE INDEX jobs_claimable ON jobs.jobs (priority, created_at, job_id);
ALTER TABLE jobs.jobs DROP CONSTRAINT priority_is_known;
COMMENT ON COLUMN jobs.jobs.priority IS NULL;

-- As change `projection` has them.
CREATE FUNCTION queries.project_optimization_status() RETURNS trigger
    LANGUAGE plpgsql
    SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NEW.status IN ('failed', 'cancelled') THEN
        UPDATE queries.portfolio_optimizations
        SET status = NEW.status,
            completed_at = NEW.updated_at,
            error = NEW.error,
            body = NEW.body,
            entity_tag = queries.entity_tag(NEW.body)
        WHERE optimization_id = NEW.id;
    ELSE
        UPDATE queries.portfolio_optimizations
        SET status = NEW.status
        WHERE optimization_id = NEW.id;
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION queries.project_optimization_result() RETURNS trigger
    LANGUAGE plpgsql
    SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE queries.portfolio_optimizations
    SET metrics = NEW.metrics,
        current_allocation = NEW.current_allocation,
        target_allocation = NEW.target_allocation,
        trades = NEW.trades,
        completed_at = NEW.completed_at,
        body = NEW.body,
        entity_tag = queries.entity_tag(NEW.body)
    WHERE optimization_id = NEW.optimization_id;
    RETURN NULL;
END
$$;

CREATE TRIGGER status_is_shown AFTER UPDATE OF status ON commands.optimization_requests
    FOR EACH ROW
    WHEN (NEW.status <> OLD.status)
    EXECUTE FUNCTION queries.project_optimization_status();
CREATE TRIGGER result_is_shown AFTER INSERT ON commands.optimization_results
    FOR EACH ROW
    EXECUTE FUNCTION queries.project_optimization_result();

CREATE TRIGGER end_is_recorded AFTER UPDATE OF status ON commands.optimization_requests
    FOR EACH ROW
    WHEN (NEW.status <> OLD.status AND NEW.status IN ('completed', 'failed', 'cancelled'))
    EXECUTE FUNCTION events.record_end('optimization');
REVOKE EXECUTE ON FUNCTION
    queries.project_optimization_status(),
    queries.project_optimization_result()
    FROM PUBLIC;

ALTER TABLE commands.optimization_results
    ALTER metrics SET COMPRESSION default,
    ALTER current_allocation SET COMPRESSION default,
    ALTER target_allocation SET COMPRESSION default,
    ALTER trades SET COMPRESSION default;
ALTER TABLE queries.portfolio_optimizations
    ALTER metrics SET COMPRESSION default,
    ALTER current_allocation SET COMPRESSION default,
    ALTER target_allocation SET COMPRESSION default,
    ALTER trades SET COMPRESSION default;
ALTER TABLE commands.optimization_requests
    ALTER constraints SET COMPRESSION default,
    ALTER preferences SET COMPRESSION default,
    ALTER document SET COMPRESSION default;

COMMIT;
