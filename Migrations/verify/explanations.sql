-- Verify portfolio:explanations on pg
BEGIN;

SELECT excluded FROM commands.optimization_results WHERE false;
SELECT excluded FROM queries.portfolio_optimizations WHERE false;
SELECT 1 / count(*)
FROM pg_proc
WHERE oid = 'queries.project_optimization_statuses()'::regprocedure
  AND prosrc LIKE '%excluded = result.excluded%';

SELECT 1 / count(*)
FROM pg_proc
WHERE oid = 'queries.rebuild_documents()'::regprocedure
  AND prosrc LIKE '%result.excluded%';

ROLLBACK;
