import FunctionRuntime
import JSON
import PortfolioModel
import TestSupport
import Testing

@Suite("GET /api/v1/optimizations/{id}/pareto")
struct ParetoSetTests {
    private static let points =
        #"[{"objectives":{"return":0.05,"risk":0.1},"weights":{"AAPL":0.25,"BND":0.75},"#
        + #""objective_weights":{"return":1,"risk":-2}},"#
        + #"{"objectives":{"return":0.08,"risk":0.2},"weights":{"AAPL":0.8,"BND":0.1,"cash":0.1},"#
        + #""objective_weights":{"return":1,"risk":-0.5}}]"#

    private func stored(_ set: String) -> String {
        #"{"optimization_id":"x","portfolio_id":"demo","status":"completed","#
            + #""current_allocation":{"cash":1},"target_allocation":{"BND":1},"trades":[]\#(set)}"#
    }

    private let api: APIUnderTest
    private let id: String

    init() throws {
        api = try APIUnderTest()
        id = api.submit()
    }

    private func get(_ query: String = "", _ headers: [String: String] = [:]) -> Answer {
        api.send("GET", "/api/v1/optimizations/\(id)/pareto\(query)", headers: headers)
    }

    @Test func `the stored points are the answer, and folded where that is asked for`() {
        api.world.optimizations.end(id, as: .completed, body: stored(#","pareto_set":\#(Self.points)"#))
        let answer = get()
        #expect(answer.status == 200)
        #expect(answer.text == #"{"optimization_id":"x","portfolio_id":"demo","points":\#(Self.points)}"#)
        #expect(get("", ["if-none-match": answer.headers["ETag"] ?? ""]).status == 304)
        #expect(get("?top=1").text.contains(#""weights":{"AAPL":0.8,"other":0.2}"#))
        #expect(api.send("HEAD", "/api/v1/optimizations/\(id)/pareto").status == 200)
    }

    @Test func `the points are a table as well`() {
        api.world.optimizations.end(id, as: .completed, body: stored(#","pareto_set":\#(Self.points)"#))
        let answer = get("?format=csv")
        #expect(answer.headers["Content-Type"] == "text/csv; charset=utf-8; header=present")
        #expect(answer.headers["Content-Disposition"] == "attachment; filename=\"\(id)-pareto.csv\"")
        #expect(
            answer.text
                == "point,return,risk,AAPL,BND,cash\r\n1,0.05,0.1,0.25,0.75,0\r\n2,0.08,0.2,0.8,0.1,0.1\r\n"
        )
        #expect(get("", ["accept": "text/csv"]).body == answer.body)
        #expect(get("?format=csv&top=1").text.hasPrefix("point,return,risk,AAPL,other\r\n"))
        #expect(get("", ["accept": "image/png"]).status == 406)
        #expect(get("?part=trades").status == 422)
    }

    @Test func `the points are a drawing as well, with a star at the answer`() throws {
        let terms =
            #","objective_terms":[{"name":"return","term":"return","weight":1,"value":0.07,"contribution":0.07},"#
            + #"{"name":"risk","term":"risk","weight":-1,"value":0.15,"contribution":-0.15}]"#
        api.world.optimizations.end(id, as: .completed, body: stored(#"\#(terms),"pareto_set":\#(Self.points)"#))
        let answer = get("?format=svg")
        #expect(answer.headers["Content-Type"] == "image/svg+xml")
        #expect(answer.headers["Content-Security-Policy"]?.hasPrefix("default-src 'none'") == true)
        for words in [
            "return (more is better)", "risk (less is better)", "point 2: return 0.08000, risk 0.2000",
            "answer: return 0.07000, risk 0.1500", "one of 2 not dominated",
        ] {
            #expect(answer.text.contains(words), "\(words)")
        }
        #expect(get("", ["accept": "image/svg+xml"]).body == answer.body)
        #expect(get("?format=svg&top=1").status == 422)
    }

    @Test func `a set that is not there yet is a conflict, and one that never will be is not found`() {
        #expect(get().status == 409)
        #expect(get().headers["Retry-After"] == "1")
        api.world.optimizations.end(id, as: .completed, body: stored(""))
        let answer = get()
        #expect(answer.status == 404)
        #expect(answer.text.contains("non-dominated set"))
        #expect(api.send("GET", "/api/v1/optimizations/opt-nothing/pareto").status == 404)
        #expect(api.send("GET", "/api/v1/optimizations/\(id)/paretos").status == 404)
        let refused = api.send("POST", "/api/v1/optimizations/\(id)/pareto", body: "{}")
        #expect(refused.status == 405 && refused.headers["Allow"]?.contains("GET") == true)
    }

    @Test func `a set of an optimization that failed is a conflict`() {
        api.world.optimizations.end(id, as: .failed, body: #"{"status":"failed"}"#)
        #expect(get().status == 409)
    }
}
