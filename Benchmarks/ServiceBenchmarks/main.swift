// Times the main job through a running stack: POST an optimization, wait for its end, one client at a time.
//
//   service-benchmarks PORT [REPETITIONS]
//   service-benchmarks queue PORT RUN_DIR      drain and submission of the stack in RUN_DIR, which is emptied
import Foundation
import TestSupport

/// One mandate to time, and how its answers took.
struct Measurement {
    var name: String
    var body: String

    /// Milliseconds from sending the POST to holding the completed answer, sorted.
    func run(client: HTTPClient, repetitions: Int) throws -> [Double] {
        var times: [Double] = []
        for repetition in 0..<(repetitions + 10) {
            let start = ContinuousClock.now
            let accepted = try client.post("/api/v1/optimizations", body)
            guard accepted.status == 202, let id = accepted.json["optimization_id"] as? String else {
                throw HTTPFailure(description: accepted.text)
            }
            let answer = try client.get("/api/v1/optimizations/\(id)", ["Prefer": "wait=30"])
            let elapsed = ContinuousClock.now - start
            guard answer.json["status"] as? String == "completed" else { throw HTTPFailure(description: answer.text) }
            // The first ten warm the worker's cache and the connections.
            if repetition >= 10 { times.append(Double(elapsed.components.attoseconds) / 1e15) }
        }
        return times.sorted()
    }
}

let arguments = CommandLine.arguments
if arguments.count == 4, arguments[1] == "queue", let port = Int(arguments[2]) {
    let bench = QueueBench(port: port, runDirectory: arguments[3])
    print(try measureSubmitRate(bench).line)
    for distinct in [true, false] { print(try measureQueueDrain(bench, distinct: distinct).line) }
    exit(0)
}
guard arguments.count >= 2, let port = Int(arguments[1]) else {
    print("usage: service-benchmarks PORT [REPETITIONS]")
    exit(2)
}
let repetitions = arguments.count > 2 ? Int(arguments[2]) ?? 200 : 200
let limits = #""max_position_size":0.25,"max_sector_exposure":0.4,"max_turnover":0.3"#
let measurements = [
    Measurement(
        name: "25 names, maximize_sharpe, position, sector and turnover limits",
        body: #"{"portfolio_id":"port-123456","optimization_type":"mean_variance","objective":"maximize_sharpe","#
            + #""constraints":{\#(limits)}}"#
    ),
    Measurement(
        name: "25 names, minimize_risk, position limits",
        body: #"{"portfolio_id":"port-123456","optimization_type":"mean_variance","objective":"minimize_risk","#
            + #""constraints":{"max_position_size":0.25}}"#
    ),
    Measurement(
        name: "25 names, the service document's request (buy-in threshold, costs)",
        body: #"{"portfolio_id":"port-123456","optimization_type":"mean_variance","objective":"maximize_sharpe","#
            + #""constraints":{"max_position_size":0.05,"min_position_size":0.01,"max_sector_exposure":0.3,"#
            + #""max_asset_class_exposure":0.6,"max_turnover":0.2,"target_volatility":0.15},"#
            + #""preferences":{"include_transaction_costs":true}}"#
    ),
]
let client = HTTPClient(port: port)
for measurement in measurements {
    let times = try measurement.run(client: client, repetitions: repetitions)
    func percentile(_ share: Double) -> String {
        let index = min(times.count - 1, Int(Double(times.count) * share))
        return String(format: "%.1f", times[index])
    }
    print("\(measurement.name): p50 \(percentile(0.5)) ms, p95 \(percentile(0.95)) ms, n \(times.count)")
}
