-- Deploy portfolio:projection to pg
-- requires: commands
-- requires: queries
-- requires: events
--
-- What happens on the write side shows on the read side in the same transaction, and what ends leaves an event in it.
-- The functions run as the owner, whoever's statement set them off: so no login role needs to write `queries` or
-- `events`, and none can.
BEGIN;

SET LOCAL ROLE portfolio_owner;

-- A state that is final stays: what is cancelled never becomes completed, whatever a caller's statement says.
CREATE FUNCTION commands.refuse_to_reopen() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION '% % is %, and stays it', TG_TABLE_NAME, OLD.id, OLD.status
        USING ERRCODE = 'check_violation';
END
$$;

CREATE FUNCTION queries.project_optimization_request() RETURNS trigger
    LANGUAGE plpgsql
    SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO queries.portfolio_optimizations (
        optimization_id, portfolio_id, optimization_type, objective, risk_measure, status, created_at, tenant_id
    )
    VALUES (
        NEW.id, NEW.portfolio_id, NEW.optimization_type, NEW.objective, NEW.risk_measure, NEW.status, NEW.created_at,
        NEW.tenant_id
    );
    RETURN NULL;
END
$$;

-- A completed optimization's moment, figures and answer come with its result; see project_optimization_result.
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

-- A strong entity tag: half of a SHA-256 of the bytes.
CREATE FUNCTION queries.entity_tag(body text) RETURNS text
    LANGUAGE sql
    IMMUTABLE
    PARALLEL SAFE
    RETURN left(encode(sha256(convert_to(body, 'UTF8')), 'hex'), 32);

CREATE FUNCTION queries.project_efficient_frontier_result() RETURNS trigger
    LANGUAGE plpgsql
    SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO queries.efficient_frontiers (
        frontier_id, portfolio_id, risk_measure, frontier_points, current_portfolio, optimal_portfolio,
        min_risk_portfolio, max_return_portfolio, created_at, tenant_id
    )
    SELECT
        NEW.frontier_id, request.portfolio_id, request.risk_measure, NEW.frontier_points, NEW.current_portfolio,
        NEW.optimal_portfolio, NEW.min_risk_portfolio, NEW.max_return_portfolio, request.created_at, request.tenant_id
    FROM commands.efficient_frontier_requests AS request
    WHERE request.id = NEW.frontier_id;
    RETURN NULL;
END
$$;

CREATE FUNCTION queries.project_rebalance_result() RETURNS trigger
    LANGUAGE plpgsql
    SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO queries.rebalance_plans (
        rebalance_id, portfolio_id, target_type, current_allocation, target_allocation, trades, metrics, created_at,
        tenant_id
    )
    SELECT
        NEW.rebalance_id, request.portfolio_id, request.target_type, NEW.current_allocation, NEW.target_allocation,
        NEW.trades, NEW.metrics, request.created_at, request.tenant_id
    FROM commands.rebalance_requests AS request
    WHERE request.id = NEW.rebalance_id;
    RETURN NULL;
END
$$;

CREATE FUNCTION queries.project_factor_analysis_result() RETURNS trigger
    LANGUAGE plpgsql
    SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO queries.factor_exposures (
        analysis_id, portfolio_id, as_of, exposures, attribution, created_at, tenant_id
    )
    SELECT
        NEW.analysis_id, request.portfolio_id, NEW.as_of, NEW.exposures, NEW.attribution, request.created_at,
        request.tenant_id
    FROM commands.factor_analysis_requests AS request
    WHERE request.id = NEW.analysis_id;
    RETURN NULL;
END
$$;

-- The argument is the kind the event's type begins with.
CREATE FUNCTION events.record_end() RETURNS trigger
    LANGUAGE plpgsql
    SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO events.outbox (tenant_id, portfolio_id, type, subject, occurred_at, data)
    VALUES (
        NEW.tenant_id,
        NEW.portfolio_id,
        TG_ARGV[0] || '.' || NEW.status,
        NEW.id,
        NEW.updated_at,
        jsonb_build_object('id', NEW.id, 'portfolio_id', NEW.portfolio_id, 'status', NEW.status)
    );
    RETURN NULL;
END
$$;

CREATE TRIGGER final_status_stays BEFORE UPDATE OF status ON commands.optimization_requests
    FOR EACH ROW
    WHEN (OLD.status IN ('completed', 'failed', 'cancelled') AND NEW.status <> OLD.status)
    EXECUTE FUNCTION commands.refuse_to_reopen();
CREATE TRIGGER final_status_stays BEFORE UPDATE OF status ON commands.efficient_frontier_requests
    FOR EACH ROW
    WHEN (OLD.status IN ('completed', 'failed', 'cancelled') AND NEW.status <> OLD.status)
    EXECUTE FUNCTION commands.refuse_to_reopen();
CREATE TRIGGER final_status_stays BEFORE UPDATE OF status ON commands.rebalance_requests
    FOR EACH ROW
    WHEN (OLD.status IN ('completed', 'failed', 'cancelled') AND NEW.status <> OLD.status)
    EXECUTE FUNCTION commands.refuse_to_reopen();
CREATE TRIGGER final_status_stays BEFORE UPDATE OF status ON commands.factor_analysis_requests
    FOR EACH ROW
    WHEN (OLD.status IN ('completed', 'failed', 'cancelled') AND NEW.status <> OLD.status)
    EXECUTE FUNCTION commands.refuse_to_reopen();

CREATE TRIGGER request_is_shown AFTER INSERT ON commands.optimization_requests
    FOR EACH ROW
    EXECUTE FUNCTION queries.project_optimization_request();
