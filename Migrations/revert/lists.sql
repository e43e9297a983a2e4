-- Revert portfolio:lists from pg
BEGIN;

DROP INDEX queries.portfolio_optimizations_newest_of_portfolio;
DROP INDEX queries.portfolio_optimizations_newest;

COMMIT;
