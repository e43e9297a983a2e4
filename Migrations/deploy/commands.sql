-- Deploy portfolio:commands to pg
-- requires: inputs
--
-- The write side: what was asked for and what came of it. The columns of the service document come first, as it has
-- them; ours follow below the line, nullable or with a default.
BEGIN;

CREATE SCHEMA commands AUTHORIZATION portfolio_owner;
SET LOCAL ROLE portfolio_owner;

-- `document` is the request as canonical JSON: jsonb, which the service document asks for, rewrites numbers.
-- The versions are those of the inputs when the request was accepted. A failed optimization has its error and its
-- whole answer here, because a row of optimization_results needs metrics.
CREATE TABLE commands.optimization_requests (
    id VARCHAR(36) PRIMARY KEY,
    portfolio_id VARCHAR(36) NOT NULL,
    optimization_type VARCHAR(30) NOT NULL,
    objective VARCHAR(30) NOT NULL,
    risk_measure VARCHAR(20) NOT NULL,
    constraints JSONB NOT NULL,
    preferences JSONB NOT NULL,
    status VARCHAR(20) NOT NULL DEFAULT 'pending',
    created_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT NOW(),
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT NOW(),
    -- ours
    tenant_id text NOT NULL DEFAULT 'default',
    document text,
    portfolio_version bigint,
    risk_model_id VARCHAR(36),
    risk_model_version bigint,
    instruments_version bigint,
    error jsonb,
    body text,
    CONSTRAINT optimization_requests_portfolio_fk FOREIGN KEY (portfolio_id) REFERENCES inputs.portfolios(id),
    CONSTRAINT optimization_status_is_known
        CHECK (status IN ('pending', 'processing', 'completed', 'failed', 'cancelled'))
);
CREATE INDEX optimization_requests_portfolio_idx ON commands.optimization_requests(portfolio_id);
CREATE INDEX optimization_requests_status_idx ON commands.optimization_requests(status);
COMMENT ON COLUMN commands.optimization_requests.body IS 'the whole answer of a failed optimization, to the byte';

CREATE TABLE commands.optimization_results (
    optimization_id VARCHAR(36) PRIMARY KEY,
    metrics JSONB NOT NULL,
    current_allocation JSONB NOT NULL,
    target_allocation JSONB NOT NULL,
    trades JSONB NOT NULL,
    efficient_frontier JSONB,
    completed_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT NOW(),
    -- ours
    tenant_id text NOT NULL DEFAULT 'default',
    body text,
    CONSTRAINT optimization_results_optimization_fk
        FOREIGN KEY (optimization_id) REFERENCES commands.optimization_requests(id)
);
COMMENT ON COLUMN commands.optimization_results.body IS 'the whole answer, to the byte';

CREATE TABLE commands.efficient_frontier_requests (
    id VARCHAR(36) PRIMARY KEY,
    portfolio_id VARCHAR(36) NOT NULL,
    risk_measure VARCHAR(20) NOT NULL,
    points INTEGER NOT NULL,
    min_return DECIMAL(10, 8),
    max_risk DECIMAL(10, 8),
    constraints JSONB NOT NULL,
    status VARCHAR(20) NOT NULL DEFAULT 'pending',
    created_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT NOW(),
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT NOW(),
    -- ours
    tenant_id text NOT NULL DEFAULT 'default',
    CONSTRAINT efficient_frontier_requests_portfolio_fk FOREIGN KEY (portfolio_id) REFERENCES inputs.portfolios(id),
    CONSTRAINT efficient_frontier_status_is_known
        CHECK (status IN ('pending', 'processing', 'completed', 'failed', 'cancelled'))
);
CREATE INDEX efficient_frontier_requests_portfolio_idx ON commands.efficient_frontier_requests(portfolio_id);
CREATE INDEX efficient_frontier_requests_status_idx ON commands.efficient_frontier_requests(status);

