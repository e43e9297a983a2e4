import Foundation
import TestSupport
import Testing

extension RealParts {
    /// Worst cases, scenarios, terms and non-dominated sets through nginx, as a caller meets them.
    @Suite("The journeys of worst cases, scenarios and terms")
    struct ComposedJourneyTests {
        let client: HTTPClient

        init() throws { client = try LocalStack.shared.get().client() }

        private func optimize(
            _ type: String,
            _ objective: String,
            _ more: String,
            of portfolio: String = "port-123456"
        ) throws -> [String: Any] {
            let result = try client.optimize(
                """
                {"portfolio_id":"\(portfolio)","optimization_type":"\(type)","objective":"\(objective)",\(more)}
                """
            )
            #expect(result["status"] as? String == "completed", "\(result)")
            return result
        }

        private func figure(_ name: String, of result: [String: Any], in member: String = "metrics") throws -> Double {
            try #require((result[member] as? [String: Any])?[name] as? Double)
        }

        @Test func `the larger the uncertainty, the less the worst return, and none leaves the plain problem`() throws {
            let limits = #""constraints":{"max_position_size":0.25}"#
            func robust(_ size: Double) throws -> [String: Any] {
                try optimize(
                    "robust",
                    "maximize_utility",
                    #"\#(limits),"uncertainty":{"kind":"ellipsoidal","size":\#(size)}"#
                )
            }
            let plain = try optimize("mean_variance", "maximize_utility", limits)
            let (none, some) = (try robust(0), try robust(1))
            #expect(none["target_allocation"] as? [String: Double] == plain["target_allocation"] as? [String: Double])
            let worst = try figure("worst_case_return", of: some, in: "robust")
            let estimated = try figure("expected_return", of: some)
            #expect(worst < estimated)
            let certain = try figure("worst_case_return", of: none, in: "robust")
            let expected = try figure("expected_return", of: none)
            #expect(certain == expected && expected >= estimated)
        }

        @Test func `a stress is a limit of its own, and every scenario's outcome is told`() throws {
            let names = ["LLY", "AMD", "USMV"]
            let stress = #"{"name":"2008","probability":0.01,"returns":{"LLY":-0.35,"AMD":-0.6,"USMV":-0.12}}"#
            let calm = #"{"name":"calm","probability":0.99,"returns":{"LLY":0.02,"AMD":0.03,"USMV":0.008}}"#
            let model = try client.get("/api/v1/portfolios/port-123456").json["risk_model_id"] as? String
            let id = "stress-\(UUID().uuidString.prefix(8).lowercased())"
            let stored = try client.put(
                "/api/v1/portfolios/\(id)",
                """
                {"base_currency":"USD","as_of":"2022-12-28T21:00:00Z","risk_model_id":"\(try #require(model))","cash":100000,
                 "positions":[],"universe":["LLY","AMD","USMV"]}
                """
            )
            #expect(stored.status == 201, "\(stored.text)")
            func asked(_ limit: String) throws -> [String: Any] {
                try optimize(
                    "scenario_based",
                    "maximize_return",
                    #""scenarios":[\#(stress),\#(calm)],"constraints":{\#(limit)}"#,
                    of: id
                )
            }
            let free = try asked("")
            let held = try asked(#""max_scenario_losses":{"2008":0.2}"#)
            func loss(_ result: [String: Any]) throws -> Double {
                let told = try #require(result["scenario_outcomes"] as? [String: Any])
                let outcomes = try #require(told["scenarios"] as? [[String: Any]])
                #expect(outcomes.count == 2)
                let stress = outcomes.first { $0["name"] as? String == "2008" }
                return -(try #require(stress?["return"] as? Double))
            }
            #expect(try loss(free) > 0.2)
            #expect(abs(try loss(held) - 0.2) < 1e-7)
            let weights = try #require(held["target_allocation"] as? [String: Double])
            #expect(weights.keys.allSatisfy(names.contains))
            let binding = try #require(held["binding_constraints"] as? [[String: Any]])
            #expect(binding.contains { $0["constraint"] as? String == "/max_scenario_losses/2008" })
        }

        @Test func `terms add up to the objective, and what is not convex is refused at its term`() throws {
            let result = try optimize(
                "custom",
                "custom",
                #""custom_objective":[{"term":"return","weight":1},{"term":"variance","weight":-3},{"term":"entropy","weight":0.01}]"#
            )
            let terms = try #require(result["objective_terms"] as? [[String: Any]])
            let sum = terms.compactMap { $0["contribution"] as? Double }.reduce(0, +)
            let value = try #require(result["objective_value"] as? Double)
            #expect(terms.count == 3 && abs(sum - value) < 1e-12)
            let refused = try client.post(
                "/api/v1/optimizations",
                """
                {"portfolio_id":"port-123456","optimization_type":"custom","objective":"custom",
                 "custom_objective":[{"term":"return","weight":1},{"term":"variance","weight":3}]}
                """
            )
            #expect(refused.status == 422 && refused.text.contains("/custom_objective/1"), "\(refused.text)")
        }

        @Test func `a non-dominated set is a document, a table and a drawing, and more points keep the fewer`() throws {
            func set(_ points: Int) throws -> (id: String, points: [[String: Double]]) {
                let result = try optimize(
                    "mean_variance",
                    "multi_objective",
                    #""objectives":[{"term":"return","weight":1},{"term":"variance","weight":-3}],"pareto_points":\#(points)"#
                )
                let id = try #require(result["optimization_id"] as? String)
                let answer = try client.get("/api/v1/optimizations/\(id)/pareto")
                let listed = try #require(answer.json["points"] as? [[String: Any]])
                return (id, listed.compactMap { $0["objectives"] as? [String: Double] })
            }
            let (few, many) = (try set(4), try set(9))
            #expect(few.points.count == 4 && many.points.count == 9)
            #expect(few.points.allSatisfy(many.points.contains))
            for (a, b) in zip(many.points, many.points.dropFirst()) {
                let returns = (try #require(a["return"]), try #require(b["return"]))
                let variances = (try #require(a["variance"]), try #require(b["variance"]))
                #expect(returns.0 < returns.1 && variances.0 < variances.1, "neither dominates the other")
            }
            let table = try client.get("/api/v1/optimizations/\(few.id)/pareto?format=csv")
            #expect(table.text.hasPrefix("point,return,variance,") && table.text.split(separator: "\r\n").count == 5)
            let drawing = try client.get("/api/v1/optimizations/\(few.id)/pareto", ["Accept": "image/svg+xml"])
            #expect(
                drawing.status == 200 && drawing.text.hasPrefix("<svg")
                    && drawing.text.contains("return (more is better)")
            )
        }
    }
}
