-- Verify portfolio:tenancy on pg
BEGIN;

DO $$
DECLARE
    open_table text;
BEGIN
    SELECT relation.oid::regclass::text
    INTO open_table
    FROM pg_class AS relation
    JOIN pg_attribute AS attribute ON attribute.attrelid = relation.oid AND attribute.attname = 'tenant_id'
    WHERE relation.relkind = 'r'
      AND relation.relnamespace::regnamespace::text IN ('inputs', 'commands', 'queries', 'jobs')
      AND NOT (relation.relrowsecurity AND relation.relforcerowsecurity)
    LIMIT 1;
    IF open_table IS NOT NULL THEN
        RAISE EXCEPTION 'row-level security is not forced on %', open_table;
    END IF;
END
$$;

ROLLBACK;
