import Foundation
import TestSupport

/// From asking for a frontier to holding it: new ones with the risk model in memory, and the same one again against the
/// read of what is stored.
struct Frontiers: Scenario {
    let name = "frontier"
    let summary = "GET of an efficient frontier until it is there: 225 names × 20 points, 500 × 100; the same one again"

    func measure(_ site: Site) throws -> [Figure] {
        var figures: [Figure] = []
        for (names, points, limit) in [(225, 20, 15.0), (500, 100, 60.0)] {
            let path = try Self.store(names, on: site)
            let times = try Self.times(path, points, site)
            let label = "\(names) names × \(points) points"
            figures += [
                Figure(name: "\(label), p50", value: median(times.whole), unit: "ms", goal: .atMost(limit)),
                Figure(name: "\(label), p95", value: percentile(0.95, of: times.whole), unit: "ms"),
                Figure(name: "\(label), in the solver", value: median(times.solver), unit: "ms"),
                Figure(name: "\(label), answer", value: Double(times.bytes), unit: "bytes"),
            ]
        }
        return figures + (try Self.repeated(site))
    }

    /// Times questions that are new to the service: their risk-free rate was in none before.
    ///
    /// The first ones warm both workers.
    private static func times(
        _ path: String,
        _ points: Int,
        _ site: Site
    ) throws -> (whole: [Double], solver: [Double], bytes: Int) {
        let client = site.client
        let (warming, measured) = (20, site.isQuick ? 40 : 200)
        var (whole, solver, bytes): ([Double], [Double], Int) = ([], [], 0)
        for question in 0..<(warming + measured) {
            let rate = 0.001 + Double(question) * 1e-7
            let start = ContinuousClock.now
            let answer = try client.get("\(path)?points=\(points)&max_position_size=0.1&risk_free_rate=\(rate)")
            let elapsed = (ContinuousClock.now - start).milliseconds
            let curve = answer.json["efficient_frontier"] as? [Any]
            guard answer.status == 200, curve?.count == points else { throw HTTPFailure(description: answer.text) }
            guard question >= warming else { continue }
            whole.append(elapsed)
            bytes = answer.body.count
            if let solution = answer.json["solution"] as? [String: Any] {
                solver.append(solution["solve_ms"] as? Double ?? .nan)
            }
        }
        return (whole, solver, bytes)
    }

    /// The same question again finds the stored answer; beside it the same bytes read by their identifier, past the cache.
    private static func repeated(_ site: Site) throws -> [Figure] {
        let path = "/api/v1/portfolios/port-123456/efficient-frontier?points=10"
        let answer = try site.client.get(path)
        guard answer.status == 200, let id = answer.json["frontier_id"] as? String else {
            throw HTTPFailure(description: answer.text)
        }
        let stored = "\(site.url)/api/v1/efficient-frontiers/\(id)"
        let rates = try site.compare(
            { try site.wrk(site.url + path, seconds: $0) },
            with: { try site.wrk(stored, seconds: $0, headers: ["Cache-Control: no-cache"]) }
        )
        return [
            Figure(name: "the same again, answer", value: Double(answer.body.count), unit: "bytes"),
            Figure(name: "the same again, 32 connections", value: rates.subject, unit: "/s"),
            Figure(name: "read by identifier, 32 connections", value: rates.reference, unit: "/s"),
            Figure(name: "ratio", value: median(rates.ratios), unit: "", goal: .atLeast(0.5), samples: rates.ratios),
        ]
    }

    /// Puts a mandate of so many names on the covariance of a market, five styles and each name's own; the path of its
    /// frontier.
    private static func store(_ count: Int, on site: Site) throws -> String {
        var random = SeededGenerator(seed: UInt64(count))
        let id = "bench-frontier-\(count)"
        let names = (0..<count).map { "N\($0)" }
        let exposures = names.map { _ in
            [0.16 * random.uniform(0.6...1.4)] + (0..<5).map { _ in 0.03 * random.normal() }
        }
        let own = names.map { _ in random.uniform(0.02...0.1) }
        let covariance = names.indices.map { i in
            names.indices.map { j in zip(exposures[i], exposures[j]).reduce(i == j ? own[i] : 0) { $0 + $1.0 * $1.1 } }
        }
        let bodies: [(String, [String: Any])] = [
            ("/api/v1/instruments", ["instruments": names.map { ["instrument_id": $0, "price": 20.0] }]),
            (
                "/api/v1/risk-models/\(id)",
                [
                    "as_of": "2025-06-20T00:00:00Z", "instruments": names, "periods_per_year": 252,
                    "expected_returns": names.map { _ in random.uniform(0.02...0.14) }, "covariance": covariance,
                ]
            ),
            (
                "/api/v1/portfolios/\(id)",
                [
                    "base_currency": "USD", "as_of": "2025-06-20T00:00:00Z", "risk_model_id": id,
                    "positions": names.prefix(50).map { ["instrument_id": $0, "quantity": 100] },
                ]
            ),
        ]
        for (path, body) in bodies {
            let text = String(decoding: try JSONSerialization.data(withJSONObject: body), as: UTF8.self)
            let answer = try site.client.put(path, text)
            guard [200, 201].contains(answer.status) else { throw HTTPFailure(description: answer.text) }
        }
        return "/api/v1/portfolios/\(id)/efficient-frontier"
    }
}
