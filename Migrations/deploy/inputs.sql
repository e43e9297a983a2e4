-- Deploy portfolio:inputs to pg
-- requires: roles
--
-- What callers put in: portfolios, risk models, instruments. Snapshots are only ever added, each with a version; a
-- result names the versions it was computed from, and they are still there to check it.
--
-- A version is handed out under a row lock that lasts to the commit (portfolios.version, risk_models.version,
-- instrument_versions.version): versions become visible in their order, without gaps.
BEGIN;

CREATE SCHEMA inputs AUTHORIZATION portfolio_owner;
SET LOCAL ROLE portfolio_owner;

-- Who owns an identifier, and its newest version. The first tenant to put an identifier keeps it.
CREATE TABLE inputs.portfolios (
    id         VARCHAR(36) PRIMARY KEY,
    tenant_id  text        NOT NULL DEFAULT 'default',
    version    bigint      NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT portfolio_has_a_tenant CHECK (tenant_id <> '')
) WITH (fillfactor = 80);

-- `document` is the snapshot as canonical JSON. The columns beside it are what statements need to look up.
CREATE TABLE inputs.portfolio_snapshots (
    tenant_id     text        NOT NULL DEFAULT 'default',
    portfolio_id  VARCHAR(36) NOT NULL,
    version       bigint      NOT NULL,
    stored_at     timestamptz NOT NULL DEFAULT now(),
    risk_model_id VARCHAR(36) NOT NULL,
    held          text[]      NOT NULL,
    universe      text[],
    document      text        NOT NULL,
    CONSTRAINT portfolio_snapshots_key PRIMARY KEY (portfolio_id, version)
);
COMMENT ON COLUMN inputs.portfolio_snapshots.held IS 'the instruments held';
COMMENT ON COLUMN inputs.portfolio_snapshots.universe IS 'what may be held; null means the instruments of the risk model';

CREATE TABLE inputs.risk_models (
    id         VARCHAR(36) PRIMARY KEY,
    tenant_id  text        NOT NULL DEFAULT 'default',
    version    bigint      NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT risk_model_has_a_tenant CHECK (tenant_id <> '')
) WITH (fillfactor = 80);

-- Vectors and matrices are float64, little-endian, matrices column by column, in the order of `instruments` and
-- `factors`; the number of periods follows from the length.
CREATE TABLE inputs.risk_model_snapshots (
    tenant_id         text             NOT NULL DEFAULT 'default',
    risk_model_id     VARCHAR(36)      NOT NULL,
    version           bigint           NOT NULL,
    stored_at         timestamptz      NOT NULL DEFAULT now(),
    as_of             timestamptz      NOT NULL,
    instruments       text[]           NOT NULL,
    periods_per_year  double precision NOT NULL,
    dates             date[],
    factors           text[],
    expected_returns  bytea,
    volatilities      bytea,
    probabilities     bytea,
    covariance        bytea,
    correlations      bytea,
    returns           bytea,
    prices            bytea,
    loadings          bytea,
    factor_covariance bytea,
    specific_variance bytea,
    factor_returns    bytea,
    CONSTRAINT risk_model_snapshots_key PRIMARY KEY (risk_model_id, version)
);

-- Floats do not compress: storing them as they are saves the attempt at every write and read.
ALTER TABLE inputs.risk_model_snapshots
    ALTER COLUMN expected_returns  SET STORAGE EXTERNAL,
    ALTER COLUMN volatilities      SET STORAGE EXTERNAL,
    ALTER COLUMN probabilities     SET STORAGE EXTERNAL,
    ALTER COLUMN covariance        SET STORAGE EXTERNAL,
    ALTER COLUMN correlations      SET STORAGE EXTERNAL,
    ALTER COLUMN returns           SET STORAGE EXTERNAL,
    ALTER COLUMN prices            SET STORAGE EXTERNAL,
    ALTER COLUMN loadings          SET STORAGE EXTERNAL,
    ALTER COLUMN factor_covariance SET STORAGE EXTERNAL,
    ALTER COLUMN specific_variance SET STORAGE EXTERNAL,
    ALTER COLUMN factor_returns    SET STORAGE EXTERNAL;

-- The number of a tenant's last bulk change of instruments.
CREATE TABLE inputs.instrument_versions (
    tenant_id text   PRIMARY KEY,
    version   bigint NOT NULL,
    CONSTRAINT instrument_version_has_a_tenant CHECK (tenant_id <> '')
) WITH (fillfactor = 50);

-- An instrument as of version v is its row with the greatest version up to v. Each tenant has instruments of its own.
-- Identifiers sort by their bytes, whatever the database's language, so that paging is the same everywhere.
CREATE TABLE inputs.instrument_snapshots (
    tenant_id           text             NOT NULL DEFAULT 'default',
    instrument_id       text COLLATE "C" NOT NULL,
    version             bigint           NOT NULL,
    name                text,
    sector              text,
    asset_class         text,
    currency            text,
    price               double precision NOT NULL,
    lot_size            double precision,
    cost_proportional   double precision,
    cost_fixed          double precision,
    cost_impact         double precision,
    average_daily_value double precision,
    CONSTRAINT instrument_snapshots_key PRIMARY KEY (tenant_id, instrument_id, version),
    CONSTRAINT cost_is_whole_or_absent CHECK (
        (cost_proportional IS NULL) = (cost_fixed IS NULL)
        AND (cost_proportional IS NULL) = (cost_impact IS NULL)
    )
);
COMMENT ON COLUMN inputs.instrument_snapshots.lot_size IS 'null means any fraction';

COMMIT;
