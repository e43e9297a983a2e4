import FunctionRuntime
import JSON
import PortfolioModel
import Repository
import TestSupport
import Testing

@Suite("Computations that somebody waits for")
struct ComputationEndpointTests {
    let api: APIUnderTest
    private let path = "/api/v1/portfolios/demo/efficient-frontier"

    init() throws { api = try APIUnderTest() }

    /// The request's place among those parked; nil when it was answered.
    private func parked(_ request: FunctionRequest) -> ParkedRequest? {
        guard case .park(let parked) = api.outcome(request) else { return nil }
        return parked
    }

    private func end(_ id: String, _ status: JobStatus = .completed, _ body: String = "{\"x\":1}", forGood: Bool = true)
    {
        api.world.computations.end(id, as: status, body: body, forGood: forGood)
    }

    private var onlyID: String { api.world.computations.submitted.first?.id ?? "none" }

    // MARK: waiting

    @Test func `who asks waits for the end, and is given the stored bytes`() throws {
        let waiting = try #require(parked(api.request("GET", path + "?points=5")))
        #expect(waiting.key == onlyID && waiting.waitSeconds == 25)
        #expect(waiting.recheck() == nil, "it has not ended")
        end(onlyID)
        let answer = Answer(try #require(waiting.recheck()))
        #expect(answer.status == 200 && answer.text == "{\"x\":1}")
        #expect(answer.headers["ETag"] == "\"tag-7\"")
        #expect(answer.headers["Content-Location"] == "/api/v1/efficient-frontiers/\(onlyID)")
        #expect(answer.headers["X-Accel-Expires"] == nil, "which one it is depends on the newest inputs")
    }

    @Test func `who asks the same shares the one that runs, and is served the one that ended`() throws {
        let first = try #require(parked(api.request("GET", path + "?points=5")))
        let second = try #require(parked(api.request("POST", path, body: #"{"points":5}"#)))
        #expect(second.key == first.key && api.world.computations.submitted.count == 1)
        end(onlyID)
        #expect(api.send("GET", path + "?points=5").text == "{\"x\":1}")
        let known = api.send("GET", path + "?points=5", headers: ["if-none-match": "\"tag-7\""])
        #expect(known.status == 304 && known.body.isEmpty)
        #expect(parked(api.request("GET", path + "?points=6")) != nil, "another request is another computation")
    }

    @Test func `a wait that runs out tells where the answer will be`() throws {
        let waiting = try #require(parked(api.request("GET", path)))
        let answer = Answer(waiting.expire())
        #expect(answer.status == 202)
        #expect(answer.headers["Location"] == "/api/v1/efficient-frontiers/\(onlyID)")
        #expect(answer.headers["Retry-After"] == "1")
        #expect(answer.json("frontier_id")?.string == onlyID && answer.json("status")?.string == "pending")
        end(onlyID)
        #expect(Answer(waiting.expire()).status == 200, "it ended in the last moment")
    }

    @Test func `a caller says how long it waits`() throws {
        #expect(api.send("GET", path, headers: ["prefer": "respond-async"]).status == 202)
        let waiting = try #require(parked(api.request("GET", path, headers: ["prefer": "wait=3"])))
        #expect(waiting.waitSeconds == 3)
        #expect(Answer(waiting.expire()).headers["Preference-Applied"] == "wait=3")
    }

    @Test func `a failure is a problem with the limits that clash`() throws {
        let waiting = try #require(parked(api.request("GET", path)))
        end(
            onlyID,
            .failed,
            #"{"status":"failed","error":{"code":"infeasible","message":"these clash","conflicts":["#
                + #"{"constraint":"/max_position_size","subject":null,"bound":0.05,"nearest_feasible":0.125}]}}"#
        )
        for answer in [Answer(try #require(waiting.recheck())), api.send("GET", path)] {
            #expect(answer.status == 422 && answer.headers["Content-Type"] == "application/problem+json")
            #expect(answer.json("type")?.string == "/problems/infeasible")
            #expect(answer.json("detail")?.string == "these clash")
            let conflict = answer.json("conflicts")?.elements.first
            #expect(conflict?["constraint"]?.string == "/max_position_size" && conflict?["bound"]?.double == 0.05)
            #expect(conflict?["nearest_feasible"]?.double == 0.125 && conflict?["subject"]?.isNull == true)
        }
        let stored = api.send("GET", "/api/v1/efficient-frontiers/\(onlyID)")
        #expect(stored.status == 200 && stored.json("error", "code")?.string == "infeasible")
    }

    @Test func `a failure on this side is no fault of the request, and the next caller starts anew`() throws {
        let waiting = try #require(parked(api.request("GET", path)))
        end(onlyID, .failed, #"{"error":{"code":"worker_lost","message":"m","conflicts":[]}}"#, forGood: false)
        #expect(Answer(try #require(waiting.recheck())).status == 500)
        #expect(parked(api.request("GET", path)) != nil)
        #expect(api.world.computations.submitted.count == 2)
    }

    @Test func `who comes upon a computation that is abandoned in that moment asks anew`() throws {
        _ = try #require(parked(api.request("GET", path)))
        let first = onlyID
        api.world.computations.whenJoined = { id in
            if id == first { end(id, .cancelled, "{}", forGood: false) }
        }
        let waiting = try #require(parked(api.request("GET", path)))
        #expect(waiting.key != first && api.world.computations.submitted.count == 2)
    }

    // MARK: reading

    @Test func `what has ended is read by its identifier and may be kept`() throws {
        _ = try #require(parked(api.request("GET", path)))
        let place = "/api/v1/efficient-frontiers/\(onlyID)"
        let pending = api.send("GET", place)
        #expect(pending.status == 200 && pending.json("status")?.string == "pending")
        #expect(pending.headers["Retry-After"] == "1" && pending.headers["X-Accel-Expires"] == nil)
        #expect(parked(api.request("GET", place, headers: ["prefer": "wait=5"]))?.key == onlyID)
        end(onlyID)
        let answer = api.send("GET", place)
        #expect(answer.status == 200 && answer.text == "{\"x\":1}" && answer.headers["X-Accel-Expires"] != nil)
        #expect(api.send("GET", place, headers: ["if-none-match": "\"tag-7\""]).status == 304)
        #expect(api.send("HEAD", place).status == 200)
    }

    // MARK: other forms

    /// An answer as the worker writes it, as far as its other forms go.
    private static let frontier =
        #"{"frontier_id":"fro-1","portfolio_id":"demo","risk_measure":"volatility","efficient_frontier":["#
        + #"{"return":0.03,"risk":0.05,"sharpe":0.6,"weights":{"AAPL":0.2,"BND":0.7,"cash":0.1}},"#
        + #"{"return":0.08,"risk":0.2,"sharpe":0.4,"weights":{"AAPL":1}}],"current_portfolio":null,"#
        + #""optimal_portfolio":{"return":0.03,"risk":0.05,"sharpe":0.6,"weights":{}},"instruments":{"#
        + #""AAPL":{"return":0.08,"risk":0.2}},"preferences":{"risk_free_rate":0.01}}"#

    private func ended() throws -> String {
        _ = try #require(parked(api.request("GET", path)))
        end(onlyID, .completed, Self.frontier)
        return "/api/v1/efficient-frontiers/\(onlyID)"
    }

    @Test func `a curve is given as a table, as charts and folded, at both of its addresses`() throws {
        let stored = try ended()
        for place in [stored, path] {
            let table = api.send("GET", place + "?format=csv")
            #expect(table.text.hasPrefix("point,return,risk,sharpe,AAPL,BND,cash\r\n1,0.03,0.05,0.6,0.2,0.7,0.1\r\n"))
            #expect(table.headers["Content-Type"]?.hasPrefix("text/csv") == true)
            #expect(table.headers["Content-Disposition"] == "attachment; filename=\"\(onlyID)-points.csv\"")
            #expect(api.send("GET", place, headers: ["accept": "text/csv"]).text == table.text)
            let chart = api.send("GET", place, headers: ["accept": "image/svg+xml"])
            #expect(chart.text.contains("Efficient frontier") && chart.headers["Content-Type"] == "image/svg+xml")
            #expect(chart.headers["Content-Security-Policy"]?.hasPrefix("default-src 'none'") == true)
            #expect(api.send("GET", place + "?chart=weights").text.contains("Weights along"))
            let folded = api.send("GET", place + "?top=1")
            let first = folded.json("efficient_frontier")?.elements.first
            #expect(first?["weights"]?.members.map(\.name) == ["BND", "other"])
            let again = api.send(
                "GET",
                place + "?top=1",
                headers: ["if-none-match": folded.headers["ETag"] ?? ""]
            )
            #expect(again.status == 304)
        }
        #expect(api.world.computations.submitted.count == 1, "a form is not another computation")
    }

    @Test func `a form is waited for like the document, and refused where there is none`() throws {
        let waiting = try #require(parked(api.request("GET", path + "?format=svg")))
        end(onlyID, .completed, Self.frontier)
        #expect(Answer(try #require(waiting.recheck())).headers["Content-Type"] == "image/svg+xml")
        for query in ["?format=png", "?chart=pie", "?format=csv&chart=weights", "?top=0", "?part=points"] {
            #expect(api.send("GET", path + query).status == 422, "\(query)")
        }
        #expect(api.send("POST", path + "?format=svg", body: "{}").headers["Content-Type"] == "image/svg+xml")
        let failing = try #require(parked(api.request("GET", path + "?points=3")))
        end(failing.key, .failed, #"{"status":"failed","error":{"code":"infeasible","message":"m","conflicts":[]}}"#)
        #expect(Answer(try #require(failing.recheck())).status == 422)
        let stored = "/api/v1/efficient-frontiers/\(failing.key)"
        #expect(api.send("GET", stored + "?format=svg").status == 409, "a failure has no chart")
        #expect(api.send("GET", stored + "?top=2").json("status")?.string == "failed")
    }

    // MARK: refused

    @Test func `every fault of a query is told with its place`() {
        let answer = api.send("GET", path + "?points=1&risk_measure=sigma&max_position_size=2&max_turnover=x")
        #expect(answer.status == 422)
        #expect(
            answer.faults.map(\.pointer)
                == ["/points", "/risk_measure", "/constraints/max_position_size", "/constraints/max_turnover"]
        )
        #expect(api.send("GET", path + "?pionts=3").faults.map(\.code) == ["unknown_parameter"])
        #expect(api.send("GET", path + "?points=3&points=4").faults.map(\.code) == ["duplicate_parameter"])
        #expect(api.send("GET", path + "?points=2.5").faults.map(\.code) == ["wrong_type"])
        #expect(api.world.computations.submitted.isEmpty)
    }

    @Test func `what names nothing that is there is refused`() {
        #expect(api.send("GET", "/api/v1/portfolios/none/efficient-frontier").status == 404)
        #expect(api.send("GET", "/api/v1/portfolios/a%20b/efficient-frontier").status == 404)
        #expect(api.send("GET", "/api/v1/efficient-frontiers/opt-1").status == 404)
        #expect(api.send("GET", "/api/v1/efficient-frontiers/fro-01M81HSVNWEEYTDZDTPNJ0KVXH").status == 404)
        #expect(api.send("PUT", path).headers["Allow"] == "GET, HEAD, POST")
        #expect(api.send("DELETE", "/api/v1/efficient-frontiers/fro-1").status == 405)
        let unknown = api.send("POST", path, body: #"{"constraints":{"max_weights":{"XYZ":0.4}}}"#)
        #expect(unknown.faults.map(\.pointer) == ["/constraints/max_weights/XYZ"])
        #expect(unknown.faults.map(\.code) == ["unknown_instrument"])
        #expect(api.send("POST", path, body: "{").status == 400)
        #expect(api.send("POST", path, headers: ["content-type": "text/plain"], body: "{}").status == 415)
        #expect(api.send("GET", path, headers: ["accept": "text/html"]).status == 406)
    }

    @Test func `a full queue and a store that is away are told as such`() {
        api.world.computations.failure = .unavailable(underlying: "gone")
        #expect(api.send("GET", path).status == 503)
        api.world.computations.failure = .queueFull(QueueFull(limit: .queue, retryAfterSeconds: 7))
        let full = api.send("GET", path)
        #expect(full.status == 503 && full.headers["Retry-After"] == "7")
    }

    @Test func `a tenant does not see another's`() throws {
        _ = try #require(parked(api.request("GET", path)))
        let other = ["x-auth-tenant": "b"]
        #expect(api.send("GET", "/api/v1/efficient-frontiers/\(onlyID)", headers: other).status == 404)
        #expect(api.send("GET", path, headers: other).status == 404)
    }
}
