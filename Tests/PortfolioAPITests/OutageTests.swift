import JSON
import Repository
import TestSupport
import Testing

@Suite("Outages over HTTP")
struct OutageTests {
    private static let requests: [(method: String, target: String, body: String?)] = [
        ("POST", "/api/v1/optimizations", Bodies.optimization),
        ("POST", "/api/v1/optimizations/opt-0197C7B0Z8ABCDEFGHJKMNPQRS/cancel", nil),
        ("GET", "/api/v1/optimizations/opt-0197C7B0Z8ABCDEFGHJKMNPQRS", nil),
        ("HEAD", "/api/v1/optimizations/opt-0197C7B0Z8ABCDEFGHJKMNPQRS", nil),
        ("PUT", "/api/v1/instruments", Bodies.instruments),
        ("GET", "/api/v1/instruments", nil),
        ("GET", "/api/v1/instruments?ids=AAPL", nil),
        ("PUT", "/api/v1/risk-models/two", Bodies.riskModel),
        ("GET", "/api/v1/risk-models/two", nil),
        ("GET", "/api/v1/risk-models/two?include=matrices", nil),
        ("PUT", "/api/v1/portfolios/demo", Bodies.portfolio),
        ("GET", "/api/v1/portfolios/demo", nil),
    ]

    @Test(arguments: requests)
    func `without its store every request is told to come back`(method: String, target: String, body: String?) throws {
        let api = try APIUnderTest()
        api.world.inputs.failure = .unavailable(underlying: "connection to 10.0.0.1 refused")
        api.world.optimizations.failure = .unavailable(underlying: "connection to 10.0.0.1 refused")
        let answer = api.send(method, target, body: body)

        #expect(answer.status == 503)
        #expect(answer.headers["Retry-After"].flatMap { Int($0) } != nil)
        #expect(answer.json("type")?.string == "/problems/unavailable")
        #expect(!answer.text.contains("10.0.0.1"))
    }

    @Test func `a full queue is told with the time to come back`() throws {
        for limit in [QueueFull.Limit.queue, .tenant] {
            let api = try APIUnderTest()
            api.world.optimizations.failure = .queueFull(QueueFull(limit: limit, retryAfterSeconds: 17))
            let answer = api.send("POST", "/api/v1/optimizations", body: Bodies.optimization)
            #expect(answer.status == 503)
            #expect(answer.headers["Retry-After"] == "17")
            #expect(answer.json("type")?.string == "/problems/queue_full")
            #expect(answer.text.contains("your requests") == (limit == .tenant))
        }
    }
}