CREATE TABLE commands.efficient_frontier_results (
    frontier_id VARCHAR(36) PRIMARY KEY,
    frontier_points JSONB NOT NULL,
    current_portfolio JSONB NOT NULL,
    optimal_portfolio JSONB NOT NULL,
    min_risk_portfolio JSONB NOT NULL,
    max_return_portfolio JSONB NOT NULL,
    completed_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT NOW(),
    -- ours
    tenant_id text NOT NULL DEFAULT 'default',
    CONSTRAINT efficient_frontier_results_frontier_fk
        FOREIGN KEY (frontier_id) REFERENCES commands.efficient_frontier_requests(id)
);

CREATE TABLE commands.rebalance_requests (
    id VARCHAR(36) PRIMARY KEY,
    portfolio_id VARCHAR(36) NOT NULL,
    target_type VARCHAR(20) NOT NULL,
    constraints JSONB NOT NULL,
    status VARCHAR(20) NOT NULL DEFAULT 'pending',
    created_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT NOW(),
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT NOW(),
    -- ours
    tenant_id text NOT NULL DEFAULT 'default',
    CONSTRAINT rebalance_requests_portfolio_fk FOREIGN KEY (portfolio_id) REFERENCES inputs.portfolios(id),
    CONSTRAINT rebalance_status_is_known
        CHECK (status IN ('pending', 'processing', 'completed', 'failed', 'cancelled'))
);
CREATE INDEX rebalance_requests_portfolio_idx ON commands.rebalance_requests(portfolio_id);
CREATE INDEX rebalance_requests_status_idx ON commands.rebalance_requests(status);

CREATE TABLE commands.rebalance_results (
    rebalance_id VARCHAR(36) PRIMARY KEY,
    current_allocation JSONB NOT NULL,
    target_allocation JSONB NOT NULL,
    trades JSONB NOT NULL,
    metrics JSONB NOT NULL,
    completed_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT NOW(),
    -- ours
    tenant_id text NOT NULL DEFAULT 'default',
    CONSTRAINT rebalance_results_rebalance_fk FOREIGN KEY (rebalance_id) REFERENCES commands.rebalance_requests(id)
);

CREATE TABLE commands.factor_analysis_requests (
    id VARCHAR(36) PRIMARY KEY,
    portfolio_id VARCHAR(36) NOT NULL,
    factors JSONB NOT NULL,
    status VARCHAR(20) NOT NULL DEFAULT 'pending',
    created_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT NOW(),
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT NOW(),
    -- ours
    tenant_id text NOT NULL DEFAULT 'default',
    CONSTRAINT factor_analysis_requests_portfolio_fk FOREIGN KEY (portfolio_id) REFERENCES inputs.portfolios(id),
    CONSTRAINT factor_analysis_status_is_known
        CHECK (status IN ('pending', 'processing', 'completed', 'failed', 'cancelled'))
);
CREATE INDEX factor_analysis_requests_portfolio_idx ON commands.factor_analysis_requests(portfolio_id);
CREATE INDEX factor_analysis_requests_status_idx ON commands.factor_analysis_requests(status);

CREATE TABLE commands.factor_analysis_results (
    analysis_id VARCHAR(36) PRIMARY KEY,
    as_of TIMESTAMP WITH TIME ZONE NOT NULL,
    exposures JSONB NOT NULL,
    attribution JSONB NOT NULL,
    completed_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT NOW(),
    -- ours
    tenant_id text NOT NULL DEFAULT 'default',
    CONSTRAINT factor_analysis_results_analysis_fk
        FOREIGN KEY (analysis_id) REFERENCES commands.factor_analysis_requests(id)
);

-- Answers are read far more often than written, and lz4 unpacks several times faster than the built-in compression.
-- A server built without lz4 keeps the built-in one: the bytes read are the same.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)) THEN
        ALTER TABLE commands.optimization_requests ALTER COLUMN body SET COMPRESSION lz4;
        ALTER TABLE commands.optimization_results ALTER COLUMN body SET COMPRESSION lz4;
    END IF;
END
$$;

COMMIT;
