import TestSupport
import Testing

@Suite("Health over HTTP")
struct HealthEndpointTests {
    private let api: APIUnderTest

    init() throws { api = try APIUnderTest() }

    @Test(arguments: [true, false])
    func `alive is alive whatever the database does`(ready: Bool) {
        api.health.ready = ready
        #expect(api.send("GET", "/healthz").status == 200)
        #expect(api.send("HEAD", "/healthz").status == 200)
    }

    @Test func `ready follows the database`() {
        #expect(api.send("GET", "/readyz").status == 200)
        api.health.ready = false
        let away = api.send("GET", "/readyz")
        #expect(away.status == 503)
        #expect(away.headers["Retry-After"] != nil)
        #expect(away.headers["Content-Type"] == "application/problem+json")
    }

    @Test(arguments: [(true, "1"), (false, "0")])
    func `metrics are Prometheus text`(ready: Bool, value: String) {
        api.health.ready = ready
        let answer = api.send("GET", "/metrics", headers: ["accept": "text/plain;version=0.0.4"])
        #expect(answer.status == 200)
        #expect(answer.headers["Content-Type"]?.hasPrefix("text/plain; version=0.0.4") == true)
        let lines = answer.text.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.contains("portfolio_up 1"))
        #expect(lines.contains("portfolio_ready \(value)"))
        #expect(lines.last == "")
        for line in lines.dropLast() where !line.hasPrefix("#") {
            #expect(line.split(separator: " ").count == 2)
            #expect(line.split(separator: " ").last.flatMap { Double($0) } != nil)
        }
    }
}
