import JSON
import Matrices
import PortfolioModel
import Repository
import TestSupport
import Testing

@Suite("Inputs over HTTP")
struct InputsEndpointTests {
    private let api: APIUnderTest

    init() throws { api = try APIUnderTest() }

    // MARK: Instruments

    @Test func `instruments are inserted or updated, and counted`() {
        let answer = api.send("PUT", "/api/v1/instruments", body: Bodies.instruments)
        #expect(answer.status == 200)
        #expect(answer.text == #"{"upserted":2}"#)
        let named = api.send("GET", "/api/v1/instruments?ids=NEW,AAPL,NEW,UNKNOWN")
        #expect(named.json("instruments")?.elements.map { $0["instrument_id"]?.string } == ["AAPL", "NEW"])
        #expect(named.json("next_cursor")?.isNull == true)
    }

    @Test func `a cursor leads from page to page`() {
        var seen: [String?] = []
        var target = "/api/v1/instruments?limit=3"
        for _ in 0..<5 {
            let page = api.send("GET", target)
            #expect(page.status == 200)
            seen += (page.json("instruments")?.elements ?? []).map { $0["instrument_id"]?.string }
            guard let cursor = page.json("next_cursor")?.string else { break }
            target = "/api/v1/instruments?limit=3&cursor=\(cursor)"
        }
        #expect(seen == ["AAPL", "BND", "GLD", "SAP"])
    }

    // MARK: Risk models

    @Test func `a new risk model gets 201 and its place, the next version 200`() {
        let first = api.send("PUT", "/api/v1/risk-models/new", body: Bodies.riskModel)
        #expect(first.status == 201)
        #expect(first.headers["Location"] == "/api/v1/risk-models/new")
        #expect(first.json("risk_model_id")?.string == "new")
        #expect(first.json("version")?.double == 1)
        #expect(first.json("warnings")?.count == 0)
        let second = api.send("PUT", "/api/v1/risk-models/new", body: Bodies.riskModel)
        #expect(second.status == 200)
        #expect(second.headers["Location"] == nil)
        #expect(second.json("version")?.double == 2)
    }

    @Test func `a slightly indefinite covariance is taken with a warning`() {
        let body = Bodies.riskModel.replacing("[[0.04,0.002],[0.002,0.0025]]", with: "[[1,1.0000001],[1.0000001,1]]")
        let answer = api.send("PUT", "/api/v1/risk-models/new", body: body)
        #expect(answer.status == 201)
        #expect(answer.json("warnings")?[0]?["code"]?.string == "covariance_repaired")
    }

    @Test func `a table of prices or of returns is a risk model`() throws {
        let headers = ["content-type": "text/csv"]
        let target = "/api/v1/risk-models/table?kind=prices&periods_per_year=12&as_of=2025-07-01T00:00:00Z"
        let answer = api.send("PUT", target, headers: headers, body: Bodies.table)
        #expect(answer.status == 201)
        let stored = try #require(
            try api.world.inputs.riskModel(id: "table", includingMatrices: true, tenant: InMemoryWorld.tenant)
        )
        #expect(stored.value.periodsPerYear == 12)
        #expect(stored.value.asOf.rfc3339 == "2025-07-01T00:00:00Z")
        #expect(stored.value.prices?.rows == 3)
        #expect(stored.value.returns == nil)

        let plain = api.send(
            "PUT",
            "/api/v1/risk-models/table?kind=returns",
            headers: headers,
            body: "date,A\n2025-06-20,0.1\n"
        )
        #expect(plain.status == 200)
        #expect(plain.json("version")?.double == 2)
    }

    @Test func `matrices come when asked for, under a tag of their own`() {
        let plain = api.send("GET", "/api/v1/risk-models/two")
        let whole = api.send("GET", "/api/v1/risk-models/two?include=matrices")
        #expect(plain.status == 200 && whole.status == 200)
        #expect(plain.json("covariance") == nil)
        #expect(whole.json("covariance")?[0]?[1]?.double == 0.002)
        #expect(plain.json("risk_model_id")?.string == "two")
        #expect(plain.json("instruments")?.count == 2)
        #expect(plain.headers["ETag"] != whole.headers["ETag"])
        let tag = plain.headers["ETag"] ?? ""
        #expect(api.send("GET", "/api/v1/risk-models/two", headers: ["if-none-match": tag]).status == 304)
        #expect(
            api.send("GET", "/api/v1/risk-models/two?include=matrices", headers: ["if-none-match": tag]).status == 200
        )
    }

    // MARK: Portfolios

    @Test func `a portfolio is stored and read back`() {
        let put = api.send("PUT", "/api/v1/portfolios/new", body: Bodies.portfolio)
        #expect(put.status == 201)
        #expect(put.headers["Location"] == "/api/v1/portfolios/new")
        #expect(put.json("portfolio_id")?.string == "new")
        #expect(put.json("version")?.double == 1)
        let get = api.send("GET", "/api/v1/portfolios/new")
        #expect(get.status == 200)
        #expect(get.json("portfolio_id")?.string == "new")
        #expect(get.json("version")?.double == 1)
        #expect(get.json("positions")?[0]?["tax_lots"]?.count == 2)
        #expect(get.json("constraints", "max_weights", "BND")?.double == 0.4)
        let tag = get.headers["ETag"] ?? ""
        #expect(api.send("GET", "/api/v1/portfolios/new", headers: ["if-none-match": tag]).status == 304)
        _ = api.send("PUT", "/api/v1/portfolios/new", body: Bodies.portfolio)
        #expect(api.send("GET", "/api/v1/portfolios/new", headers: ["if-none-match": tag]).status == 200)
    }

    @Test func `an identifier of another tenant is taken for a PUT and absent for a GET`() {
        let other = ["x-auth-tenant": "other"]
        let put = api.send("PUT", "/api/v1/risk-models/two", headers: other, body: Bodies.riskModel)
        #expect(put.status == 409)
        #expect(put.json("type")?.string == "/problems/id_taken")
        #expect(api.send("GET", "/api/v1/risk-models/two", headers: other).status == 404)
        #expect(api.send("GET", "/api/v1/portfolios/demo", headers: other).status == 404)
    }

    @Test func `every fault of a portfolio comes at once, with its place`() {
        let body = Bodies.portfolio.replacing(#""universe":["AAPL","BND"]"#, with: #""universe":["AAPL","NOPE"]"#)
            .replacing(#""benchmark":{"AAPL":0.6,"BND":0.4}"#, with: #""benchmark":{"AAPL":0.6,"SAP":0.4}"#)
        let answer = api.send("PUT", "/api/v1/portfolios/new", body: body)
        #expect(answer.status == 422)
        #expect(answer.faults.map(\.pointer) == ["/universe/1", "/benchmark/SAP"])
        #expect(answer.json("detail")?.string?.contains("2 faults") == true)
    }
}
