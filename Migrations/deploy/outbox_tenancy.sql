-- Deploy portfolio:outbox_tenancy to pg
-- requires: tenancy
-- requires: events
--
-- Row-level security of the outbox, as of every other table with a tenant: whoever will be given the right to read it
-- sees nothing until a policy says whose events. The owner's triggers write it.
BEGIN;

SET LOCAL ROLE portfolio_owner;

ALTER TABLE events.outbox ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY projection ON events.outbox TO portfolio_owner USING (true);

COMMIT;
