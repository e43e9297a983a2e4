-- Deploy portfolio:idempotency to pg
-- requires: privileges
--
-- What was answered to a POST with an Idempotency-Key, written in the transaction that stores the request and its job: a
-- key is there exactly if its job was accepted. Of submissions under one key at the same moment the first takes the row;
-- the others wait for its commit, fail on `one_answer_a_key`, which undoes all they had stored, and read its answer.
BEGIN;

SET LOCAL ROLE portfolio_owner;

-- `request_hash` is the SHA-256 of method, path and canonical body: a key used again for something else is refused.
CREATE TABLE commands.idempotency_keys (
    tenant_id            text             NOT NULL,
    key                  text COLLATE "C" NOT NULL,
    request_hash         bytea            NOT NULL,
    optimization_id      VARCHAR(36)      NOT NULL,
    created_at           timestamptz      NOT NULL DEFAULT now(),
    estimated_completion timestamptz      NOT NULL,
    expires_at           timestamptz      NOT NULL DEFAULT now() + interval '24 hours',
    CONSTRAINT one_answer_a_key PRIMARY KEY (tenant_id, key),
    CONSTRAINT key_is_short     CHECK (length(key) BETWEEN 1 AND 255)
);
COMMENT ON COLUMN commands.idempotency_keys.created_at IS 'when the request was accepted: part of the answer';

-- Serves commands.forget_idempotency_keys: what expired first.
CREATE INDEX idempotency_keys_by_expiry ON commands.idempotency_keys (expires_at);

ALTER TABLE commands.idempotency_keys ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON commands.idempotency_keys TO portfolio_create_optimization
    USING (tenant_id = current_setting('portfolio.tenant', true));
CREATE POLICY owner_finds_expired ON commands.idempotency_keys FOR SELECT TO portfolio_owner
    USING (expires_at <= clock_timestamp());
CREATE POLICY owner_forgets_expired ON commands.idempotency_keys FOR DELETE TO portfolio_owner
    USING (expires_at <= clock_timestamp());
CREATE POLICY owner_locks_expired ON commands.idempotency_keys FOR UPDATE TO portfolio_owner
    USING (expires_at <= clock_timestamp());

-- Forgets a key that has expired, so that it can be taken anew, and up to `at_most` others of any tenant: each keyed
-- submission clears away more than it adds, so that the table holds a day of keys. Rows that another submission is
-- just removing are passed over; the one key asked for is waited for.
CREATE FUNCTION commands.forget_idempotency_keys(of_tenant text, expired_key text, at_most bigint) RETURNS void
    LANGUAGE sql
    SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
    DELETE FROM commands.idempotency_keys
    WHERE tenant_id = of_tenant
      AND key = expired_key
      AND expires_at <= clock_timestamp();
    WITH expired AS (
        SELECT tenant_id, key
        FROM commands.idempotency_keys
        WHERE expires_at <= clock_timestamp()
        ORDER BY expires_at
        LIMIT at_most
        FOR UPDATE SKIP LOCKED
    )
    DELETE FROM commands.idempotency_keys AS known
    USING expired
    WHERE known.tenant_id = expired.tenant_id
      AND known.key = expired.key
$$;
REVOKE EXECUTE ON FUNCTION commands.forget_idempotency_keys(text, text, bigint) FROM PUBLIC;

GRANT SELECT ON commands.idempotency_keys TO portfolio_create_optimization;
GRANT INSERT (tenant_id, key, request_hash, optimization_id, estimated_completion)
    ON commands.idempotency_keys TO portfolio_create_optimization;
GRANT EXECUTE ON FUNCTION commands.forget_idempotency_keys(text, text, bigint) TO portfolio_create_optimization;

COMMIT;
