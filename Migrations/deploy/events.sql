-- Deploy portfolio:events to pg
-- requires: roles
--
-- One row for each job that ended, written in the transaction that ended it: an event is there exactly if what it tells
-- is true. Only triggers write here (change `projection`).
--
-- Order. Numbers of a sequence are taken before the commit, so a reader going by `sequence` alone could pass over a
-- transaction that is still open. Read the rows whose transaction_id lies below pg_snapshot_xmin(pg_current_snapshot()),
-- in the order (transaction_id, sequence): then no earlier row can appear any more, and what happened to a portfolio
-- after another thing comes after it.
BEGIN;

CREATE SCHEMA events AUTHORIZATION portfolio_owner;
SET LOCAL ROLE portfolio_owner;

CREATE TABLE events.outbox (
    sequence       bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    transaction_id xid8        NOT NULL DEFAULT pg_current_xact_id(),
    tenant_id      text        NOT NULL,
    portfolio_id   VARCHAR(36) NOT NULL,
    type           text        NOT NULL,
    subject        VARCHAR(36) NOT NULL,
    occurred_at    timestamptz NOT NULL,
    data           jsonb       NOT NULL,
    CONSTRAINT subject_ends_once UNIQUE (subject)
);
COMMENT ON COLUMN events.outbox.type IS 'such as optimization.completed';
COMMENT ON COLUMN events.outbox.subject IS 'the id of what ended';

-- Serves the reading in order.
CREATE INDEX outbox_in_commit_order ON events.outbox (transaction_id, sequence);

COMMIT;
