import Foundation
import TestSupport
import Testing

extension RealParts {
    /// Factor exposures and mandates on factors, through nginx and to PostgreSQL.
    @Suite("Factors, end to end")
    struct FactorExposureTests {
        let client: HTTPClient

        init() throws { client = try LocalStack.shared.get().client() }

        private func put(_ path: String, _ body: String) throws {
            let headers = ["Content-Type": "application/json"]
            let answer = try client.send("PUT", path, headers: headers, body: Array(body.utf8))
            guard (200..<300).contains(answer.status) else {
                throw HTTPFailure(description: "\(path): \(answer.status) \(answer.text)")
            }
        }

        /// Three instruments on two factors, worked by hand: B = (1 0; 1 2; 0.5 −1), F = diag(0.04, 0.01).
        private func putInputs(_ id: String) throws {
            try put(
                "/api/v1/instruments",
                #"{"instruments":[{"instrument_id":"FAC-A","price":10,"sector":"X"},"#
                    + #"{"instrument_id":"FAC-B","price":50,"sector":"Y"},{"instrument_id":"FAC-C","price":20}]}"#
            )
            try put(
                "/api/v1/risk-models/\(id)",
                #"{"as_of":"2025-06-20T00:00:00Z","instruments":["FAC-A","FAC-B","FAC-C"],"#
                    + #""expected_returns":[0.05,0.1,0.03],"factor_model":{"factors":["MKT","SIZE"],"#
                    + #""loadings":[[1,0],[1,2],[0.5,-1]],"factor_covariance":[[0.04,0],[0,0.01]],"#
                    + #""specific_variance":[0.02,0.06,0.01]}}"#
            )
            try put(
                "/api/v1/portfolios/\(id)",
                #"{"base_currency":"USD","as_of":"2025-06-20T00:00:00Z","risk_model_id":"\#(id)","#
                    + #""positions":[{"instrument_id":"FAC-A","quantity":5},{"instrument_id":"FAC-B","quantity":1}],"#
                    + #""benchmark":{"FAC-A":1}}"#
            )
        }

        @Test func `exposures and attribution come out as worked by hand, and are stored`() throws {
            let id = "factors-\(UUID().uuidString.prefix(8).lowercased())"
            try putInputs(id)
            let answer = try client.get("/api/v1/portfolios/\(id)/factor-exposures")
            #expect(answer.status == 200, "\(answer.text)")
            let exposures = try #require(answer.json["exposures"] as? [[String: Any]])
            #expect(exposures.compactMap { $0["factor"] as? String } == ["MKT", "SIZE"])
            #expect(exposures.compactMap { $0["exposure"] as? Double } == [1, 1])
            #expect(exposures.compactMap { $0["active_exposure"] as? Double } == [0, 1])
            let parts = try #require(answer.json["attribution"] as? [[String: Any]])
            let contributions = parts.compactMap { $0["contribution"] as? Double }
            for (contribution, variance) in zip(contributions, [0.04, 0.01, 0.02]) {
                #expect(abs(contribution - variance / 0.07.squareRoot()) < 1e-14)
            }
            let analysis = try #require(answer.json["analysis_id"] as? String)
            #expect(try client.get("/api/v1/factor-analyses/\(analysis)").text == answer.text)
            let again = try client.get("/api/v1/portfolios/\(id)/factor-exposures")
            #expect(again.json["analysis_id"] as? String == analysis, "the same inputs give the stored one")
            let named = try client.get("/api/v1/portfolios/\(id)/factor-exposures?factors=SIZE")
            let rows = named.json["attribution"] as? [[String: Any]] ?? []
            #expect(rows.compactMap { $0["factor"] as? String } == ["SIZE", "other", "specific"])
            let chart = try client.get("/api/v1/factor-analyses/\(analysis)?format=svg")
            #expect(chart.headers["content-type"]?.hasPrefix("image/svg+xml") == true)
            #expect(chart.text.contains("SIZE, active: 1.00"))
            #expect(try client.get("/api/v1/factor-analyses/\(analysis)?part=attribution").text.contains("specific,"))
        }

        @Test func `an unknown factor, and a portfolio without factors, are problems with a reason`() throws {
            let id = "factors-\(UUID().uuidString.prefix(8).lowercased())"
            try putInputs(id)
            let unknown = try client.get("/api/v1/portfolios/\(id)/factor-exposures?factors=VALUE")
            #expect(unknown.status == 422, "\(unknown.text)")
            #expect(unknown.json["type"] as? String == "/problems/unknown_factor")
            let none = try client.get("/api/v1/portfolios/port-123456/factor-exposures")
            #expect(none.status == 422 && none.json["type"] as? String == "/problems/missing_factors", "\(none.text)")
            #expect(try client.get("/api/v1/portfolios/nobody/factor-exposures").status == 404)
        }

        @Test func `a mandate on factors keeps its limits and names the one that binds`() throws {
            let id = "factors-\(UUID().uuidString.prefix(8).lowercased())"
            try putInputs(id)
            func request(_ limits: String) -> String {
                #"{"portfolio_id":"\#(id)","optimization_type":"factor_based","objective":"maximize_return","#
                    + #""constraints":{"factor_exposures":\#(limits)}}"#
            }
            let result = try client.optimize(request(#"{"SIZE":{"min":0,"max":0.5}}"#))
            #expect(result["status"] as? String == "completed", "\(result)")
            let target = try #require(result["target_allocation"] as? [String: Double])
            let size = 2 * (target["FAC-B"] ?? 0) - (target["FAC-C"] ?? 0)
            #expect(abs(size - 0.5) <= 1e-8)
            let binding = result["binding_constraints"] as? [[String: Any]] ?? []
            #expect(binding.contains { $0["constraint"] as? String == "/factor_exposures/SIZE/max" })
            let clash = try client.optimize(request(#"{"SIZE":{"min":3}}"#))
            #expect(clash["status"] as? String == "failed")
            let conflicts = (clash["error"] as? [String: Any])?["conflicts"] as? [[String: Any]] ?? []
            #expect(conflicts.compactMap { $0["constraint"] as? String } == ["/factor_exposures/SIZE/min"])
            #expect(abs((conflicts.first?["nearest_feasible"] as? Double ?? 0) - 2) < 1e-6)
        }
    }
}
