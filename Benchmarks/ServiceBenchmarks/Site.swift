import Foundation
import TestSupport

/// The stack that is measured, as `deploy/local/with-stack` made it, and the tools that measure it.
struct Site {
    let url: String
    let port: Int
    let runDirectory: String
    /// Shorter and fewer rounds: to see that it works, not to be quoted.
    let isQuick: Bool

    var client: HTTPClient { HTTPClient(port: port) }

    init(isQuick: Bool) throws {
        let environment = ProcessInfo.processInfo.environment
        guard let url = environment["PORTFOLIO_TEST_URL"], let port = URL(string: url)?.port,
            let runDirectory = environment["PORTFOLIO_RUN_DIR"]
        else { throw HTTPFailure(description: "run it under deploy/local/with-stack") }
        self.url = url
        self.port = port
        self.runDirectory = runDirectory
        self.isQuick = isQuick
    }

    // MARK: Inputs

    /// Five names: the smallest mandate that is one.
    static let tinyRequest =
        #"{"portfolio_id":"bench-5","optimization_type":"mean_variance","#
        + #""objective":"minimize_risk","constraints":{"max_position_size":0.5}}"#

    /// The service document's own request, whose answer has some 8 KB.
    static let seedRequest =
        #"{"portfolio_id":"port-123456","optimization_type":"mean_variance","#
        + #""objective":"maximize_sharpe","constraints":{"max_position_size":0.05,"min_position_size":0.01,"#
        + #""max_sector_exposure":0.3,"max_asset_class_exposure":0.6,"max_turnover":0.2,"target_volatility":0.15},"#
        + #""preferences":{"include_transaction_costs":true}}"#

