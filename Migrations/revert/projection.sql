-- Revert portfolio:projection from pg
BEGIN;

DROP TRIGGER final_status_stays ON commands.optimization_requests;
DROP TRIGGER request_is_shown ON commands.optimization_requests;
DROP TRIGGER status_is_shown ON commands.optimization_requests;
DROP TRIGGER end_is_recorded ON commands.optimization_requests;
DROP TRIGGER result_is_shown ON commands.optimization_results;
DROP TRIGGER final_status_stays ON commands.efficient_frontier_requests;
DROP TRIGGER end_is_recorded ON commands.efficient_frontier_requests;
DROP TRIGGER result_is_shown ON commands.efficient_frontier_results;
DROP TRIGGER final_status_stays ON commands.rebalance_requests;
DROP TRIGGER end_is_recorded ON commands.rebalance_requests;
DROP TRIGGER result_is_shown ON commands.rebalance_results;
DROP TRIGGER final_status_stays ON commands.factor_analysis_requests;
DROP TRIGGER end_is_recorded ON commands.factor_analysis_requests;
DROP TRIGGER result_is_shown ON commands.factor_analysis_results;

DROP FUNCTION
    queries.rebuild(),
    events.record_end(),
    queries.project_factor_analysis_result(),
    queries.project_rebalance_result(),
    queries.project_efficient_frontier_result(),
    queries.project_optimization_result(),
    queries.project_optimization_status(),
    queries.project_optimization_request(),
    queries.entity_tag(text),
    commands.refuse_to_reopen();

COMMIT;
