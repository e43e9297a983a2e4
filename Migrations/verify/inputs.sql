-- Verify portfolio:inputs on pg
BEGIN;

SELECT id, tenant_id, version, created_at FROM inputs.portfolios WHERE false;
SELECT tenant_id, portfolio_id, version, stored_at, risk_model_id, held, universe, document
FROM inputs.portfolio_snapshots
WHERE false;
SELECT id, tenant_id, version, created_at FROM inputs.risk_models WHERE false;
SELECT
    tenant_id, risk_model_id, version, stored_at, as_of, instruments, periods_per_year, dates, factors,
    expected_returns, volatilities, probabilities, covariance, correlations, returns, prices,
    loadings, factor_covariance, specific_variance, factor_returns
FROM inputs.risk_model_snapshots
WHERE false;
SELECT tenant_id, version FROM inputs.instrument_versions WHERE false;
SELECT
    tenant_id, instrument_id, version, name, sector, asset_class, currency, price, lot_size,
    cost_proportional, cost_fixed, cost_impact, average_daily_value
FROM inputs.instrument_snapshots
WHERE false;

ROLLBACK;