    /// Puts the portfolio of five names beside the demo's inputs.
    func storeInputs() throws {
        let names = ["AAPL", "AMD", "MTUM", "QUAL", "USMV"]
        let listed = names.map { "\"\($0)\"" }.joined(separator: ",")
        let rows = names.indices.map { row in
            let entries = names.indices.map { String($0 == row ? 0.04 + 0.01 * Double(row) : 0.01) }
            return "[\(entries.joined(separator: ","))]"
        }
        let model =
            #"{"as_of":"2025-06-20T00:00:00Z","instruments":[\#(listed)],"periods_per_year":252,"#
            + #""expected_returns":[0.05,0.06,0.07,0.08,0.09],"covariance":[\#(rows.joined(separator: ","))]}"#
        let positions = names.map { #"{"instrument_id":"\#($0)","quantity":100}"# }.joined(separator: ",")
        let portfolio =
            #"{"name":"Five","base_currency":"USD","as_of":"2025-06-20T00:00:00Z","#
            + #""risk_model_id":"bench-5","cash":0,"positions":[\#(positions)]}"#
        for (path, body) in [("/api/v1/risk-models/bench-5", model), ("/api/v1/portfolios/bench-5", portfolio)] {
            let answer = try client.put(path, body)
            guard [200, 201].contains(answer.status) else { throw HTTPFailure(description: answer.text) }
        }
    }

    /// A completed optimization: its id and its answer.
    func completed(_ request: String) throws -> (id: String, body: [UInt8]) {
        let client = client
        let id = try submit(request, client)
        let answer = try client.get("/api/v1/optimizations/\(id)", ["Prefer": "wait=30"])
        guard answer.json["status"] as? String == "completed" else { throw HTTPFailure(description: answer.text) }
        return (id, answer.body)
    }

    /// Submits a request; the optimization's id.
    func submit(_ request: String, _ client: HTTPClient) throws -> String {
        let accepted = try client.post("/api/v1/optimizations", request)
        guard accepted.status == 202, let id = accepted.json["optimization_id"] as? String else {
            throw HTTPFailure(description: "\(accepted.status): \(accepted.text)")
        }
        return id
    }

    /// Submits a request and waits for its answer; the milliseconds from one to the other.
    ///
    /// Throws where it does not complete, or where the weights do not add up.
    func roundTrip(_ request: String) throws -> Double {
        let start = ContinuousClock.now
        let id = try submit(request, client)
        let answer = try client.get("/api/v1/optimizations/\(id)", ["Prefer": "wait=60"])
        let elapsed = ContinuousClock.now - start
        guard answer.json["status"] as? String == "completed",
            let weights = answer.json["target_allocation"] as? [String: Double],
            abs(weights.values.reduce(0, +) - 1) < 1e-9
        else { throw HTTPFailure(description: String(answer.text.prefix(500))) }
        return elapsed.milliseconds
    }

    // MARK: Tools

    /// Requests a second at 32 connections; throws when one was not answered with a success.
    func wrk(_ url: String, seconds: Int, headers: [String] = []) throws -> Double {
        let arguments = ["wrk", "-t1", "-c32", "-d\(seconds)s"] + headers.flatMap { ["-H", $0] } + [url]
        let output = try run(arguments)
        guard !output.contains("Non-2xx"), !output.contains("Socket errors"),
            let rate = Self.number(after: "Requests/sec:", in: output)
        else { throw HTTPFailure(description: output) }
        return rate
    }

    /// Prepared executions of a statement a second at 32 clients, as a function's own role.
    func pgbench(_ statement: String, role: String, seconds: Int) throws -> Double {
        let file = FileManager.default.temporaryDirectory.appending(path: "bench-\(getpid()).sql")
        try statement.write(to: file, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(at: file) }
        let output = try run([
            "pgbench", "-n", "-M", "prepared", "-c", "32", "-j", "2", "-T", String(seconds), "-f", file.path,
            databaseURL(role: role) + "&options=-cportfolio.tenant%3Ddefault",
        ])
        guard let rate = Self.number(after: "tps =", in: output) else { throw HTTPFailure(description: output) }
        return rate
    }

    /// Where a role finds the database.
    func databaseURL(role: String) -> String { "postgresql://\(role)@/portfolio?host=\(runDirectory)/sockets" }

    /// Runs a statement as the database's owner; rows as `a|b` lines.
    func query(_ statement: String) throws -> [String] {
        try run(["psql", "-XAtq", "-d", databaseURL(role: "postgres"), "-c", statement])
            .split(separator: "\n").map(String.init)
    }

    /// Steers the stack's processes: `supervise("stop", "worker:*")`.
    @discardableResult
    func supervise(_ arguments: String...) throws -> String {
        try Command.run(["supervisorctl", "-c", "\(runDirectory)/etc/supervisord.conf"] + arguments).output
    }

    /// Adds a site to the stack's nginx until it is made anew; returns when it answers on its port.
    func addSite(_ name: String, port: Int, _ configuration: String) throws {
        let file = "\(runDirectory)/etc/nginx/sites/\(name).conf"
        try configuration.write(toFile: file, atomically: true, encoding: .utf8)
        try supervise("signal", "HUP", "nginx")
        for _ in 0..<100 {
            if (try? HTTPClient(port: port).get("/")) != nil {
                usleep(1_000_000)  // the workers that were replaced close what they still have
                return
            }
            usleep(50_000)
        }
        throw HTTPFailure(description: "nginx does not listen on port \(port)")
    }

    private func run(_ arguments: [String]) throws -> String {
        let command = try Command.run(arguments)
        guard command.status == 0 else {
            throw HTTPFailure(description: "\(arguments[0]) ended with \(command.status): \(command.output)")
        }
        return command.output
    }

    private static func number(after label: String, in text: String) -> Double? {
        guard let range = text.range(of: label) else { return nil }
        return text[range.upperBound...].split(whereSeparator: { $0 == " " || $0 == "\n" }).first.flatMap { Double($0) }
    }

    /// Measures a thing and what it is compared with in turn, so that what else the machine does meets both alike.
    func compare(
        rounds: Int = 5,
        _ subject: (_ seconds: Int) throws -> Double,
        with reference: (_ seconds: Int) throws -> Double
    ) throws -> (subject: Double, reference: Double, ratios: [Double]) {
        let seconds = isQuick ? 1 : 4
        var measured: [(subject: Double, reference: Double)] = []
        for _ in 0..<(isQuick ? 2 : rounds) {
            let reference = try reference(seconds)
            measured.append((try subject(seconds), reference))
        }
        return (
            median(measured.map(\.subject)), median(measured.map(\.reference)),
            measured.map { $0.subject / $0.reference }
        )
    }
}
