import Foundation
import TestSupport

/// How fast the stack's workers drain a queue of tiny jobs: load, solve, check, read model and event included.
///
/// The limit beside it is the database's rate of storing as many results bare, 128 to a commit, at two clients.
///
/// - Parameters:
///   - bench: the stack.
///   - distinct: whether every job asks for something else; otherwise all ask the same and share one computation.
///   - jobs: how many are queued.
///   - rounds: how often both are measured.
/// - Returns: jobs a second and results a second.
/// - Throws: ``HTTPFailure`` when a job did not end as completed.
func measureQueueDrain(
    _ bench: QueueBench,
    distinct: Bool,
    jobs: Int = 10_000,
    rounds: Int = 3
) throws -> QueueFigure {
    try bench.storeInputs()
    var measured: [(rate: Double, limit: Double)] = []
    for _ in 0..<rounds {
        let rate = try drain(bench, distinct: distinct, jobs: jobs)
        measured.append((rate, try bareResults(bench)))
    }
    return QueueFigure(name: "drain of \(jobs) \(distinct ? "distinct" : "equal") jobs", rounds: measured)
}

/// Queues jobs while the workers are stopped, lets them go, and returns jobs a second from the first end to the last.
private func drain(_ bench: QueueBench, distinct: Bool, jobs: Int) throws -> Double {
    try bench.workers("stop")
    try bench.emptyQueue()
    let tag = "bench-\(UInt32.random(in: 0 ..< .max))"
    let limit = distinct ? "round(0.3 + 0.00001 * n, 6)" : "0.4"
    let document = QueueBench.request.replacingOccurrences(of: "0.4", with: "' || \(limit) || '")
    _ = try bench.query(
        """
        INSERT INTO commands.optimization_requests (
            id, portfolio_id, optimization_type, objective, risk_measure, constraints, preferences, document,
            portfolio_version, risk_model_id, risk_model_version, instruments_version, created_at
        )
        SELECT
            '\(tag)-' || n, 'bench-queue', 'mean_variance', 'minimize_risk', 'volatility', '{}', '{}', '\(document)',
            portfolio.version, 'bench-queue', model.version, instruments.version, clock_timestamp()
        FROM generate_series(1, \(jobs)) AS n
        JOIN inputs.portfolios AS portfolio ON portfolio.id = 'bench-queue'
        JOIN inputs.risk_models AS model ON model.id = 'bench-queue'
        JOIN inputs.instrument_versions AS instruments ON instruments.tenant_id = 'default';
        INSERT INTO jobs.jobs (job_id, tenant_id, kind, created_at)
        SELECT id, tenant_id, 'optimization', created_at FROM commands.optimization_requests WHERE id LIKE '\(tag)-%';
        ANALYZE commands.optimization_requests, jobs.jobs;
        CHECKPOINT
        """
    )
    try bench.workers("start")
    for _ in 0..<1200 where try bench.query("SELECT 1 FROM jobs.jobs LIMIT 1") != [] { usleep(100_000) }
    // The first batch is where the clock starts: without it.
    let ends = try bench.query(
        """
        SELECT
            count(*) FILTER (WHERE status = 'completed'),
            count(*) FILTER (WHERE completed_at > first) / extract(epoch FROM max(completed_at) - min(first))
        FROM queries.portfolio_optimizations
        CROSS JOIN (
            SELECT min(completed_at) AS first FROM queries.portfolio_optimizations WHERE optimization_id LIKE '\(tag)-%'
        ) AS start
        WHERE optimization_id LIKE '\(tag)-%'
        """
    )
    let columns = ends.first?.split(separator: "|") ?? []
    guard columns.count == 2, Int(columns[0]) == jobs, let rate = Double(columns[1]) else {
        throw HTTPFailure(description: "not all of \(jobs) jobs were completed: \(ends)")
    }
    return rate
}

/// Results a second that the database stores without anything around them.
private func bareResults(_ bench: QueueBench) throws -> Double {
    let batch = 128
    _ = try bench.query(
        """
        CREATE UNLOGGED TABLE IF NOT EXISTS public.bench_sample AS
            SELECT * FROM commands.optimization_results ORDER BY completed_at DESC LIMIT \(batch);
        DROP TABLE IF EXISTS public.bench_results;
        CREATE TABLE public.bench_results (LIKE commands.optimization_results INCLUDING ALL)
        """
    )
    defer { _ = try? bench.query("DROP TABLE public.bench_results, public.bench_sample") }
    let transactions = try bench.pgbench(
        """
        INSERT INTO public.bench_results
        SELECT
            left(gen_random_uuid()::text, 36), metrics, current_allocation, target_allocation, trades,
            efficient_frontier, completed_at, tenant_id, body
        FROM public.bench_sample;
        """,
        clients: 2,
        seconds: 2
    )
    return transactions * Double(batch)
}
