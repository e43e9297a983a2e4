import FunctionRuntime
import JSON
import PortfolioAPI
import PortfolioModel
import PortfolioService
import Repository
import TestSupport
import Testing

@Suite("Optimizations over HTTP")
struct OptimizationEndpointTests {
    private let api: APIUnderTest

    init() throws { api = try APIUnderTest() }

    // MARK: POST

    @Test func `a request is accepted with its place and when to look`() {
        let answer = api.send("POST", "/api/v1/optimizations", body: Bodies.optimization)

        #expect(answer.status == 202)
        let id = answer.json("optimization_id")?.string ?? ""
        #expect(Identifiers.isOptimization(id))
        #expect(answer.headers["Location"] == "/api/v1/optimizations/\(id)")
        #expect(answer.headers["Retry-After"] == "1")
        #expect(answer.headers["Content-Type"] == "application/json")
        #expect(answer.json("portfolio_id")?.string == "demo")
        #expect(answer.json("status")?.string == "pending")
        #expect(answer.json("created_at")?.string == "2025-06-15T15:06:40Z")
        #expect(answer.json("estimated_completion_time")?.string == "2025-06-15T15:06:41Z")
        #expect(api.world.optimizations.submitted.first?.request.constraints.maxWeights == ["BND": 0.6])
    }

    @Test func `the tenant is the one the authorization names`() {
        let answer = api.send(
            "POST",
            "/api/v1/optimizations",
            headers: ["x-auth-tenant": "other"],
            body: Bodies.optimization
        )
        #expect(answer.status == 404)
        let id = api.submit()
        #expect(api.send("GET", "/api/v1/optimizations/\(id)", headers: ["x-auth-tenant": "other"]).status == 404)
        #expect(api.send("GET", "/api/v1/optimizations/\(id)", headers: ["x-auth-tenant": "default"]).status == 200)
    }

    @Test func `a problem names the request and hides our insides`() {
        api.world.optimizations.failure = .refused(sqlState: "42P01", message: "SELECT secret FROM /var/lib")
        let answer = api.send("POST", "/api/v1/optimizations", body: Bodies.optimization)

        #expect(answer.status == 500)
        #expect(answer.headers["Content-Type"] == "application/problem+json")
        #expect(answer.json("type")?.string == "/problems/internal")
        #expect(answer.json("status")?.double == 500)
        #expect(answer.json("instance")?.string == "req-1")
        #expect(!answer.text.contains("secret") && !answer.text.contains("42P01") && !answer.text.contains("/var"))
    }

    // MARK: Cancel

    @Test func `cancelling answers with the state, as often as it is asked`() {
        let id = api.submit()
        for body in [nil, "{}"] {
            let answer = api.send("POST", "/api/v1/optimizations/\(id)/cancel", body: body)
            #expect(answer.status == 202)
            #expect(answer.json("optimization_id")?.string == id)
            #expect(answer.json("status")?.string == "cancelled")
        }
        #expect(api.send("GET", "/api/v1/optimizations/\(id)").json("status")?.string == "cancelled")
    }

    @Test(arguments: [JobStatus.completed, .failed])
    func `what has ended otherwise cannot be cancelled`(status: JobStatus) {
        let id = api.submit()
        api.world.optimizations.end(id, as: status, body: "{}")
        let answer = api.send("POST", "/api/v1/optimizations/\(id)/cancel")

        #expect(answer.status == 409)
        #expect(answer.json("type")?.string == "/problems/already_ended")
        #expect(answer.json("detail")?.string?.contains(status.rawValue) == true)
    }

    // MARK: GET

    @Test(arguments: [JobStatus.pending, .processing])
    func `what has not ended says so, and when to look again`(status: JobStatus) {
        let id = api.submit()
        api.world.optimizations.end(id, as: status, body: nil)
        let answer = api.send("GET", "/api/v1/optimizations/\(id)")

        #expect(answer.status == 200)
        #expect(answer.headers["Retry-After"] == "1")
        #expect(answer.headers["ETag"] != nil)
        #expect(answer.headers["Cache-Control"] == "private, no-cache")
        #expect(answer.json("status")?.string == status.rawValue)
        #expect(answer.json("optimization_type")?.string == "mean_variance")
        #expect(answer.json("objective")?.string == "maximize_sharpe")
    }

