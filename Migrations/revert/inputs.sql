-- Revert portfolio:inputs from pg
BEGIN;

DROP TABLE
    inputs.instrument_snapshots,
    inputs.instrument_versions,
    inputs.risk_model_snapshots,
    inputs.risk_models,
    inputs.portfolio_snapshots,
    inputs.portfolios;
DROP SCHEMA inputs;

COMMIT;
