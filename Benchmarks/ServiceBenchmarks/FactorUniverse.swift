import Foundation
import TestSupport

/// A universe of ten thousand names on sixty factors, long only with sector limits and turnover: what a worker takes that
/// has the risk model in memory, and one that has not, and the memory that leaves it with.
struct FactorUniverse: Scenario {
    let name = "factor-universe"
    let summary = "10,000 names on 60 factors, from POST to completed"

    private static let names = 10_000
    private static let factors = 60
    private static let sectors = 11

    func measure(_ site: Site) throws -> [Figure] {
        let client = site.client
        try put(client)
        var cold: [Double] = []
        var warm: [Double] = []
        let rounds = site.isQuick ? 1 : 3
        for round in 0..<rounds {
            // A new version of the risk model is in no worker's memory.
            try putModel(client)
            try putPortfolio(client)
            for objective in ["minimize_risk", "maximize_utility", "maximize_sharpe"] {
                let request =
                    #"{"portfolio_id":"bench-factors","optimization_type":"mean_variance","objective":"\#(objective)","#
                    + #""constraints":{"max_position_size":0.02,"max_sector_exposure":0.15,"max_turnover":0.3},"#
                    + #""preferences":{"risk_aversion":\#(4 + Double(round) / 1024)}}"#
                let milliseconds = try roundTrip(site, client, request)
                if objective == "minimize_risk" { cold.append(milliseconds) } else { warm.append(milliseconds) }
            }
        }
        return [
            Figure(name: "cold, slowest", value: cold.max() ?? 0, unit: "ms", goal: .atMost(3_000), samples: cold),
            Figure(
                name: "warm or cold, slowest",
                value: warm.max() ?? 0,
                unit: "ms",
                goal: .atMost(1_000),
                samples: warm
            ),
            Figure(name: "peak memory of a worker", value: try site.peakMegabytes(), unit: "MB", goal: .atMost(500)),
        ]
    }

    private func roundTrip(_ site: Site, _ client: HTTPClient, _ request: String) throws -> Double {
        let start = ContinuousClock.now
        let id = try site.submit(request, client)
        let answer = try client.get("/api/v1/optimizations/\(id)", ["Prefer": "wait=60"])
        let elapsed = ContinuousClock.now - start
        guard answer.json["status"] as? String == "completed",
            let weights = answer.json["target_allocation"] as? [String: Double],
            abs(weights.values.reduce(0, +) - 1) < 1e-9
        else { throw HTTPFailure(description: String(answer.text.prefix(500))) }
        return elapsed.milliseconds
    }

    // MARK: Inputs

    private static func id(_ index: Int) -> String { "BF\(10_000 + index)" }

    private func put(_ client: HTTPClient) throws {
        var random = SeededGenerator(seed: 60)
        let rows = (0..<Self.names).map { index in
            #"{"instrument_id":"\#(Self.id(index))","price":\#(Int(random.uniform(10...300))),"sector":"S\#(index % Self.sectors)"}"#
        }
        try send(client, "/api/v1/instruments", #"{"instruments":[\#(rows.joined(separator: ","))]}"#)
    }

    /// A market, a factor for each sector, and styles.
    private func putModel(_ client: HTTPClient) throws {
        var random = SeededGenerator(seed: 10_060)
        func list(_ values: [Double]) -> String { "[\(values.map { "\($0)" }.joined(separator: ","))]" }
        var returns: [Double] = []
        var loadings: [String] = []
        var specific: [Double] = []
        for index in 0..<Self.names {
            var row = [1 + 0.25 * random.normal()]
            for sector in 0..<Self.sectors { row.append(index % Self.sectors == sector ? 1 : 0) }
            while row.count < Self.factors { row.append(random.normal()) }
            returns.append(0.03 + 0.04 * row[0] + 0.02 * random.normal())
            loadings.append(list(row))
            let volatility = random.uniform(0.15...0.5)
            specific.append(volatility * volatility)
        }
        let volatilities = (0..<Self.factors).map { $0 == 0 ? 0.16 : $0 <= Self.sectors ? 0.08 : 0.025 }
        let covariance = volatilities.indices.map { f in
            list(volatilities.indices.map { volatilities[f] * volatilities[$0] * (f == $0 ? 1 : 0.02) })
        }
        let names = (0..<Self.names).map { "\"\(Self.id($0))\"" }.joined(separator: ",")
        let factors = (0..<Self.factors).map { "\"F\($0)\"" }.joined(separator: ",")
        try send(
            client,
            "/api/v1/risk-models/bench-factors",
            #"{"as_of":"2025-06-20T00:00:00Z","instruments":[\#(names)],"expected_returns":\#(list(returns)),"#
                + #""factor_model":{"factors":[\#(factors)],"loadings":[\#(loadings.joined(separator: ","))],"#
                + #""factor_covariance":[\#(covariance.joined(separator: ","))],"specific_variance":\#(list(specific))}}"#
        )
    }

    private func putPortfolio(_ client: HTTPClient) throws {
        let positions = stride(from: 0, to: Self.names, by: 25).map { index in
            #"{"instrument_id":"\#(Self.id(index))","quantity":\#(10 + index % 490)}"#
        }
        try send(
            client,
            "/api/v1/portfolios/bench-factors",
            #"{"base_currency":"USD","as_of":"2025-06-20T00:00:00Z","risk_model_id":"bench-factors","#
                + #""positions":[\#(positions.joined(separator: ","))]}"#
        )
    }

    private func send(_ client: HTTPClient, _ path: String, _ body: String) throws {
        let answer = try client.put(path, body)
        guard [200, 201].contains(answer.status) else {
            throw HTTPFailure(description: String(answer.text.prefix(500)))
        }
    }
}
