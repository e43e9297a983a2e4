import FunctionRuntime
import JSON
import PortfolioModel
import TestSupport
import Testing

@Suite("Results as tables, charts and folded documents over HTTP")
struct ResultViewTests {
    private static let stored =
        #"{"optimization_id":"x","portfolio_id":"demo","status":"completed","#
        + #""current_allocation":{"AAPL":0.9,"cash":0.1},"target_allocation":{"AAPL":0.25,"BND":0.6,"GLD":0.15},"#
        + #""trades":[{"instrument_id":"AAPL","action":"sell","quantity":9,"priority":1}]}"#

    private let api: APIUnderTest
    private let id: String

    init() throws {
        api = try APIUnderTest()
        id = api.submit()
        api.world.optimizations.end(id, as: .completed, body: Self.stored)
    }

    private func get(_ query: String = "", _ headers: [String: String] = [:]) -> Answer {
        api.send("GET", "/api/v1/optimizations/\(id)\(query)", headers: headers)
    }

    @Test func `the largest weights stay, the others fold into one`() {
        let answer = get("?top=1")
        #expect(answer.status == 200)
        #expect(answer.headers["Content-Type"] == "application/json")
        #expect(
            answer.text
                == Self.stored.replacing(#"{"AAPL":0.9,"cash":0.1}"#, with: #"{"AAPL":0.9,"other":0.1}"#)
                .replacing(#"{"AAPL":0.25,"BND":0.6,"GLD":0.15}"#, with: #"{"BND":0.6,"other":0.4}"#)
        )
        #expect(get("?top=10000").text == Self.stored)
        #expect(get("?top=1").headers["ETag"] != get("?top=2").headers["ETag"])
    }

    @Test func `what is not held is told to who asks for it, beside the rest`() throws {
        let list = #"[{"instrument_id":"GLD","reduced_cost":-0.01}]"#
        api.world.optimizations.excluded[id] = list
        #expect(get().text == Self.stored)
        let whole = Self.stored.dropLast() + #","excluded":"# + list + "}"
        #expect(get("?explain=excluded").text == whole)
        #expect(get("?explain=excluded&format=json").text == whole)
        #expect(get("?top=1&explain=excluded").text == get("?top=1").text.dropLast() + #","excluded":"# + list + "}")
        api.world.optimizations.excluded[id] = nil
        #expect(get("?explain=excluded").json("excluded")?.kind == .null)
    }

    @Test(arguments: [
        ("?format=csv", ""), ("", "text/csv"), ("", "application/json;q=0.5, text/csv"), ("?format=csv", "*/*"),
    ])
    func `a table is had by either word`(query: String, accept: String) {
        let answer = get(query, ["accept": accept])
        #expect(answer.status == 200)
        #expect(answer.headers["Content-Type"] == "text/csv; charset=utf-8; header=present")
        #expect(answer.headers["Vary"] == "Accept")
        #expect(answer.headers["Content-Disposition"] == "attachment; filename=\"\(id)-allocations.csv\"")
        #expect(
            answer.text.hasPrefix("instrument_id,current_weight,target_weight,weight_change\r\nAAPL,0.9,0.25,-0.65\r\n")
        )
    }

    @Test func `trades are a part of their own`() {
        let answer = get("?format=csv&part=trades")
        #expect(answer.headers["Content-Disposition"]?.contains("-trades.csv") == true)
        #expect(answer.text.hasSuffix("\r\n1,sell,AAPL,9,,,,\r\n"))
        #expect(get("?part=trades", ["accept": "text/csv"]).body == answer.body)
        #expect(get("?format=csv&part=allocations&top=1").text.contains("\r\nother,"))
    }

    @Test(arguments: [("?format=svg", ""), ("", "image/svg+xml"), ("", "image/*"), ("?format=svg&top=1", "text/csv")])
    func `a chart is had by either word`(query: String, accept: String) {
        let answer = get(query, ["accept": accept])
        #expect(answer.status == 200)
        #expect(answer.headers["Content-Type"] == "image/svg+xml")
        #expect(answer.headers["Content-Security-Policy"]?.hasPrefix("default-src 'none'") == true)
        #expect(answer.text.hasPrefix("<svg ") && answer.text.hasSuffix("</svg>\n"))
        #expect(answer.text.contains("AAPL, target: 25.0%"))
        #expect(answer.text.contains(">GLD<") == !query.contains("top"))
        #expect(answer.text.contains(">other<") == query.contains("top"))
    }

