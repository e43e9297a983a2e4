import Foundation
import TestSupport
import Testing

/// A trade of a plan as its caller reads it.
private struct PlannedTrade {
    var instrument: String
    var isSale: Bool
    var quantity: Double
    var price: Double
    var cost: Double
    var priority: Int
    var cashAfter: Double
    var reasons: [String: Double]

    init?(_ json: Any?) {
        guard let json = json as? [String: Any], let instrument = json["instrument_id"] as? String,
            let action = json["action"] as? String, let quantity = json["quantity"] as? Double,
            let price = json["price"] as? Double, let cost = json["cost"] as? Double,
            let priority = json["priority"] as? Int, let cash = json["cash_after"] as? Double,
            let reasons = json["reasons"] as? [String: Double]
        else { return nil }
        (self.instrument, isSale, self.quantity, self.price) = (instrument, action == "sell", quantity, price)
        (self.cost, self.priority, cashAfter, self.reasons) = (cost, priority, cash, reasons)
    }
}

extension RealParts {
    /// Rebalance plans, end to end through nginx.
    @Suite("A rebalance's journey", .serialized)
    struct RebalanceJourneyTests {
        let stack: LocalStack
        let client: HTTPClient

        init() throws {
            stack = try LocalStack.shared.get()
            client = stack.client()
        }

        private let demo = "/api/v1/portfolios/port-123456/rebalance"

        /// A portfolio of three instruments with lots, costs and cash, under a name of its own.
        private func putInputs() throws -> String {
            let tag = String(UInt32.random(in: 0 ... .max), radix: 36)
            let ids = ["a-\(tag)", "b-\(tag)", "c-\(tag)"]
            let puts = [
                (
                    "/api/v1/instruments",
                    #"{"instruments":["#
                        + ids.enumerated().map { index, id in
                            #"{"instrument_id":"\#(id)","price":\#([50, 20, 125][index]),"lot_size":\#([1, 10, 1][index]),"#
                                + #""cost":{"proportional":0.001,"fixed":1}}"#
                        }.joined(separator: ",") + "]}"
                ),
                (
                    "/api/v1/risk-models/m-\(tag)",
                    #"{"as_of":"2025-06-20T00:00:00Z","instruments":["\#(ids.joined(separator: #"",""#))"],"#
                        + #""expected_returns":[0.07,0.04,0.09],"#
                        + #""covariance":[[0.04,0.01,0.012],[0.01,0.0225,0.004],[0.012,0.004,0.09]]}"#
                ),
                (
                    "/api/v1/portfolios/p-\(tag)",
                    #"{"base_currency":"USD","as_of":"2025-06-20T00:00:00Z","risk_model_id":"m-\#(tag)","cash":500,"#
                        + #""preferences":{"short_term_tax_rate":0.3,"long_term_tax_rate":0.15},"#
                        + #""positions":[{"instrument_id":"\#(ids[0])","quantity":1200,"tax_lots":["#
                        + #"{"quantity":700,"cost_basis":30,"acquired_at":"2022-01-10"},"#
                        + #"{"quantity":500,"cost_basis":55,"acquired_at":"2025-01-10"}]},"#
                        + #"{"instrument_id":"\#(ids[1])","quantity":805}]}"#
                ),
            ]
            for (path, body) in puts {
                let answer = try client.put(path, body)
                guard answer.status < 300 else { throw HTTPFailure(description: "\(path): \(answer.text)") }
            }
            return tag
        }

        private func plan(_ path: String, _ body: String) throws -> [String: Any] {
            let answer = try client.post(path, body)
            guard answer.status == 200 else { throw HTTPFailure(description: "\(answer.status): \(answer.text)") }
            return answer.json
        }

        @Test func `a plan replays to its target without ever overdrawing cash`() throws {
            let tag = try putInputs()
            let body =
                #"{"target_type":"custom","target_allocation":{"a-\#(tag)":0.3,"b-\#(tag)":0.3,"c-\#(tag)":0.4},"#
                + #""constraints":{"max_cash":0.1,"max_turnover":0.5,"min_trade_size":1000}}"#
            let json = try plan("/api/v1/portfolios/p-\(tag)/rebalance", body)
            let trades = (json["trades"] as? [Any] ?? []).compactMap(PlannedTrade.init)
            try #require(trades.count >= 2 && trades.map(\.priority) == Array(1...trades.count))
            var units = ["a-\(tag)": 1200.0, "b-\(tag)": 805.0, "c-\(tag)": 0.0]
            var cash = 500.0
            var costs = 0.0
            for trade in trades {
                let value = trade.quantity * trade.price
                #expect(value >= 1000)
                #expect(abs(trade.cost - (0.001 * value + 1)) < 1e-9)
                units[trade.instrument, default: 0] += trade.isSale ? -trade.quantity : trade.quantity
                cash += (trade.isSale ? value : -value) - trade.cost
                costs += trade.cost
                #expect(cash >= 0 && abs(cash - trade.cashAfter) < 1e-6)
                let parts = ["return", "risk", "cost", "tax", "constraints"].compactMap { trade.reasons[$0] }
                // Foundation reads a number to its last bit but one.
                #expect(abs(parts.reduce(0, +) - (trade.reasons["total"] ?? .nan)) < 1e-15)
            }
            let worth = 1200.0 * 50 + 805 * 20 + 500
            let target = json["target_allocation"] as? [String: Double] ?? [:]
            for (id, price) in [("a-\(tag)", 50.0), ("b-\(tag)", 20), ("c-\(tag)", 125)] {
                #expect(abs((target[id] ?? 0) - (units[id] ?? 0) * price / worth) < 1e-12)
            }
            #expect(abs((target["cash"] ?? 0) - cash / worth) < 1e-12)
            let metrics = json["metrics"] as? [String: Any] ?? [:]
            #expect(abs((metrics["transaction_costs"] as? Double ?? -1) - costs) < 1e-9)
            #expect((metrics["turnover"] as? Double ?? 1) <= 0.5 + 1e-7)
            #expect(metrics["expected_improvement"] is [String: Any])
        }

