-- Revert portfolio:idempotency from pg
BEGIN;

DROP FUNCTION commands.forget_idempotency_keys(text, text, bigint);
DROP TABLE commands.idempotency_keys;

COMMIT;
