-- Verify portfolio:projection on pg
BEGIN;

DO $$
BEGIN
    IF (
        SELECT count(*) < 12
        FROM pg_trigger
        JOIN pg_class ON pg_class.oid = pg_trigger.tgrelid
        WHERE pg_class.relnamespace = 'commands'::regnamespace
          AND NOT tgisinternal
    ) THEN
        RAISE EXCEPTION 'the command tables lack some of their triggers';
    END IF;
    IF EXISTS (
        SELECT
        FROM pg_proc
        WHERE pronamespace IN ('queries'::regnamespace, 'events'::regnamespace)
          AND prosecdef
          AND NOT coalesce(proconfig, '{}') @> ARRAY['search_path=pg_catalog, pg_temp']
    ) THEN
        RAISE EXCEPTION 'a function that runs as the owner has no fixed search_path';
    END IF;
END
$$;

ROLLBACK;
