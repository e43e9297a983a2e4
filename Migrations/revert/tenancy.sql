-- Revert portfolio:tenancy from pg
BEGIN;

DO $$
DECLARE
    policy record;
BEGIN
    FOR policy IN
        SELECT schemaname, tablename, policyname
        FROM pg_policies
        WHERE schemaname IN ('inputs', 'commands', 'queries', 'jobs')
    LOOP
        EXECUTE format('DROP POLICY %I ON %I.%I', policy.policyname, policy.schemaname, policy.tablename);
        EXECUTE format(
            'ALTER TABLE %I.%I NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY',
            policy.schemaname,
            policy.tablename
        );
    END LOOP;
END
$$;

COMMIT;
