-- Verify portfolio:idempotency on pg
BEGIN;

DO $$
BEGIN
    IF NOT has_table_privilege('portfolio_create_optimization', 'commands.idempotency_keys', 'SELECT')
        OR has_table_privilege('portfolio_create_optimization', 'commands.idempotency_keys', 'UPDATE, DELETE')
        OR NOT has_function_privilege(
            'portfolio_create_optimization', 'commands.forget_idempotency_keys(text, text, bigint)', 'EXECUTE'
        )
    THEN
        RAISE EXCEPTION 'keys can be changed or cannot be read';
    END IF;
    PERFORM FROM pg_constraint
    WHERE conname = 'one_answer_a_key'
      AND conrelid = 'commands.idempotency_keys'::regclass;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'a key may have two answers';
    END IF;
END
$$;

ROLLBACK;
