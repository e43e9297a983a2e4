import JSON
import PortfolioModel
import Testing

@Suite("GET /api/v1/capabilities")
struct CapabilitiesTests {
    private let path = "/api/v1/capabilities"

    @Test func `every combination is listed with its measures of risk`() throws {
        let answer = try APIUnderTest().send("GET", path)
        #expect(answer.status == 200)
        let listed = try #require(answer.json("combinations")?.elements)
        #expect(listed.count == Capabilities.combinations.count)
        for (value, combination) in zip(listed, Capabilities.combinations) {
            #expect(value["optimization_type"]?.string == combination.type.rawValue)
            #expect(value["objective"]?.string == combination.objective.rawValue)
            #expect(value["risk_measures"]?.elements.map(\.string) == combination.riskMeasures.map(\.rawValue))
        }
    }

    @Test func `limits, constraints, parameters and estimators are listed`() throws {
        let answer = try APIUnderTest().send("GET", path)
        #expect(answer.json("limits", "instruments_dense")?.double == 4_000)
        #expect(answer.json("limits", "instruments_factor_model")?.double == 10_000)
        #expect(answer.json("limits", "risk_model_body_bytes")?.double == 268_435_456)
        #expect(answer.json("constraints")?.elements.contains { $0.string == "max_turnover" } == true)
        let budgets = ["risk_budgets", "risk_budgets_by"]
        #expect(answer.json("parameters", "risk_parity")?.elements.map(\.string) == budgets)
        #expect(answer.json("estimators", "covariance")?.elements.contains { $0.string == "ledoit_wolf" } == true)
    }

    @Test func `it is revalidated by its tag, and takes neither writes nor questions nor other forms`() throws {
        let api = try APIUnderTest()
        let tag = try #require(api.send("GET", path).headers["ETag"])
        #expect(api.send("GET", path, headers: ["if-none-match": tag]).status == 304)
        #expect(api.send("HEAD", path).status == 200)
        let refused = api.send("POST", path, body: "{}")
        #expect(refused.status == 405 && refused.headers["Allow"] == "GET, HEAD")
        #expect(api.send("GET", path, headers: ["accept": "text/csv"]).status == 406)
        #expect(api.send("GET", path + "?objective=custom").status == 422)
    }
}
