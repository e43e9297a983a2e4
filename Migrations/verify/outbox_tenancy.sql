-- Verify portfolio:outbox_tenancy on pg
BEGIN;

SELECT 1 / (relrowsecurity AND relforcerowsecurity)::int FROM pg_class WHERE oid = 'events.outbox'::regclass;
SELECT 1 / count(*) FROM pg_policy WHERE polrelid = 'events.outbox'::regclass AND polname = 'projection';

ROLLBACK;
