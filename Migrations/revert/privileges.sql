-- Revert portfolio:privileges from pg
BEGIN;

REVOKE ALL ON SCHEMA sqitch FROM portfolio_health;
REVOKE ALL ON sqitch.changes FROM portfolio_health;

DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY[
        'portfolio_create_optimization',
        'portfolio_get_optimization',
        'portfolio_inputs',
        'portfolio_worker'
    ] LOOP
        EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA inputs, commands, queries, jobs FROM %I', role_name);
        EXECUTE format('REVOKE ALL ON ALL FUNCTIONS IN SCHEMA jobs FROM %I', role_name);
        EXECUTE format('REVOKE ALL ON SCHEMA inputs, commands, queries, jobs FROM %I', role_name);
    END LOOP;
END
$$;

COMMIT;
