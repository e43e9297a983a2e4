-- Revert portfolio:roles from pg
--
-- A role that another database of this cluster still gives privileges to stays.
BEGIN;

DO $$
DECLARE
    role_name text;
BEGIN
    EXECUTE format('ALTER DATABASE %I RESET search_path', current_database());
    FOREACH role_name IN ARRAY ARRAY[
        'portfolio_create_optimization',
        'portfolio_get_optimization',
        'portfolio_inputs',
        'portfolio_health',
        'portfolio_worker',
        'portfolio_owner'
    ] LOOP
        BEGIN
            EXECUTE format('DROP ROLE IF EXISTS %I', role_name);
        EXCEPTION
            WHEN dependent_objects_still_exist THEN
                RAISE NOTICE 'role % stays: another database needs it', role_name;
        END;
    END LOOP;
END
$$;

COMMIT;
