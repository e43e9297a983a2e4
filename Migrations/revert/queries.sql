-- Revert portfolio:queries from pg
BEGIN;

DROP TABLE
    queries.factor_exposures,
    queries.rebalance_plans,
    queries.efficient_frontiers,
    queries.portfolio_optimizations;
DROP SCHEMA queries;

COMMIT;
