-- Deploy portfolio:lists to pg
-- requires: privileges
--
-- What lists of optimizations walk: newest first, all of a tenant's or those of one of its portfolios. No indexed column
-- ever changes, so that the updates of a row stay on its page (HOT). A filter on the status is applied on the way.
--
-- The name of this change, the last of the plan, is what a build asks for to know that the database is ready for it.
BEGIN;

SET LOCAL ROLE portfolio_owner;

-- Serves optimizations.list.
CREATE INDEX portfolio_optimizations_newest
    ON queries.portfolio_optimizations (tenant_id, created_at DESC, optimization_id DESC);

-- Serves optimizations.listOfPortfolio.
CREATE INDEX portfolio_optimizations_newest_of_portfolio
    ON queries.portfolio_optimizations (tenant_id, portfolio_id, created_at DESC, optimization_id DESC);

COMMIT;
