import Foundation
import TestSupport
import Testing

extension RealParts {
    /// The main job, end to end through nginx, as a caller meets it.
    @Suite("An optimization's journey")
    struct OptimizationJourneyTests {
        let stack: LocalStack
        let client: HTTPClient

        init() throws {
            stack = try LocalStack.shared.get()
            client = stack.client()
        }

        /// The service document's request, word for word.
        static let seedRequest = """
            {"portfolio_id": "port-123456", "optimization_type": "mean_variance", "objective": "maximize_sharpe",
             "risk_measure": "volatility",
             "constraints": {"max_position_size": 0.05, "min_position_size": 0.01, "max_sector_exposure": 0.30,
               "max_asset_class_exposure": 0.60, "max_turnover": 0.20, "target_volatility": 0.15},
             "preferences": {"risk_aversion": 4.0, "include_transaction_costs": true, "consider_tax_implications": true}}
            """

        @Test func `the service document's own request completes and keeps its limits`() throws {
            let result = try client.optimize(Self.seedRequest)
            #expect(result["status"] as? String == "completed", "\(result)")

            let target = try #require(result["target_allocation"] as? [String: Double])
            let current = try #require(result["current_allocation"] as? [String: Double])
            #expect(abs(target.values.reduce(0, +) - 1) < 1e-9)
            #expect(abs(current.values.reduce(0, +) - 1) < 1e-9)
            let funds: Set = ["MTUM", "QUAL", "SIZE", "USMV", "VLUE"]
            for (name, weight) in target where name != "cash" {
                let cap = name == "USMV" ? 0.40 : funds.contains(name) ? 0.25 : 0.05
                #expect(weight >= 0.01 - 1e-7 && weight <= cap + 1e-7, "\(name) \(weight)")
            }
            let names = Set(target.keys).union(current.keys)
            let turnover = names.reduce(0) { $0 + abs((target[$1] ?? 0) - (current[$1] ?? 0)) } / 2
            #expect(turnover <= 0.20 + 1e-7)
            #expect(target.filter { funds.contains($0.key) }.values.reduce(0, +) <= 0.60 + 1e-7)

            let metrics = try #require(result["metrics"] as? [String: Any])
            #expect(abs((metrics["turnover"] as? Double ?? .nan) - turnover) < 1e-9)
            #expect((metrics["expected_volatility"] as? Double ?? .nan) <= 0.15 + 1e-7)
            #expect(metrics["information_ratio"] != nil && metrics["max_drawdown"] != nil)
            let trades = try #require(result["trades"] as? [[String: Any]])
            #expect(!trades.isEmpty)
            #expect(trades.enumerated().allSatisfy { $0.element["priority"] as? Int == $0.offset + 1 })
            for trade in trades {
                let quantity = try #require(trade["quantity"] as? Double)
                #expect(quantity > 0 && quantity == quantity.rounded())
            }
            let warnings = try #require(result["warnings"] as? [[String: Any]])
            #expect(!warnings.contains { $0["code"] as? String == "tax_not_in_objective" })
            #expect(!(result["binding_constraints"] as? [Any] ?? []).isEmpty)
            #expect((result["result_hash"] as? String)?.isEmpty == false)
        }

        @Test func `the same request gives the same bytes but for identifiers and times`() throws {
            let first = try client.optimize(Self.seedRequest)
            let second = try client.optimize(Self.seedRequest)
            #expect(first["result_hash"] as? String == second["result_hash"] as? String)
            #expect(first["optimization_id"] as? String != second["optimization_id"] as? String)
        }

        @Test func `a completed answer has a strong entity tag and is not sent again`() throws {
            let accepted = try client.post("/api/v1/optimizations", Self.seedRequest)
            let id = try #require(accepted.json["optimization_id"] as? String)
            #expect(accepted.headers["location"]?.hasSuffix("/api/v1/optimizations/\(id)") == true)
            #expect(accepted.headers["retry-after"] != nil)
            #expect(id.wholeMatch(of: /opt-[0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{26}/) != nil, "\(id)")
            _ = try client.result(of: id)

            let path = "/api/v1/optimizations/\(id)"
            let answer = try client.get(path)
            let tag = try #require(answer.headers["etag"])
            #expect(try client.get(path, ["If-None-Match": tag]).status == 304)
            #expect(try client.get(path, ["If-None-Match": "\"another\""]).status == 200)
            let head = try client.send("HEAD", path)
            #expect(head.status == 200 && head.headers["etag"] == tag)
            #expect(answer.headers["x-request-id"] != nil)
        }

