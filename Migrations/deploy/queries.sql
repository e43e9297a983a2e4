-- Deploy portfolio:queries to pg
-- requires: inputs
--
-- The read side: a row is everything a GET answers. Triggers fill it from the write side (change `projection`); no
-- login role writes here.
BEGIN;

CREATE SCHEMA queries AUTHORIZATION portfolio_owner;
SET LOCAL ROLE portfolio_owner;

-- `body` is the whole answer, to the byte, once the state is final and a worker wrote one; `entity_tag` its hash.
CREATE TABLE queries.portfolio_optimizations (
    optimization_id VARCHAR(36) PRIMARY KEY,
    portfolio_id VARCHAR(36) NOT NULL,
    optimization_type VARCHAR(30) NOT NULL,
    objective VARCHAR(30) NOT NULL,
    risk_measure VARCHAR(20) NOT NULL,
    status VARCHAR(20) NOT NULL,
    metrics JSONB,
    current_allocation JSONB,
    target_allocation JSONB,
    trades JSONB,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    completed_at TIMESTAMP WITH TIME ZONE,
    -- ours
    tenant_id text NOT NULL DEFAULT 'default',
    error jsonb,
    body text,
    entity_tag text,
    CONSTRAINT portfolio_optimizations_portfolio_fk FOREIGN KEY (portfolio_id) REFERENCES inputs.portfolios(id)
) WITH (fillfactor = 70);  -- a row is updated two or three times soon after its insert: on the same page
CREATE INDEX portfolio_optimizations_portfolio_idx ON queries.portfolio_optimizations(portfolio_id);
CREATE INDEX portfolio_optimizations_created_idx ON queries.portfolio_optimizations(created_at);

CREATE TABLE queries.efficient_frontiers (
    frontier_id VARCHAR(36) PRIMARY KEY,
    portfolio_id VARCHAR(36) NOT NULL,
    risk_measure VARCHAR(20) NOT NULL,
    frontier_points JSONB NOT NULL,
    current_portfolio JSONB NOT NULL,
    optimal_portfolio JSONB NOT NULL,
    min_risk_portfolio JSONB NOT NULL,
    max_return_portfolio JSONB NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    -- ours
    tenant_id text NOT NULL DEFAULT 'default',
    CONSTRAINT efficient_frontiers_portfolio_fk FOREIGN KEY (portfolio_id) REFERENCES inputs.portfolios(id)
);
CREATE INDEX efficient_frontiers_portfolio_idx ON queries.efficient_frontiers(portfolio_id);
CREATE INDEX efficient_frontiers_created_idx ON queries.efficient_frontiers(created_at);

CREATE TABLE queries.rebalance_plans (
    rebalance_id VARCHAR(36) PRIMARY KEY,
    portfolio_id VARCHAR(36) NOT NULL,
    target_type VARCHAR(20) NOT NULL,
    current_allocation JSONB NOT NULL,
    target_allocation JSONB NOT NULL,
    trades JSONB NOT NULL,
    metrics JSONB NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    -- ours
    tenant_id text NOT NULL DEFAULT 'default',
    CONSTRAINT rebalance_plans_portfolio_fk FOREIGN KEY (portfolio_id) REFERENCES inputs.portfolios(id)
);
CREATE INDEX rebalance_plans_portfolio_idx ON queries.rebalance_plans(portfolio_id);
CREATE INDEX rebalance_plans_created_idx ON queries.rebalance_plans(created_at);

CREATE TABLE queries.factor_exposures (
    analysis_id VARCHAR(36) PRIMARY KEY,
    portfolio_id VARCHAR(36) NOT NULL,
    as_of TIMESTAMP WITH TIME ZONE NOT NULL,
    exposures JSONB NOT NULL,
    attribution JSONB NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    -- ours
    tenant_id text NOT NULL DEFAULT 'default',
    CONSTRAINT factor_exposures_portfolio_fk FOREIGN KEY (portfolio_id) REFERENCES inputs.portfolios(id)
);
CREATE INDEX factor_exposures_portfolio_idx ON queries.factor_exposures(portfolio_id);
CREATE INDEX factor_exposures_as_of_idx ON queries.factor_exposures(as_of);

-- As in `commands`: lz4 where the server has it.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)) THEN
        ALTER TABLE queries.portfolio_optimizations ALTER COLUMN body SET COMPRESSION lz4;
    END IF;
END
$$;

COMMIT;
