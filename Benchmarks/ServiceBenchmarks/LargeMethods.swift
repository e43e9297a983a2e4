import Foundation
import TestSupport

/// Methods at the sizes that books have: conditional value-at-risk over many scenarios, risk parity and hierarchical risk
/// parity of many names, from POST to completed, with risk models that were sent as NumPy arrays.
struct LargeMethods: Scenario {
    let name = "large-methods"
    let summary = "CVaR of 500 names x 10,000 scenarios, risk parity of 2,000 names, HRP of 2,000 names x 4,000 days"

    /// What is asked for.
    private struct Task {
        var label: String
        var id: String
        var kind: String
        var names: Int
        var rows: Int
        var request: String
        /// Milliseconds from POST to completed, for a worker that has the model and for one that has to read it.
        var warmLimit: Double?
        var coldLimit: Double?
    }

    private static let tasks = [
        Task(
            label: "CVaR of 500 x 10,000",
            id: "bench-tail",
            kind: "returns",
            names: 500,
            rows: 10_000,
            request: #""optimization_type":"mean_variance","objective":"minimize_risk","risk_measure":"cvar""#,
            coldLimit: 1_000
        ),
        Task(
            label: "risk parity of 2,000",
            id: "bench-parity",
            kind: "covariance",
            names: 2_000,
            rows: 2_000,
            request: #""optimization_type":"risk_parity","objective":"risk_budgeting""#,
            warmLimit: 200
        ),
        Task(
            label: "HRP of 2,000 x 4,000",
            id: "bench-tree",
            kind: "returns",
            names: 2_000,
            rows: 4_000,
            request: #""optimization_type":"hierarchical_risk_parity","objective":"risk_budgeting""#,
            coldLimit: 2_000
        ),
    ]

    func measure(_ site: Site) throws -> [Figure] {
        try Self.storeInstruments(site.client)
        var figures: [Figure] = []
        for task in Self.tasks {
            let times = try Self.times(task, site)
            figures += [
                Figure(
                    name: "\(task.label), model to read",
                    value: median(times.cold),
                    unit: "ms",
                    goal: task.coldLimit.map { .atMost($0) },
                    samples: times.cold
                ),
                Figure(
                    name: "\(task.label), model known",
                    value: median(times.warm),
                    unit: "ms",
                    goal: task.warmLimit.map { .atMost($0) },
                    samples: times.warm
                ),
                Figure(name: "\(task.label), in the solver", value: median(times.solver), unit: "ms"),
                Figure(name: "\(task.label), a worker's CPU time", value: times.processor, unit: "ms"),
            ]
        }
        figures.append(Figure(name: "peak memory of a worker", value: try site.peakMegabytes(), unit: "MB"))
        return figures
    }

    private static func times(
        _ task: Task,
        _ site: Site
    ) throws -> (cold: [Double], warm: [Double], solver: [Double], processor: Double) {
        let client = site.client
        let array = array(task)
        var (cold, warm, solver): ([Double], [Double], [Double]) = ([], [], [])
        var spent = 0.0
        let rounds = site.isQuick ? 1 : 5
        for round in 0..<rounds {
            // A new version of the model is in no worker's memory.
            try storeModel(task, array, client)
            for again in 0..<3 {
                let request =
                    #"{"portfolio_id":"\#(task.id)",\#(task.request),"constraints":{"max_position_size":1},"#
                    + #""preferences":{"risk_free_rate":\#(0.01 + Double(3 * round + again) / 65_536)}}"#
                spent -= try site.workerMilliseconds()
                let start = ContinuousClock.now
                let id = try site.submit(request, client)
                let answer = try client.get("/api/v1/optimizations/\(id)", ["Prefer": "wait=60"])
                let elapsed = (ContinuousClock.now - start).milliseconds
                spent += try site.workerMilliseconds()
                guard answer.json["status"] as? String == "completed",
                    let solution = answer.json["solution"] as? [String: Any]
                else { throw HTTPFailure(description: String(answer.text.prefix(500))) }
                solver.append(solution["solve_ms"] as? Double ?? .nan)
                // Two workers take turns: the third question surely meets one that has read the model.
                if again == 0 { cold.append(elapsed) }
                if again == 2 { warm.append(elapsed) }
            }
        }
        return (cold, warm, solver, spent / Double(3 * rounds))
    }

    // MARK: Inputs

    private static func instrument(_ index: Int) -> String { "L\(index)" }

    private static func storeInstruments(_ client: HTTPClient) throws {
        let rows = (0..<2_000).map { #"{"instrument_id":"\#(instrument($0))","price":\#(20 + $0 % 180)}"# }
        try send(client, "/api/v1/instruments", #"{"instruments":[\#(rows.joined(separator: ","))]}"#)
    }

    private static func storeModel(_ task: Task, _ array: [UInt8], _ client: HTTPClient) throws {
        let names = (0..<task.names).map(instrument)
        let path = "/api/v1/risk-models/\(task.id)?kind=\(task.kind)&periods_per_year=252"
        let headers = ["Content-Type": "application/x-npy", "X-Instruments": names.joined(separator: ",")]
        let answer = try client.send("PUT", path, headers: headers, body: array)
        guard [200, 201].contains(answer.status) else {
            throw HTTPFailure(description: String(answer.text.prefix(500)))
        }
        let positions = names.prefix(50).map { #"{"instrument_id":"\#($0)","quantity":100}"# }
        try send(
            client,
            "/api/v1/portfolios/\(task.id)",
            #"{"base_currency":"USD","as_of":"2025-06-20T00:00:00Z","risk_model_id":"\#(task.id)","#
                + #""positions":[\#(positions.joined(separator: ","))]}"#
        )
    }

    private static func send(_ client: HTTPClient, _ path: String, _ body: String) throws {
        let answer = try client.put(path, body)
        guard [200, 201].contains(answer.status) else {
            throw HTTPFailure(description: String(answer.text.prefix(500)))
        }
    }

    /// What `numpy.save` writes of the task's matrix, in C order: a market, ten sectors, and each name's own.
    private static func array(_ task: Task) -> [UInt8] {
        var random = SeededGenerator(seed: UInt64(task.names + task.rows))
        let n = task.names
        let market = (0..<n).map { _ in random.uniform(0.6...1.4) }
        let own = (0..<n).map { _ in random.uniform(0.006...0.02) }
        var values: [Double] = []
        values.reserveCapacity(task.rows * n)
        if task.kind == "returns" {
            for _ in 0..<task.rows {
                // Now and then a bad day for all.
                let common = (random.uniform(0...1) < 0.03 ? 3 : 1) * 0.009 * random.normal() + 0.0003
                let sectors = (0..<10).map { _ in 0.005 * random.normal() }
                for j in 0..<n { values.append(market[j] * common + sectors[j % 10] + own[j] * random.normal()) }
            }
        } else {
            for i in 0..<n {
                for j in 0..<n {
                    let sector = i % 10 == j % 10 ? 0.0063 : 0
                    let alone = i == j ? 252 * own[i] * own[i] : 0
                    values.append(0.0204 * market[i] * market[j] + sector + alone)
                }
            }
        }
        var header = "{'descr': '<f8', 'fortran_order': False, 'shape': (\(task.rows), \(n)), }"
        while (10 + header.utf8.count + 1) % 64 != 0 { header += " " }
        header += "\n"
        let length = header.utf8.count
        var bytes: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(length % 256), UInt8(length / 256)]
        bytes += Array(header.utf8)
        values.withUnsafeBytes { bytes += $0 }
        return bytes
    }
}
