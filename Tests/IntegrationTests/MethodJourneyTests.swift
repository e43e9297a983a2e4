import Foundation
import TestSupport
import Testing

extension RealParts {
    /// Each kind of optimization through nginx, as a caller meets it.
    @Suite("The journeys of the methods")
    struct MethodJourneyTests {
        let client: HTTPClient

        init() throws { client = try LocalStack.shared.get().client() }

        private func optimize(_ type: String, _ objective: String, _ more: String) throws -> [String: Any] {
            let limits = #""constraints":{"max_position_size":0.2,"max_turnover":0.6}"#
            return try client.optimize(
                """
                {"portfolio_id":"port-123456","optimization_type":"\(type)","objective":"\(objective)",\(limits),\(more)}
                """
            )
        }

        @Test func `a view moves the posterior of Black and Litterman`() throws {
            let result = try optimize(
                "black_litterman",
                "maximize_sharpe",
                #""views":[{"instruments":{"LLY":1,"USMV":-1},"return":0.08,"confidence":0.6}],"#
                    + #""market_weights":{"LLY":0.3,"USMV":0.4,"AMD":0.3}"#
            )
            #expect(result["status"] as? String == "completed", "\(result)")
            let report = try #require(result["black_litterman"] as? [String: Any])
            let prior = try #require(report["prior"] as? [String: Double])
            let posterior = try #require(report["posterior"] as? [String: Double])
            #expect(prior.count == posterior.count && prior["LLY"] != posterior["LLY"])
            #expect((report["view_variances"] as? [Double])?.count == 1)
        }

        @Test func `risk is divided by budgets and along a tree`() throws {
            let parity = try optimize("risk_parity", "risk_budgeting", #""preferences":{}"#)
            #expect(parity["status"] as? String == "completed", "\(parity)")
            let shares = try #require(parity["risk_contributions"] as? [String: Double])
            #expect(abs(shares.values.reduce(0, +) - 1) < 1e-9)
            let tree = try optimize(
                "hierarchical_risk_parity",
                "risk_budgeting",
                #""linkage":"ward","distance_of_distance":true"#
            )
            #expect(tree["status"] as? String == "completed", "\(tree)")
        }

        @Test func `several periods are planned, and the first one's trades recommended`() throws {
            let result = try optimize(
                "multi_period",
                "maximize_utility",
                #""preferences":{"include_transaction_costs":true},"horizon":{"periods":3}"#
            )
            #expect(result["status"] as? String == "completed", "\(result)")
            let path = try #require(result["path"] as? [[String: Any]])
            #expect(path.compactMap { $0["period"] as? Int } == [1, 2, 3])
            let first = try #require(path.first?["weights"] as? [String: Double])
            #expect(first == result["target_allocation"] as? [String: Double])
            #expect(path.allSatisfy { ($0["turnover"] as? Double ?? 1) <= 0.6 + 1e-9 })
            #expect(result["path_objective"] as? Double != nil)
            let unknown = try client.post(
                "/api/v1/optimizations",
                """
                {"portfolio_id":"port-123456","optimization_type":"multi_period","objective":"minimize_risk",
                 "horizon":{"periods":2,"terminal_target":{"XXX":1}}}
                """
            )
            #expect(unknown.status == 422)
        }

        @Test func `what works is listed, and what does not go together is refused with what does`() throws {
            let listed = try client.get("/api/v1/capabilities")
            #expect(listed.status == 200)
            let combinations = try #require(listed.json["combinations"] as? [[String: Any]])
            #expect(combinations.contains { $0["optimization_type"] as? String == "risk_parity" })
            let tag = try #require(listed.headers["etag"] ?? listed.headers["ETag"])
            #expect(try client.get("/api/v1/capabilities", ["If-None-Match": tag]).status == 304)
            let refused = try client.post(
                "/api/v1/optimizations",
                #"{"portfolio_id":"port-123456","optimization_type":"risk_parity","objective":"maximize_sharpe"}"#
            )
            #expect(refused.status == 422 && refused.text.contains("risk_budgeting"))
        }
    }
}