        @Test func `a stored plan is the answer, and an equal request finds it`() throws {
            let tag = try putInputs()
            let path = "/api/v1/portfolios/p-\(tag)/rebalance"
            let first = try client.post(path, #"{"target_type":"min_risk","constraints":{"max_cash":0.1}}"#)
            try #require(first.status == 200, "\(first.text)")
            let id = try #require(first.json["rebalance_id"] as? String)
            #expect(id.hasPrefix("reb-"))
            #expect(try client.get("/api/v1/rebalances/\(id)").text == first.text)
            let again = try client.post(path, #"{"constraints":{"max_cash":0.10},"target_type":"min_risk"}"#)
            #expect(again.json["rebalance_id"] as? String == id)
            #expect(
                try stack.query("SELECT target_type FROM queries.rebalance_plans WHERE rebalance_id = '\(id)'")
                    == ["min_risk"]
            )

            let csv = try client.get("/api/v1/rebalances/\(id)?format=csv").text
            #expect(csv.hasPrefix("priority,action,instrument_id,quantity,price,estimated_value"))
            #expect(csv.split(separator: "\r\n").count == 1 + (first.json["trades"] as? [Any] ?? []).count)
            let svg = try client.get("/api/v1/rebalances/\(id)", ["Accept": "image/svg+xml"])
            #expect(svg.headers["content-type"] == "image/svg+xml" && svg.text.hasPrefix("<svg"))
        }

        @Test func `a plan aims at what a completed optimization recommends`() throws {
            let tag = try putInputs()
            let submitted = try client.post(
                "/api/v1/optimizations",
                #"{"portfolio_id":"p-\#(tag)","optimization_type":"mean_variance","objective":"minimize_risk"}"#
            )
            let id = try #require(submitted.json["optimization_id"] as? String)
            let optimization = try client.get("/api/v1/optimizations/\(id)", ["Prefer": "wait=30"]).json
            let result = try #require(optimization["target_allocation"] as? [String: Double])
            let path = "/api/v1/portfolios/p-\(tag)/rebalance"
            let json = try plan(path, #"{"target_type":"optimal","optimization_id":"\#(id)"}"#)
            #expect(json["desired_allocation"] as? [String: Double] == result)

            let unknown = try client.post(path, #"{"target_type":"optimal","optimization_id":"opt-none"}"#)
            #expect(unknown.status == 422 && unknown.text.contains("/optimization_id"))
        }

        @Test func `taxes in mind never cost more tax, and the lots sold are listed`() throws {
            let tag = try putInputs()
            func tax(_ consider: Bool) throws -> Double {
                let body =
                    #"{"target_type":"equal_weight","constraints":{"max_cash":1,"consider_tax_implications":\#(consider)}}"#
                let json = try plan("/api/v1/portfolios/p-\(tag)/rebalance", body)
                let trades = json["trades"] as? [[String: Any]] ?? []
                for trade in trades where trade["instrument_id"] as? String == "a-\(tag)" {
                    let lots = trade["tax_lots"] as? [[String: Any]] ?? []
                    let sold = lots.compactMap { $0["quantity"] as? Double }.reduce(0, +)
                    #expect(sold == trade["quantity"] as? Double)
                }
                return (json["metrics"] as? [String: Any])?["tax_implications"] as? Double ?? .nan
            }
            #expect(try tax(true) <= tax(false))
        }

        @Test func `limits that clash are told with the values that would do`() throws {
            let tag = try putInputs()
            let answer = try client.post(
                "/api/v1/portfolios/p-\(tag)/rebalance",
                #"{"target_type":"equal_weight","constraints":{"max_position_size":0.2}}"#
            )
            #expect(answer.status == 422)
            #expect(answer.text.contains("infeasible") && answer.text.contains("/max_position_size"))
        }

        @Test func `the service document's request gives its answer's fields for the demo portfolio`() throws {
            let json = try plan(
                demo,
                #"{"target_type":"optimal","constraints":{"max_turnover":0.15,"min_trade_size":1000.00,"max_trades":10,"#
                    + #""consider_tax_implications":true}}"#
            )
            let fields = ["portfolio_id", "rebalance_id", "created_at", "current_allocation", "target_allocation"]
            for field in fields + ["desired_allocation", "trades", "metrics", "constraints", "solution", "result_hash"]
            {
                #expect(json[field] != nil, "\(field)")
            }
            #expect((json["trades"] as? [Any] ?? []).count <= 10)
            let metrics = json["metrics"] as? [String: Any] ?? [:]
            for field in ["turnover", "expected_improvement", "transaction_costs", "tax_implications"] {
                #expect(metrics[field] != nil, "\(field)")
            }
        }
    }
}
