import Foundation
import TestSupport

/// What a benchmark of the queue found: a rate, the rate of the bare work beside it, and how the two compare.
struct QueueFigure {
    var name: String
    /// A second; the median of the rounds.
    var rate: Double
    /// The same for the bare work, measured in turn with it.
    var limit: Double
    /// The median of the rounds' ratios.
    var ratio: Double

    init(name: String, rounds: [(rate: Double, limit: Double)]) {
        self.name = name
        rate = Self.median(rounds.map(\.rate))
        limit = Self.median(rounds.map(\.limit))
        ratio = Self.median(rounds.map { $0.rate / $0.limit })
    }

    var line: String {
        "\(name): \(String(format: "%.0f/s, bare %.0f/s, ratio %.2f", rate, limit, ratio))"
    }

    private static func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        return sorted.isEmpty ? 0 : sorted[sorted.count / 2]
    }
}

/// The stack whose queue is measured.
///
/// Its database is the measurer's to fill: what was queued before is removed.
struct QueueBench {
    let port: Int
    /// The stack's `PORTFOLIO_RUN_DIR`.
    let runDirectory: String

    private static let instruments =
        #"{"instruments":[{"instrument_id":"Q1","price":10.5},{"instrument_id":"Q2","price":20},"#
        + #"{"instrument_id":"Q3","price":31},{"instrument_id":"Q4","price":44},{"instrument_id":"Q5","price":57}]}"#
    private static let riskModel =
        #"{"as_of":"2025-06-20T00:00:00Z","instruments":["Q1","Q2","Q3","Q4","Q5"],"periods_per_year":252,"#
        + #""expected_returns":[0.05,0.06,0.07,0.08,0.09],"covariance":[[0.04,0.01,0.002,0.001,0.003],"#
        + #"[0.01,0.05,0.004,0.002,0.001],[0.002,0.004,0.06,0.003,0.005],[0.001,0.002,0.003,0.07,0.002],"#
        + #"[0.003,0.001,0.005,0.002,0.08]]}"#
    private static let portfolio =
        #"{"name":"Queue","base_currency":"USD","as_of":"2025-06-20T00:00:00Z","risk_model_id":"bench-queue","#
        + #""cash":1000,"positions":[{"instrument_id":"Q1","quantity":100},{"instrument_id":"Q2","quantity":50}]}"#

    /// A tiny job: five names, least risk.
    static let request =
        #"{"portfolio_id":"bench-queue","optimization_type":"mean_variance","objective":"minimize_risk","#
        + #""risk_measure":"volatility","constraints":{"max_position_size":0.4},"preferences":{}}"#

    /// Puts the mandate that the jobs are for.
    func storeInputs() throws {
        let client = HTTPClient(port: port)
        for (path, body) in [
            ("instruments", Self.instruments), ("risk-models/bench-queue", Self.riskModel),
            ("portfolios/bench-queue", Self.portfolio),
        ] {
            let answer = try client.put("/api/v1/\(path)", body)
            guard [200, 201].contains(answer.status) else { throw HTTPFailure(description: answer.text) }
        }
    }

    /// Empties the queue, and what is known of its length.
    func emptyQueue() throws { _ = try query("TRUNCATE jobs.jobs, jobs.depths; CHECKPOINT") }

    /// Starts or stops every worker.
    func workers(_ command: String) throws {
        _ = try Command.run(["supervisorctl", "-c", "\(runDirectory)/etc/supervisord.conf", command, "worker:*"])
    }

    /// Runs statements as the database's owner; rows as `a|b` lines.
    func query(_ statements: String) throws -> [String] {
        let arguments = statements.split(separator: ";").flatMap { ["-c", String($0)] }
        return try run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", url] + arguments)
            .split(separator: "\n").map(String.init)
    }

    /// Executions a second of a prepared statement, at so many clients.
    func pgbench(_ statement: String, clients: Int, seconds: Int) throws -> Double {
        let file = FileManager.default.temporaryDirectory.appending(path: "queue-bench-\(getpid()).sql")
        try statement.write(to: file, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(at: file) }
        let output = try run([
            "pgbench", "-n", "-M", "prepared", "-c", String(clients), "-T", String(seconds), "-f", file.path, url,
        ])
        return try number(after: "tps =", in: output)
    }

    /// Runs a program; what it wrote.
    func run(_ arguments: [String]) throws -> String {
        let command = try Command.run(arguments)
        guard command.status == 0 else {
            throw HTTPFailure(description: "\(arguments[0]) ended with \(command.status): \(command.output)")
        }
        return command.output
    }

    /// The number that follows a word.
    func number(after label: String, in text: String) throws -> Double {
        guard let range = text.range(of: label),
            let word = text[range.upperBound...].split(whereSeparator: { $0 == " " || $0 == "\n" }).first,
            let number = Double(word)
        else { throw HTTPFailure(description: "no \(label) in: \(text)") }
        return number
    }

    private var url: String { "postgresql://postgres@/portfolio?host=\(runDirectory)/sockets" }
}