    @Test func `the stored answer goes out as it is, from where it lies`() throws {
        let id = api.submit()
        api.world.optimizations.end(id, as: .completed, body: "not even JSON")
        let stored = try #require(
            try api.world.optimizations.optimization(id: id, tenant: InMemoryWorld.tenant)?.body
        )
        guard case .answer(let response) = api.outcome(api.request("GET", "/api/v1/optimizations/\(id)")),
            case .borrowed(let bytes, let owner) = response.body
        else {
            Issue.record("the answer is not borrowed")
            return
        }
        #expect(bytes.baseAddress == stored.bytes.baseAddress)
        let isSameOwner = owner === stored.owner
        #expect(isSameOwner)
        let answer = Answer(response)
        #expect(answer.status == 200)
        #expect(answer.text == "not even JSON")
        #expect(answer.headers["Content-Type"] == "application/json")
        #expect(answer.headers["ETag"] == "\"\(stored.entityTag)\"")
        #expect(answer.headers["Retry-After"] == nil)
    }

    @Test func `a caller that holds the answer gets none again`() {
        let id = api.submit()
        let path = "/api/v1/optimizations/\(id)"
        for ended in [false, true] {
            if ended { api.world.optimizations.end(id, as: .completed, body: "{}") }
            let tag = api.send("GET", path).headers["ETag"] ?? ""
            let again = api.send("GET", path, headers: ["if-none-match": tag])
            #expect(again.status == 304)
            #expect(again.body.isEmpty)
            #expect(again.headers["ETag"] == tag)
            #expect(again.headers["Content-Type"] == nil)
        }
        let pendingTag = "\"something else\""
        #expect(api.send("GET", path, headers: ["if-none-match": pendingTag]).status == 200)
    }

    @Test func `only the whole answer of what has ended may be kept by the web server`() {
        let id = api.submit()
        let path = "/api/v1/optimizations/\(id)"
        let pending = api.send("GET", path)
        #expect(pending.status == 200 && pending.headers["X-Accel-Expires"] == nil)
        api.world.optimizations.end(id, as: .completed, body: "{}")
        let ended = api.send("GET", path)
        #expect(ended.headers["X-Accel-Expires"] == "3600")
        #expect(ended.headers["Cache-Control"] == "private, no-cache")
        let held = api.send("GET", path, headers: ["if-none-match": ended.headers["ETag"] ?? ""])
        #expect(held.status == 304 && held.headers["X-Accel-Expires"] == nil)
        #expect(api.send("GET", path + "x").headers["X-Accel-Expires"] == nil)
        #expect(api.send("GET", path, headers: ["accept": "text/html"]).headers["X-Accel-Expires"] == nil)
    }

    @Test func `HEAD answers as GET does; the runtime leaves the body out`() {
        let id = api.submit()
        let get = api.send("GET", "/api/v1/optimizations/\(id)")
        let head = api.send("HEAD", "/api/v1/optimizations/\(id)")
        #expect(head.status == 200)
        #expect(head.headers == get.headers)
        #expect(head.body == get.body)  // its length becomes Content-Length
    }

    @Test func `a cancelled optimization without a stored answer is told from its row`() {
        let id = api.submit()
        api.world.optimizations.end(id, as: .cancelled, body: nil)
        let answer = api.send("GET", "/api/v1/optimizations/\(id)", headers: ["prefer": "wait=5"])
        #expect(answer.json("status")?.string == "cancelled")
        #expect(answer.json("completed_at")?.string == "2025-06-15T15:06:40Z")
        #expect(answer.headers["Retry-After"] == nil)
    }

    // MARK: Waiting

    @Test func `a wait is parked under the optimization's identifier, and the end wakes it`() throws {
        let id = api.submit()
        let parked = try #require(park(id, prefer: "wait=10"))
        #expect(parked.key == id)
        #expect(parked.waitSeconds == 10)
        #expect(parked.recheck() == nil)

        api.world.optimizations.end(id, as: .completed, body: #"{"status":"completed"}"#)
        api.notifications.ended = [id]
        #expect(api.reader.wakeSource?.takeWokenKeys() == [id])
        let answer = Answer(try #require(parked.recheck()))
        #expect(answer.status == 200)
        #expect(answer.json("status")?.string == "completed")
        #expect(answer.headers["Preference-Applied"] == "wait=10")
    }

    @Test func `a longer wait than granted is cut`() throws {
        let parked = try #require(park(api.submit(), prefer: "wait=3600"))
        #expect(parked.waitSeconds == 60)
        #expect(Answer(parked.expire()).headers["Preference-Applied"] == "wait=60")
    }

    @Test func `when the time is up the state is told`() throws {
        let parked = try #require(park(api.submit(), prefer: "wait=1"))
        let answer = Answer(parked.expire())
        #expect(answer.status == 200)
        #expect(answer.json("status")?.string == "pending")
        #expect(answer.headers["Retry-After"] == "1")
    }

    @Test func `what has ended is answered at once, and so is whoever does not wait`() {
        let id = api.submit()
        #expect(park(id, prefer: "wait=0") == nil)
        #expect(park(id, prefer: "respond-async") == nil)
        api.world.optimizations.end(id, as: .failed, body: "{}")
        #expect(park(id, prefer: "wait=10") == nil)
    }

    @Test func `an outage during a wait is waited out, and told when the time is up`() throws {
        let id = api.submit()
        let parked = try #require(park(id, prefer: "wait=10"))
        api.world.optimizations.failure = .unavailable(underlying: "gone")
        #expect(parked.recheck() == nil)
        let expired = Answer(parked.expire())
        #expect(expired.status == 503)
        #expect(expired.headers["Retry-After"] != nil)
        api.world.optimizations.failure = nil
        api.world.optimizations.end(id, as: .completed, body: "{}")
        #expect(parked.recheck().map(\.status) == 200)
    }

    @Test func `a lost connection wakes everybody`() {
        api.notifications.ended = nil
        #expect(api.reader.wakeSource?.takeWokenKeys() == nil)
        api.notifications.fileDescriptor = 7
        #expect(api.reader.wakeSource?.fileDescriptor == 7)
    }

    private func park(_ id: String, prefer: String) -> ParkedRequest? {
        let request = api.request("GET", "/api/v1/optimizations/\(id)", headers: ["prefer": prefer])
        guard case .park(let parked) = api.outcome(request) else { return nil }
        return parked
    }
}