CREATE TRIGGER status_is_shown AFTER UPDATE OF status ON commands.optimization_requests
    FOR EACH ROW
    WHEN (NEW.status <> OLD.status)
    EXECUTE FUNCTION queries.project_optimization_status();
CREATE TRIGGER result_is_shown AFTER INSERT ON commands.optimization_results
    FOR EACH ROW
    EXECUTE FUNCTION queries.project_optimization_result();

CREATE TRIGGER result_is_shown AFTER INSERT ON commands.efficient_frontier_results
    FOR EACH ROW
    EXECUTE FUNCTION queries.project_efficient_frontier_result();
CREATE TRIGGER result_is_shown AFTER INSERT ON commands.rebalance_results
    FOR EACH ROW
    EXECUTE FUNCTION queries.project_rebalance_result();
CREATE TRIGGER result_is_shown AFTER INSERT ON commands.factor_analysis_results
    FOR EACH ROW
    EXECUTE FUNCTION queries.project_factor_analysis_result();

CREATE TRIGGER end_is_recorded AFTER UPDATE OF status ON commands.optimization_requests
    FOR EACH ROW
    WHEN (NEW.status <> OLD.status AND NEW.status IN ('completed', 'failed', 'cancelled'))
    EXECUTE FUNCTION events.record_end('optimization');
CREATE TRIGGER end_is_recorded AFTER UPDATE OF status ON commands.efficient_frontier_requests
    FOR EACH ROW
    WHEN (NEW.status <> OLD.status AND NEW.status = 'completed')
    EXECUTE FUNCTION events.record_end('frontier');
CREATE TRIGGER end_is_recorded AFTER UPDATE OF status ON commands.rebalance_requests
    FOR EACH ROW
    WHEN (NEW.status <> OLD.status AND NEW.status = 'completed')
    EXECUTE FUNCTION events.record_end('rebalance');
CREATE TRIGGER end_is_recorded AFTER UPDATE OF status ON commands.factor_analysis_requests
    FOR EACH ROW
    WHEN (NEW.status <> OLD.status AND NEW.status = 'completed')
    EXECUTE FUNCTION events.record_end('factor_analysis');

-- Empties the read side and fills it again from the write side, to the same bytes. Whoever writes waits for its commit.
CREATE FUNCTION queries.rebuild() RETURNS void
    LANGUAGE plpgsql
    SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    LOCK TABLE
        commands.optimization_requests,
        commands.efficient_frontier_requests,
        commands.rebalance_requests,
        commands.factor_analysis_requests
        IN SHARE ROW EXCLUSIVE MODE;
    DELETE FROM queries.portfolio_optimizations;
    DELETE FROM queries.efficient_frontiers;
    DELETE FROM queries.rebalance_plans;
    DELETE FROM queries.factor_exposures;

    INSERT INTO queries.portfolio_optimizations (
        optimization_id, portfolio_id, optimization_type, objective, risk_measure, status, metrics,
        current_allocation, target_allocation, trades, created_at, completed_at, tenant_id, error, body, entity_tag
    )
    SELECT
        request.id, request.portfolio_id, request.optimization_type, request.objective, request.risk_measure,
        request.status, result.metrics, result.current_allocation, result.target_allocation, result.trades,
        request.created_at,
        CASE WHEN request.status IN ('failed', 'cancelled') THEN request.updated_at ELSE result.completed_at END,
        request.tenant_id, request.error,
        coalesce(result.body, request.body), queries.entity_tag(coalesce(result.body, request.body))
    FROM commands.optimization_requests AS request
    LEFT JOIN commands.optimization_results AS result ON result.optimization_id = request.id;

    INSERT INTO queries.efficient_frontiers (
        frontier_id, portfolio_id, risk_measure, frontier_points, current_portfolio, optimal_portfolio,
        min_risk_portfolio, max_return_portfolio, created_at, tenant_id
    )
    SELECT
        request.id, request.portfolio_id, request.risk_measure, result.frontier_points, result.current_portfolio,
        result.optimal_portfolio, result.min_risk_portfolio, result.max_return_portfolio, request.created_at,
        request.tenant_id
    FROM commands.efficient_frontier_results AS result
    JOIN commands.efficient_frontier_requests AS request ON request.id = result.frontier_id;

    INSERT INTO queries.rebalance_plans (
        rebalance_id, portfolio_id, target_type, current_allocation, target_allocation, trades, metrics, created_at,
        tenant_id
    )
    SELECT
        request.id, request.portfolio_id, request.target_type, result.current_allocation, result.target_allocation,
        result.trades, result.metrics, request.created_at, request.tenant_id
    FROM commands.rebalance_results AS result
    JOIN commands.rebalance_requests AS request ON request.id = result.rebalance_id;

    INSERT INTO queries.factor_exposures (
        analysis_id, portfolio_id, as_of, exposures, attribution, created_at, tenant_id
    )
    SELECT
        request.id, request.portfolio_id, result.as_of, result.exposures, result.attribution, request.created_at,
        request.tenant_id
    FROM commands.factor_analysis_results AS result
    JOIN commands.factor_analysis_requests AS request ON request.id = result.analysis_id;
END
$$;

REVOKE EXECUTE ON FUNCTION
    commands.refuse_to_reopen(),
    queries.project_optimization_request(),
    queries.project_optimization_status(),
    queries.project_optimization_result(),
    queries.project_efficient_frontier_result(),
    queries.project_rebalance_result(),
    queries.project_factor_analysis_result(),
    queries.entity_tag(text),
    queries.rebuild(),
    events.record_end()
    FROM PUBLIC;

COMMIT;