        @Test func `an impossible mandate fails with the limits that clash`() throws {
            let result = try client.optimize(
                """
                {"portfolio_id":"port-123456","optimization_type":"mean_variance","objective":"minimize_risk",
                 "constraints":{"max_position_size":0.03,"max_turnover":1,"max_cash":0,
                   "max_weights":{"MTUM":0.03,"QUAL":0.03,"SIZE":0.03,"USMV":0.03,"VLUE":0.03}}}
                """
            )
            #expect(result["status"] as? String == "failed")
            let error = try #require(result["error"] as? [String: Any])
            #expect(error["code"] as? String == "infeasible")
            let conflicts = try #require(error["conflicts"] as? [[String: Any]])
            #expect(conflicts.contains { $0["constraint"] as? String == "/max_position_size" }, "\(error)")
        }

        @Test func `cancelling ends what has not ended and refuses what has`() throws {
            let done = try client.optimize(Self.seedRequest)
            let id = try #require(done["optimization_id"] as? String)
            #expect(try client.post("/api/v1/optimizations/\(id)/cancel").status == 409)
            #expect(try client.post("/api/v1/optimizations/opt-00000000000000000000000000/cancel").status == 404)

            let accepted = try client.post("/api/v1/optimizations", Self.seedRequest)
            let other = try #require(accepted.json["optimization_id"] as? String)
            let cancelled = try client.post("/api/v1/optimizations/\(other)/cancel")
            let state = try client.result(of: other)["status"] as? String
            if cancelled.status == 202 {
                #expect(state == "cancelled")
                #expect(try client.post("/api/v1/optimizations/\(other)/cancel").status == 202)
            } else {
                #expect(cancelled.status == 409 && state == "completed")
            }
        }

        @Test func `inputs come back as they were put, with a new version each time`() throws {
            let instruments = """
                {"instruments":[{"instrument_id":"IT-A","price":10,"sector":"One"},{"instrument_id":"IT-B","price":20}]}
                """
            #expect(try client.put("/api/v1/instruments", instruments).json["upserted"] as? Int == 2)
            let model = """
                {"as_of":"2025-06-20T00:00:00Z","instruments":["IT-A","IT-B"],"periods_per_year":252,
                 "expected_returns":[0.08,0.03],"covariance":[[0.04,0.002],[0.002,0.0025]]}
                """
            let first = try client.put("/api/v1/risk-models/it-model", model)
            #expect(first.status == 201 || first.status == 200)
            #expect(try client.put("/api/v1/risk-models/it-model", model).status == 200)
            let stored = try client.get("/api/v1/risk-models/it-model?include=matrices").json
            #expect(stored["covariance"] as? [[Double]] == [[0.04, 0.002], [0.002, 0.0025]])
            #expect(try client.get("/api/v1/risk-models/it-model").json["covariance"] == nil)

            let portfolio = """
                {"name":"IT","base_currency":"USD","as_of":"2025-06-20T00:00:00Z","risk_model_id":"it-model","cash":100,
                 "positions":[{"instrument_id":"IT-A","quantity":10}]}
                """
            #expect([200, 201].contains(try client.put("/api/v1/portfolios/it-book", portfolio).status))
            #expect(try client.get("/api/v1/portfolios/it-book").json["cash"] as? Double == 100)

            let result = try client.optimize(
                """
                {"portfolio_id":"it-book","optimization_type":"mean_variance","objective":"minimize_risk",
                 "constraints":{"max_turnover":0}}
                """
            )
            #expect(result["status"] as? String == "failed", "no trading cannot invest the cash: \(result)")
            let invested = try client.optimize(
                """
                {"portfolio_id":"it-book","optimization_type":"mean_variance","objective":"minimize_risk",
                 "constraints":{"max_turnover":0,"max_cash":1}}
                """
            )
            #expect(invested["target_allocation"] as? [String: Double] == ["IT-A": 0.5, "cash": 0.5])
            #expect((invested["trades"] as? [Any])?.isEmpty == true)
        }

        @Test func `the minimum-risk portfolio of two uncorrelated instruments is the textbook's`() throws {
            _ = try client.put(
                "/api/v1/instruments",
                #"{"instruments":[{"instrument_id":"TB-A","price":10,"lot_size":null},{"instrument_id":"TB-B","price":10}]}"#
            )
            _ = try client.put(
                "/api/v1/risk-models/tb",
                """
                {"as_of":"2025-06-20T00:00:00Z","instruments":["TB-A","TB-B"],"expected_returns":[0.1,0.05],
                 "covariance":[[0.04,0],[0,0.01]]}
                """
            )
            _ = try client.put(
                "/api/v1/portfolios/tb",
                """
                {"base_currency":"USD","as_of":"2025-06-20T00:00:00Z","risk_model_id":"tb","cash":1000,"positions":[]}
                """
            )
            let result = try client.optimize(
                #"{"portfolio_id":"tb","optimization_type":"mean_variance","objective":"minimize_risk"}"#
            )
            let target = try #require(result["target_allocation"] as? [String: Double], "\(result)")
            #expect(abs((target["TB-A"] ?? 0) - 0.2) < 1e-9)
            #expect(abs((target["TB-B"] ?? 0) - 0.8) < 1e-9)
        }
    }
}