    @Test(arguments: ["", "*/*", "application/json", "text/html, */*;q=0.1", "application/problem+json", "nonsense"])
    func `who does not ask for another form gets the stored bytes`(accept: String) {
        for query in ["", "?format=json"] {
            #expect(get(query, ["accept": accept]).text == Self.stored)
        }
    }

    @Test(arguments: ["text/html", "image/png", "application/json;q=0"])
    func `a type that there is not is told with those there are`(accept: String) {
        let answer = get("", ["accept": accept])
        #expect(answer.status == 406)
        for type in ["application/json", "text/csv", "image/svg+xml"] { #expect(answer.text.contains(type)) }
    }

    @Test(arguments: [
        ("?top=0", "top"), ("?top=-1", "top"), ("?top=x", "top"), ("?top=10001", "top"), ("?top=1&top=2", "top"),
        ("?format=pdf", "format"), ("?format=csv&part=all", "part"), ("?format=svg&part=trades", "part"),
        ("?part=trades", "part"), ("?format=csv&part=trades&top=3", "top"), ("?x=1", "x"), ("?explain=all", "explain"),
        ("?format=csv&explain=excluded", "explain"),
    ])
    func `a parameter at fault is named`(query: String, name: String) {
        let answer = get(query)
        #expect(answer.status == 422, "\(answer.text)")
        #expect(answer.faults.first?.message.contains("'\(name)'") == true, "\(answer.text)")
    }

    @Test(arguments: [JobStatus.pending, .processing, .failed, .cancelled])
    func `without a result there is nothing to draw, and a state has nothing to fold`(status: JobStatus) {
        api.world.optimizations.end(id, as: status, body: status == .failed ? #"{"status":"failed"}"# : nil)
        for query in ["?format=csv", "?format=svg"] {
            let answer = get(query)
            #expect(answer.status == 409)
            #expect(answer.json("type")?.string == "/problems/no_result")
            #expect(answer.json("detail")?.string?.contains(status.rawValue) == true)
            #expect((answer.headers["Retry-After"] != nil) == !status.isFinal)
        }
        let state = get("?top=3")
        #expect(state.status == 200)
        #expect(state.text == get().text)
    }

    @Test func `another form is waited for too`() throws {
        api.world.optimizations.end(id, as: .processing, body: nil)
        let target = "/api/v1/optimizations/\(id)?format=csv"
        guard case .park(let parked) = api.outcome(api.request("GET", target, headers: ["prefer": "wait=5"])) else {
            Issue.record("the request was not parked")
            return
        }
        #expect(parked.key == id && parked.waitSeconds == 5)
        #expect(parked.recheck() == nil)
        #expect(Answer(parked.expire()).status == 409)
        api.world.optimizations.end(id, as: .completed, body: Self.stored)
        let answer = Answer(try #require(parked.recheck()))
        #expect(answer.status == 200)
        #expect(answer.headers["Preference-Applied"] == "wait=5")
        api.world.optimizations.end(id, as: .failed, body: "{}")
        #expect(parked.recheck().map(\.status) == 409)
    }

    @Test func `a caller that holds the form gets none again`() {
        for query in ["?format=csv", "?format=svg", "?top=1"] {
            let tag = get(query).headers["ETag"] ?? ""
            let again = get(query, ["if-none-match": "W/" + tag])
            #expect(again.status == 304)
            #expect(again.body.isEmpty && again.headers["Content-Type"] == nil)
        }
    }

    @Test func `nobody else's result is shown`() {
        for query in ["?format=csv", "?format=svg", "?top=1"] {
            #expect(get(query, ["x-auth-tenant": "other"]).status == 404)
        }
        #expect(api.send("GET", "/api/v1/optimizations/opt-1?format=csv").status == 404)
    }
}
