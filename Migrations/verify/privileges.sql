-- Verify portfolio:privileges on pg
BEGIN;

DO $$
DECLARE
    role_name text;
BEGIN
    IF NOT has_table_privilege('portfolio_get_optimization', 'queries.portfolio_optimizations', 'SELECT')
        OR NOT has_table_privilege('portfolio_worker', 'commands.optimization_results', 'INSERT')
        OR NOT has_table_privilege('portfolio_inputs', 'inputs.portfolio_snapshots', 'INSERT')
        OR NOT has_function_privilege('portfolio_create_optimization', 'jobs.queue_figures(integer)', 'EXECUTE')
        OR NOT has_table_privilege('portfolio_health', 'sqitch.changes', 'SELECT')
    THEN
        RAISE EXCEPTION 'a role lacks what it needs';
    END IF;
    FOREACH role_name IN ARRAY ARRAY[
        'portfolio_create_optimization',
        'portfolio_get_optimization',
        'portfolio_inputs',
        'portfolio_health',
        'portfolio_worker'
    ] LOOP
        IF has_any_column_privilege(role_name, 'queries.portfolio_optimizations', 'INSERT, UPDATE')
            OR has_table_privilege(role_name, 'queries.portfolio_optimizations', 'DELETE, TRUNCATE')
            OR has_any_column_privilege(role_name, 'events.outbox', 'SELECT, INSERT, UPDATE')
            OR has_table_privilege(role_name, 'inputs.portfolio_snapshots', 'UPDATE, DELETE, TRUNCATE')
        THEN
            RAISE EXCEPTION '% may do what nobody may', role_name;
        END IF;
    END LOOP;
END
$$;

ROLLBACK;
