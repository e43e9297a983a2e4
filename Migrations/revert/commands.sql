-- Revert portfolio:commands from pg
BEGIN;

DROP TABLE
    commands.factor_analysis_results,
    commands.factor_analysis_requests,
    commands.rebalance_results,
    commands.rebalance_requests,
    commands.efficient_frontier_results,
    commands.efficient_frontier_requests,
    commands.optimization_results,
    commands.optimization_requests;
DROP SCHEMA commands;

COMMIT;
