import JSON
import PortfolioModel
import PortfolioService
import Repository
import TestSupport
import Testing

@Suite("Lists of optimizations over HTTP")
struct OptimizationListTests {
    private let api: APIUnderTest

    init() throws { api = try APIUnderTest() }

    /// Submits at moments of their own, oldest first.
    private func submit(_ count: Int) -> [String] {
        (0..<count).map { _ in
            api.world.optimizations.now = Timestamp(microseconds: api.world.optimizations.now.microseconds + 1)
            return api.submit()
        }
    }

    private func ids(_ answer: Answer) -> [String] {
        (answer.json("optimizations")?.elements ?? []).compactMap { $0["optimization_id"]?.string }
    }

    @Test func `the newest comes first, with what its state says and no answer`() {
        let submitted = submit(2)
        api.world.optimizations.end(submitted[0], as: .completed, body: "{}")
        let answer = api.send("GET", "/api/v1/optimizations")
        #expect(answer.status == 200)
        #expect(ids(answer) == submitted.reversed())
        #expect(answer.json("next_cursor")?.isNull == true)
        #expect(
            answer.text
                == #"{"optimizations":[{"optimization_id":"\#(submitted[1])","portfolio_id":"demo","status":"pending","#
                + #""created_at":"2025-06-15T15:06:40.000002Z","completed_at":null,"optimization_type":"mean_variance","#
                + #""objective":"maximize_sharpe","risk_measure":"volatility"},{"optimization_id":"\#(submitted[0])","#
                + #""portfolio_id":"demo","status":"completed","created_at":"2025-06-15T15:06:40.000001Z","#
                + #""completed_at":"2025-06-15T15:06:40.000002Z","optimization_type":"mean_variance","#
                + #""objective":"maximize_sharpe","risk_measure":"volatility"}],"next_cursor":null}"#
        )
    }

    @Test func `cursors lead from page to page, and the last page has none`() {
        let submitted = submit(7)
        var seen: [String] = []
        var target = "/api/v1/optimizations?limit=3"
        for _ in 0..<5 {
            let page = api.send("GET", target)
            seen += ids(page)
            guard let cursor = page.json("next_cursor")?.string else { break }
            _ = submit(1)  // what comes meanwhile is on no later page
            target = "/api/v1/optimizations?limit=3&cursor=\(cursor)"
        }
        #expect(seen == submitted.reversed())
        #expect(api.send("GET", "/api/v1/optimizations?limit=9").json("next_cursor")?.isNull == true)
    }

    @Test func `portfolio and state narrow the list`() {
        let submitted = submit(3)
        api.world.optimizations.end(submitted[1], as: .failed, body: "{}")
        #expect(ids(api.send("GET", "/api/v1/optimizations?status=failed")) == [submitted[1]])
        #expect(ids(api.send("GET", "/api/v1/optimizations?portfolio_id=demo&status=pending")).count == 2)
        #expect(ids(api.send("GET", "/api/v1/optimizations?portfolio_id=none")) == [])
        #expect(ids(api.send("GET", "/api/v1/optimizations", headers: ["x-auth-tenant": "other"])) == [])
    }

    @Test func `a caller that holds the page gets none again`() {
        _ = submit(1)
        let tag = api.send("GET", "/api/v1/optimizations").headers["ETag"] ?? ""
        #expect(api.send("GET", "/api/v1/optimizations", headers: ["if-none-match": tag]).status == 304)
        _ = submit(1)
        #expect(api.send("GET", "/api/v1/optimizations", headers: ["if-none-match": tag]).status == 200)
    }

    @Test(arguments: [
        ("limit=0", "limit"), ("limit=501", "limit"), ("limit=x", "limit"), ("limit=+5", "limit"),
        ("status=done", "status"), ("portfolio_id=a%20b".removingPercent, "portfolio_id"),
        ("portfolio=demo", "portfolio"),
        ("cursor=", "cursor"), ("cursor=x", "cursor"), ("cursor=1.2.3", "cursor"), ("cursor=-1.0", "cursor"),
        ("cursor=zzzzzzzzzzzzzz.00000000000000000000000000", "cursor"),
        ("cursor=01.00000000000000000000000000", "cursor"), ("cursor=A.00000000000000000000000000", "cursor"),
        ("cursor=a.80000000000000000000000000", "cursor"), ("limit=5&limit=5", "limit"),
    ])
    func `a parameter at fault is named`(query: String, name: String) {
        let answer = api.send("GET", "/api/v1/optimizations?\(query)")
        #expect(answer.status == 422, "\(answer.text)")
        #expect(answer.faults.first?.message.contains("'\(name)'") == true, "\(answer.text)")
    }

    @Test func `a cursor reads back to the place it names, and nothing else does`() throws {
        _ = submit(2)
        let text = try #require(api.send("GET", "/api/v1/optimizations?limit=1").json("next_cursor")?.string)
        #expect(OptimizationCursor(text: text)?.text == text)
        #expect(OptimizationCursor(text: text.uppercased()) == nil)
        #expect(OptimizationCursor(text: text + "0") == nil)
    }

    @Test(arguments: ["PUT", "DELETE", "PATCH"])
    func `the path's methods are those of both functions behind it`(method: String) {
        let answer = api.send(method, "/api/v1/optimizations")
        #expect(answer.status == 405)
        #expect(answer.headers["Allow"] == "GET, HEAD, POST")
    }

    @Test func `an outage is told`() {
        api.world.optimizations.failure = .unavailable(underlying: "gone")
        #expect(api.send("GET", "/api/v1/optimizations").status == 503)
    }
}

extension String {
    /// The text as the runtime hands it on: spaces for `%20`.
    fileprivate var removingPercent: String { replacing("%20", with: " ") }
}
