-- Revert portfolio:events from pg
BEGIN;

DROP TABLE events.outbox;
DROP SCHEMA events;

COMMIT;
