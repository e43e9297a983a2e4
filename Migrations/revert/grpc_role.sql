-- Revert portfolio:grpc_role from pg
--
-- A role that another database of this cluster still gives privileges to stays.
BEGIN;

DO $$
BEGIN
    DROP ROLE IF EXISTS portfolio_grpc;
EXCEPTION
    WHEN dependent_objects_still_exist THEN
        RAISE NOTICE 'portfolio_grpc stays: another database needs it';
END
$$;

COMMIT;
