-- Verify portfolio:events on pg
BEGIN;

SELECT sequence, transaction_id, tenant_id, portfolio_id, type, subject, occurred_at, data
FROM events.outbox
WHERE false;
SELECT 'events.outbox_in_commit_order'::regclass;

ROLLBACK;
