import FunctionRuntime
import JSON
import TestSupport
import Testing

@Suite("If-Match and If-None-Match on PUT")
struct ConditionalPutTests {
    private let api: APIUnderTest

    init() throws { api = try APIUnderTest() }

    private static let inputs = [
        ("/api/v1/portfolios/new", Bodies.portfolio), ("/api/v1/risk-models/new", Bodies.riskModel),
    ]

    private func put(_ target: String, _ body: String, _ headers: [String: String]) -> Answer {
        api.send("PUT", target, headers: headers, body: body)
    }

    @Test(arguments: inputs)
    func `a PUT tags what it stored as a GET does, and the tag guards the next`(target: String, body: String) {
        let first = put(target, body, ["if-none-match": "*"])
        #expect(first.status == 201)
        let tag = first.headers["ETag"] ?? "none"
        #expect(tag == "\"1\"")
        #expect(api.send("GET", target).headers["ETag"] == tag)
        let second = put(target, body, ["if-match": tag])
        #expect(second.status == 200)
        #expect(second.headers["ETag"] == "\"2\"")
        let late = put(target, body, ["if-match": tag])
        #expect(late.status == 412)
        #expect(late.json("type")?.string == "/problems/precondition_failed")
        #expect(late.json("detail")?.string?.contains("version 2") == true)
        #expect(api.send("GET", target).json("version")?.double == 2)
    }

    @Test(arguments: inputs)
    func `create-only does not replace, replace-only does not create`(target: String, body: String) {
        let absent = put(target, body, ["if-match": "*"])
        #expect(absent.status == 412)
        #expect(absent.json("detail")?.string?.contains("There is no") == true)
        #expect(api.send("GET", target).status == 404)
        #expect(put(target, body, ["if-none-match": "*"]).status == 201)
        #expect(put(target, body, ["if-none-match": "*"]).status == 412)
        #expect(put(target, body, ["if-match": "*"]).status == 200)
    }

    @Test(arguments: [
        ("\"1\"", 200), ("W/\"1\"", 200), ("\"7\", \"1\"", 200), ("\"1-matrices\"", 200), (" \"1\" ", 200),
        ("\"2\"", 412), ("\"01\"", 412), ("\"+1\"", 412), ("\"\"", 412), ("\"abc\"", 412),
        ("\"99999999999999999999\"", 412),
        ("1", 400), ("\"1", 400), ("\"", 400), ("", 400), ("\"1\",", 400), ("\"1\" \"2\"", 400), ("w/\"1\"", 400),
    ])
    func `tags count by the version they name`(header: String, status: Int) {
        let request = api.request(
            "PUT",
            "/api/v1/risk-models/two",
            headers: ["if-match": header],
            body: Bodies.riskModel,
            keepsEmptyHeaders: true
        )
        let answer = api.send(request)
        #expect(answer.status == status, "\(answer.text)")
        if status == 400 { #expect(answer.json("detail")?.string?.hasPrefix("If-Match") == true) }
    }

    @Test(arguments: [["if-none-match": "\"1\""], ["if-match": "*", "if-none-match": "*"]])
    func `a condition that a PUT does not take is refused`(headers: [String: String]) {
        let answer = put("/api/v1/portfolios/demo", Bodies.portfolio, headers)
        #expect(answer.status == 400)
        #expect(answer.json("type")?.string == "/problems/invalid_header")
    }

    @Test func `a table is guarded too`() {
        let answer = put(
            "/api/v1/risk-models/two?kind=prices",
            Bodies.table,
            ["content-type": "text/csv", "if-match": "\"9\""]
        )
        #expect(answer.status == 412)
    }

    @Test(arguments: [
        ("/api/v1/portfolios/new", "", Bodies.portfolio),
        ("/api/v1/risk-models/new", "?include=matrices", Bodies.riskModel),
    ])
    func `what a GET gave can be put back as it is`(target: String, query: String, body: String) {
        #expect(put(target, body, [:]).status == 201)
        let read = api.send("GET", target + query)
        let again = put(target, read.text, ["if-match": read.headers["ETag"] ?? ""])
        #expect(again.status == 200, "\(again.text)")
        let reread = api.send("GET", target + query)
        #expect(reread.text == read.text.replacing("\"version\":1", with: "\"version\":2"))
    }

    @Test func `nothing else is passed over`() {
        for (target, body, name) in [
            ("/api/v1/portfolios/new", Bodies.portfolio, "risk_model_version"),
            ("/api/v1/portfolios/new", Bodies.portfolio, "storedat"),
            ("/api/v1/risk-models/new", Bodies.riskModel, "portfolio_id"),
        ] {
            let answer = put(target, "{\"\(name)\":1," + body.drop { $0 != "{" }.dropFirst(), [:])
            #expect(answer.status == 422)
            #expect(answer.faults.map(\.pointer) == ["/\(name)"])
        }
    }
}
