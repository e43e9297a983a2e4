import FunctionRuntime
import JSON
import PortfolioAPI
import PortfolioModel
import Repository
import TestSupport
import Testing

@Suite("Idempotency-Key over HTTP")
struct IdempotencyTests {
    private let api: APIUnderTest

    init() throws { api = try APIUnderTest() }

    private func post(_ key: String, _ body: String = Bodies.optimization, tenant: String = "default") -> Answer {
        let headers = ["idempotency-key": key, "x-auth-tenant": tenant]
        return api.send("POST", "/api/v1/optimizations", headers: headers, body: body)
    }

    @Test func `the same key and body give the same answer, which says that it was given before`() {
        let first = post("k")
        let again = post("k")
        #expect(first.status == 202 && again.status == 202)
        #expect(first.headers["Idempotent-Replayed"] == nil)
        #expect(again.headers["Idempotent-Replayed"] == "true")
        #expect(again.body == first.body)
        #expect(again.headers["Location"] == first.headers["Location"])
        #expect(api.world.optimizations.submitted.count == 1)
    }

    @Test func `a body that means the same is the same body`() {
        let first = post(
            "k",
            #"{"portfolio_id":"demo","optimization_type":"mean_variance","objective":"minimize_risk"}"#
        )
        let again = post(
            "k",
            #"{ "objective":"minimize_risk", "optimization_type":"mean_variance", "portfolio_id":"demo", "constraints":{} }"#
        )
        #expect(again.body == first.body)
        #expect(again.headers["Idempotent-Replayed"] == "true")
    }

    @Test func `the same key and another body are refused`() {
        _ = post("k")
        let other = post("k", Bodies.optimization.replacing("0.7", with: "0.8"))
        #expect(other.status == 409)
        #expect(other.json("type")?.string == "/problems/idempotency_key_reused")
        #expect(api.world.optimizations.submitted.count == 1)
    }

    @Test func `a request that was refused takes no key`() {
        #expect(post("k", #"{"portfolio_id":"demo"}"#).status == 422)
        #expect(post("k", Bodies.optimization.replacing("demo", with: "none")).status == 404)
        let right = post("k")
        #expect(right.status == 202)
        #expect(right.headers["Idempotent-Replayed"] == nil)
    }

    @Test func `a repetition is answered even when what it names has changed`() throws {
        let first = post("k")
        var model = InMemoryWorld.riskModel
        model.instruments = ["AAPL", "GLD"]
        _ = try api.world.inputs.putRiskModel(model, id: "two", tenant: InMemoryWorld.tenant)
        #expect(post("k").body == first.body)
        #expect(post("other").status == 422)
    }

    @Test(arguments: ["", " ", "a b", "schlüssel", "a\u{7F}", String(repeating: "k", count: 256)])
    func `a key that is none is refused by the header's name`(key: String) throws {
        let headers = ["idempotency-key": key]
        let request = api.request(
            "POST",
            "/api/v1/optimizations",
            headers: headers,
            body: Bodies.optimization,
            keepsEmptyHeaders: true
        )
        let answer = api.send(request)
        #expect(answer.status == 400)
        #expect(answer.json("type")?.string == "/problems/invalid_header")
        #expect(answer.json("detail")?.string?.hasPrefix("Idempotency-Key") == true)
        #expect(api.world.optimizations.submitted.isEmpty)
    }

    @Test(arguments: ["!", "\"quoted\"", "~", String(repeating: "k", count: 255)])
    func `every visible ASCII character may be in a key`(key: String) {
        #expect(post(key).status == 202)
        #expect(post(key).headers["Idempotent-Replayed"] == "true")
    }
}
