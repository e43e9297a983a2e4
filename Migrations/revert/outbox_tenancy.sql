-- Revert portfolio:outbox_tenancy from pg
BEGIN;

SET LOCAL ROLE portfolio_owner;

DROP POLICY projection ON events.outbox;
ALTER TABLE events.outbox NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY;

COMMIT;
