-- Verify portfolio:lists on pg
BEGIN;

SELECT
    'queries.portfolio_optimizations_newest'::regclass,
    'queries.portfolio_optimizations_newest_of_portfolio'::regclass;

ROLLBACK;
