import Foundation
import TestSupport

/// Instruments in sectors with a factor model, of which every twenty-fifth is held: inputs for large mandates.
struct FactorBook {
    /// The identifier of the portfolio and of the risk model.
    var id: String
    var names: Int
    /// A market, a factor for each sector, and styles.
    var factors: Int

    private static let sectors = 11

    /// What an instrument is called.
    private func name(_ index: Int) -> String { "BF\(10_000 + index)" }

    func putInstruments(_ client: HTTPClient) throws {
        var random = SeededGenerator(seed: 60)
        let rows = (0..<names).map { index in
            #"{"instrument_id":"\#(name(index))","price":\#(Int(random.uniform(10...300))),"sector":"S\#(index % Self.sectors)"}"#
        }
        try send(client, "/api/v1/instruments", #"{"instruments":[\#(rows.joined(separator: ","))]}"#)
    }

    /// A market, a factor for each sector, and styles.
    func putModel(_ client: HTTPClient) throws {
        var random = SeededGenerator(seed: 10_060)
        func list(_ values: [Double]) -> String { "[\(values.map { "\($0)" }.joined(separator: ","))]" }
        var returns: [Double] = []
        var loadings: [String] = []
        var specific: [Double] = []
        for index in 0..<names {
            var row = [1 + 0.25 * random.normal()]
            for sector in 0..<Self.sectors { row.append(index % Self.sectors == sector ? 1 : 0) }
            while row.count < factors { row.append(random.normal()) }
            returns.append(0.03 + 0.04 * row[0] + 0.02 * random.normal())
            loadings.append(list(row))
            let volatility = random.uniform(0.15...0.5)
            specific.append(volatility * volatility)
        }
        let volatilities = (0..<factors).map { $0 == 0 ? 0.16 : $0 <= Self.sectors ? 0.08 : 0.025 }
        let covariance = volatilities.indices.map { f in
            list(volatilities.indices.map { volatilities[f] * volatilities[$0] * (f == $0 ? 1 : 0.02) })
        }
        let ids = (0..<names).map { "\"\(name($0))\"" }.joined(separator: ",")
        let titles = (0..<factors).map { "\"F\($0)\"" }.joined(separator: ",")
        try send(
            client,
            "/api/v1/risk-models/\(id)",
            #"{"as_of":"2025-06-20T00:00:00Z","instruments":[\#(ids)],"expected_returns":\#(list(returns)),"#
                + #""factor_model":{"factors":[\#(titles)],"loadings":[\#(loadings.joined(separator: ","))],"#
                + #""factor_covariance":[\#(covariance.joined(separator: ","))],"specific_variance":\#(list(specific))}}"#
        )
    }

    func putPortfolio(_ client: HTTPClient) throws {
        let positions = stride(from: 0, to: names, by: 25).map { index in
            #"{"instrument_id":"\#(name(index))","quantity":\#(10 + index % 490)}"#
        }
        try send(
            client,
            "/api/v1/portfolios/\(id)",
            #"{"base_currency":"USD","as_of":"2025-06-20T00:00:00Z","risk_model_id":"\#(id)","#
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
