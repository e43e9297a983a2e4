import Foundation
import TestSupport

/// How many POSTs a second the stack takes in at 32 connections while no worker runs.
///
/// The limit beside it is the database's rate of the same two inserts bare, at as many clients.
///
/// - Parameters:
///   - bench: the stack, with its usual limits of the queue: a round ends before they are reached.
///   - rounds: how often both are measured.
/// - Returns: POSTs a second and transactions a second.
/// - Throws: ``HTTPFailure`` when a POST was answered with anything but a success.
func measureSubmitRate(_ bench: QueueBench, rounds: Int = 5) throws -> QueueFigure {
    try bench.storeInputs()
    try bench.workers("stop")
    defer { try? bench.workers("start") }
    let script = FileManager.default.temporaryDirectory.appending(path: "submit-rate-\(getpid()).lua")
    try """
    wrk.method = "POST"
    wrk.headers["Content-Type"] = "application/json"
    wrk.body = '\(QueueBench.request)'
    """.write(to: script, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(at: script) }

    var measured: [(rate: Double, limit: Double)] = []
    for _ in 0..<rounds {
        try bench.emptyQueue()
        let output = try bench.run([
            "wrk", "-t1", "-c32", "-d2s", "-s", script.path, "http://127.0.0.1:\(bench.port)/api/v1/optimizations",
        ])
        guard !output.contains("Non-2xx"), !output.contains("Socket errors") else {
            throw HTTPFailure(description: output)
        }
        let rate = try bench.number(after: "Requests/sec:", in: output)
        try bench.emptyQueue()
        measured.append((rate, try bench.pgbench(bareInserts, clients: 32, seconds: 2)))
    }
    try bench.emptyQueue()
    return QueueFigure(name: "POST at 32 connections", rounds: measured)
}

private let bareInserts = """
    WITH stored AS (
        INSERT INTO commands.optimization_requests (
            id, portfolio_id, optimization_type, objective, risk_measure, constraints, preferences, document,
            portfolio_version, risk_model_id, risk_model_version, instruments_version
        )
        VALUES (
            gen_random_uuid(), 'bench-queue', 'mean_variance', 'minimize_risk', 'volatility',
            '{"max_position_size":0.4}', '{}', '\(QueueBench.request)', 1, 'bench-queue', 1, 1
        )
        RETURNING id
    )
    INSERT INTO jobs.jobs (job_id, tenant_id, kind)
    SELECT id, 'default', 'optimization' FROM stored;
    """
