import Foundation
import TestSupport
import Testing

extension RealParts {
    /// Mandates that cannot be met, and results that a stranger checks, as a caller meets them.
    @Suite("An explanation's journey")
    struct ExplanationJourneyTests {
        let stack: LocalStack
        let client: HTTPClient

        init() throws {
            stack = try LocalStack.shared.get()
            client = stack.client()
        }

        /// The service document's request on another portfolio, with some of its limits replaced.
        private func request(_ portfolio: String, _ limits: [String: Double] = [:]) throws -> String {
            let text = OptimizationJourneyTests.seedRequest
            var root = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
            var constraints = try #require(root["constraints"] as? [String: Double])
            constraints.merge(limits) { $1 }
            root["portfolio_id"] = portfolio
            root["constraints"] = constraints
            return String(decoding: try JSONSerialization.data(withJSONObject: root), as: UTF8.self)
        }

        /// Puts the demo's holdings without limits of their own, under a name of its own.
        private func bareDemo(universe: [String]? = nil) throws -> String {
            let file = LocalStack.root.appending(path: "deploy/demo/portfolio.json")
            var root = try #require(
                try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any]
            )
            root["constraints"] = nil
            root["universe"] = universe
            let name = "bare-" + String(UInt32.random(in: 0 ... .max), radix: 36)
            let body = try JSONSerialization.data(withJSONObject: root)
            let answer = try client.put("/api/v1/portfolios/\(name)", String(decoding: body, as: UTF8.self))
            guard answer.status == 201 else { throw HTTPFailure(description: answer.text) }
            return name
        }

        private struct Clash {
            var message: String
            var nearest: [String: Double]
            var repair: [String: Double]
        }

        private func clash(_ answer: [String: Any]) throws -> Clash {
            #expect(answer["status"] as? String == "failed", "\(answer)")
            let error = try #require(answer["error"] as? [String: Any])
            #expect(error["code"] as? String == "infeasible")
            let conflicts = try #require(error["conflicts"] as? [[String: Any]])
            let repair = try #require(error["combined_repair"] as? [[String: Any]])
            var clash = Clash(message: error["message"] as? String ?? "", nearest: [:], repair: [:])
            for conflict in conflicts {
                let name = try #require(conflict["constraint"] as? String).dropFirst()
                clash.nearest[String(name)] = conflict["nearest_feasible"] as? Double
            }
            for limit in repair {
                let name = try #require(limit["constraint"] as? String).dropFirst()
                clash.repair[String(name)] = try #require(limit["repaired"] as? Double)
            }
            return clash
        }

        @Test func `on holdings without limits for the funds, the document's request names cap against turnover`()
            throws
        {
            let portfolio = try bareDemo()
            let open = ["max_asset_class_exposure": 1.0, "target_volatility": 0.3]
            func wanted(_ limits: [String: Double]) throws -> String {
                try request(portfolio, open.merging(limits) { $1 })
            }
            let clash = try clash(try client.optimize(try wanted([:])))
            #expect(clash.message.contains("max_turnover"), "\(clash)")
            #expect(Set(clash.nearest.keys) == ["max_position_size", "max_turnover"], "\(clash)")
            for (name, value) in clash.nearest {
                let repaired = try client.optimize(try wanted([name: value]))
                #expect(repaired["status"] as? String == "completed", "\(name) \(value): \(repaired)")
                let given = name == "max_turnover" ? 0.2 : 0.05
                let less = try client.optimize(try wanted([name: value - 1e-4 * (value - given)]))
                #expect((less["error"] as? [String: Any])?["code"] as? String == "infeasible", "\(name) less")
            }
            let together = try client.optimize(try wanted(clash.repair))
            #expect(together["status"] as? String == "completed", "\(clash.repair): \(together)")
        }

        @Test func `word for word the document's request names cap against class, and one repair of all that clashes`()
            throws
        {
            let portfolio = try bareDemo()
            let answer = try client.optimize(try request(portfolio))
            let conflicts = try #require((answer["error"] as? [String: Any])?["conflicts"] as? [[String: Any]])
            let names = conflicts.compactMap { $0["constraint"] as? String }
            #expect(names == ["/max_position_size", "/max_asset_class_exposure"], "\(answer)")
            let clash = try clash(answer)
            #expect(clash.message.contains("max_asset_class_exposure 0.6 leaves room for 0.85"), "\(clash)")
            #expect(clash.nearest.isEmpty, "neither alone would do: volatility is in the way as well")
            let together = try client.optimize(try request(portfolio, clash.repair))
            #expect(together["status"] as? String == "completed", "\(clash.repair): \(together)")
        }

        @Test func `among too few names the document's request names cap against count`() throws {
            let few = ["AAPL", "BAC", "CVX", "HD", "JNJ", "KO", "LLY", "MSFT"]
            let portfolio = try bareDemo(universe: few)
            let open = ["max_turnover": 1.0, "max_asset_class_exposure": 1.0, "target_volatility": 0.3]
            let clash = try clash(try client.optimize(try request(portfolio, open)))
            #expect(clash.message.contains("8 instruments × 0.05 = 0.4 < the 1 that must be invested"), "\(clash)")
            let cap = try #require(clash.nearest["max_position_size"])
            #expect(abs(cap - 0.125) < 1e-9)
            let repaired = try client.optimize(try request(portfolio, open.merging(clash.repair) { $1 }))
            #expect(repaired["status"] as? String == "completed", "\(clash.repair): \(repaired)")
        }

        @Test func `a waiting endpoint tells the cheapest repair in its problem`() throws {
            let portfolio = try bareDemo()
            let path = "/api/v1/portfolios/\(portfolio)/efficient-frontier"
            let refused = try client.get(path + "?max_position_size=0.03&points=5")
            #expect(refused.status == 422, "\(refused.text)")
            let repair = try #require(refused.json["combined_repair"] as? [[String: Any]], "\(refused.text)")
            #expect(repair.map { $0["constraint"] as? String } == ["/max_position_size"])
            let value = try #require(repair.first?["repaired"] as? Double)
            #expect(abs(value - 0.04) < 1e-9)
            #expect(try client.get(path + "?max_position_size=\(value)&points=5").status == 200)
        }

        @Test func `a stranger checks a result with what the service gives to everybody`() throws {
            let body =
                #"{"portfolio_id":"port-123456","optimization_type":"mean_variance","#
                + #""objective":"maximize_sharpe","constraints":{"max_position_size":0.25,"max_sector_exposure":0.3,"#
                + #""max_turnover":0.3},"frontier_points":5}"#
            let result = try client.optimize(body)
            #expect(result["status"] as? String == "completed")
            let certificate = try #require(result["certificate"] as? [String: Double])
            #expect(try #require(certificate["gap"]) < 1e-9)
            let id = try #require(result["optimization_id"] as? String)
            let folder = stack.runDirectory.appending(path: "verify")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            let answer = try client.get("/api/v1/optimizations/\(id)").text
            let portfolio = try client.get("/api/v1/portfolios/port-123456").text
            let model = try client.get("/api/v1/risk-models/demo?include=matrices").text
            let instruments = try client.get("/api/v1/instruments?limit=1000").text
            let snapshot =
                #"{"portfolio":\#(portfolio),"instruments":\#(instruments),"risk_model":\#(model),"request":\#(body)}"#
            let (given, against) = (folder.appending(path: "result.json"), folder.appending(path: "snapshot.json"))
            try answer.write(to: given, atomically: true, encoding: .utf8)
            try snapshot.write(to: against, atomically: true, encoding: .utf8)
            let tool = Bundle.main.bundleURL.appending(path: "portfolio-verify").path
            let verified = try Command.run([tool, given.path, against.path])
            #expect(verified.status == 0 && verified.output.hasPrefix("pass: "), "\(verified.output)")

            let wrong = answer.replacingOccurrences(of: #""turnover":0.3"#, with: #""turnover":0.2"#)
            #expect(wrong != answer)
            try wrong.write(to: given, atomically: true, encoding: .utf8)
            let violated = try Command.run([tool, given.path, against.path])
            #expect(
                violated.status == 1 && violated.output.contains("violated: metrics/turnover"),
                "\(violated.output)"
            )
        }
    }
}
