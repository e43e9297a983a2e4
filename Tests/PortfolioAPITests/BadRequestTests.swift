import JSON
import TestSupport
import Testing

@Suite("Bad requests over HTTP")
struct BadRequestTests {
    @Test(arguments: syntax + fields + constraints + riskModels + inputs + transport + queries)
    func `a bad request is refused with its reason and its place`(bad: BadRequest) throws {
        let api = try APIUnderTest()
        let answer = api.send(bad.method, bad.target, headers: bad.headers, body: bad.body)

        #expect(answer.status == bad.status, "\(answer.text)")
        #expect(answer.headers["Content-Type"] == "application/problem+json")
        #expect(answer.json("type")?.string?.hasPrefix("/problems/") == true)
        #expect(answer.json("status")?.double == Double(bad.status))
        #expect(answer.json("title")?.string?.isEmpty == false)
        #expect(answer.json("detail")?.string?.isEmpty == false)
        #expect(answer.json("instance")?.string == "req-1")
        #expect(answer.text.contains(bad.says), "\(answer.text)")
        if let pointer = bad.pointer {
            #expect(answer.faults.contains { $0.pointer == pointer }, "\(answer.text)")
        } else {
            #expect(answer.faults.isEmpty, "\(answer.text)")
        }
        #expect(api.world.optimizations.submitted.isEmpty)
        #expect(try api.world.inputs.riskModelInstruments(id: "m", tenant: InMemoryWorld.tenant) == nil)
        #expect(try api.world.inputs.portfolio(id: "p", tenant: InMemoryWorld.tenant) == nil)
        #expect(try api.world.inputs.instruments(ids: ["NEW"], tenant: InMemoryWorld.tenant).isEmpty)
    }

    static let syntax: [BadRequest] = [
        badOptimization("", 400, at: "", "not_json"),
        badOptimization("nonsense", 400, at: "", "not_json"),
        badOptimization(#"{"portfolio_id":"demo""#, 400, at: "", "not_json"),
        badOptimization(#"{"portfolio_id":"demo",}"#, 400, at: "", "not_json"),
        badOptimization(#"{"portfolio_id":"demo"} {}"#, 400, at: "", "not_json"),
        badOptimization(#"{'portfolio_id':'demo'}"#, 400, at: "", "not_json"),
        badOptimization(#"{"portfolio_id":"demo"} // more"#, 400, at: "", "not_json"),
        badOptimization(#"{"a":NaN}"#, 400, at: "", "not_json"),
        badOptimization(#"{"a":Infinity}"#, 400, at: "", "not_json"),
        badOptimization(#"{"a":-Infinity}"#, 400, at: "", "not_json"),
        badOptimization(#"{"a":01}"#, 400, at: "", "not_json"),
        badOptimization(#"{"a":1e400}"#, 400, at: "", "number_out_of_range"),
        badOptimization(#"{"a":1,"a":1}"#, 400, at: "", "duplicate_key"),
        badOptimization(#"{"constraints":{"min_cash":0,"min_cash":0}}"#, 400, at: "", "duplicate_key"),
        badOptimization(String(repeating: "[", count: 40) + String(repeating: "]", count: 40), 400, at: "", "depth"),
        badOptimization(#"{"a":"\ud800"}"#, 400, at: "", "\"code\":"),
        badOptimization(#"{"a":"\u0000"}"#, 400, at: "", "\"code\":"),
        badInput("risk-models/m", #"{"covariance":[[NaN]]}"#, 400, at: "", "not_json"),
        badInput("portfolios/p", "[", 400, at: "", "not_json"),
        badInput("instruments", #"{"instruments":[{"instrument_id":"NEW","price":1},]}"#, 400, at: "", "not_json"),
    ]

    static let fields: [BadRequest] = [
        badOptimization("[]", 422, at: "", "wrong_type"),
        badOptimization("null", 422, at: "", "wrong_type"),
        badOptimization("{}", 422, at: "/portfolio_id", "missing_field"),
        badOptimization("{}", 422, at: "/optimization_type", "missing_field"),
        badOptimization("{}", 422, at: "/objective", "missing_field"),
        badMember(#""portfolioId":"demo""#, at: "/portfolioId", "unknown_field"),
        badMember(#""risk_measure":"omega""#, at: "/risk_measure", "unknown_value"),
        badMember(#""risk_measure":"luck""#, at: "/risk_measure", "unknown_value"),
        badMember(#""risk_measure":1"#, at: "/risk_measure", "wrong_type"),
        badMember(#""frontier_points":1"#, at: "/frontier_points", "out_of_range"),
        badMember(#""views":[]"#, at: "/views", "contradiction"),
        badMember(#""preferences":{"risk_aversion":-1}"#, at: "/preferences/risk_aversion", "out_of_range"),
        badMember(#""preferences":{"risk_aversion":"4"}"#, at: "/preferences/risk_aversion", "wrong_type"),
        badMember(#""preferences":{"riskaversion":4}"#, at: "/preferences/riskaversion", "did you mean risk_aversion"),
        badMember(
            #""preferences":{"include_transaction_costs":1}"#,
            at: "/preferences/include_transaction_costs",
            "wrong_type"
        ),
        badMember(#""preferences":[]"#, at: "/preferences", "wrong_type"),
        badOptimization(
            #"{"portfolio_id":"a b","optimization_type":"mean_variance","objective":"minimize_risk"}"#,
            422,
            at: "/portfolio_id",
            "invalid_identifier"
        ),
        badOptimization(
            #"{"portfolio_id":"none","optimization_type":"mean_variance","objective":"minimize_risk"}"#,
            404,
            "There is no portfolio 'none'."
        ),
        badOptimization(
            #"{"portfolio_id":"demo","optimization_type":"robustt","objective":"minimise_risk"}"#,
            422,
            at: "/optimization_type",
            "did you mean minimize_risk"
        ),
    ]

    static let constraints: [BadRequest] = [
        badConstraint(#""max_position_size":1.5"#, at: "/max_position_size", "out_of_range"),
        badConstraint(#""max_position_size":0"#, at: "/max_position_size", "out_of_range"),
        badConstraint(#""max_turnover":-0.1"#, at: "/max_turnover", "out_of_range"),
        badConstraint(#""target_volatility":"0.1""#, at: "/target_volatility", "wrong_type"),
        badConstraint(#""max_positions":0"#, at: "/max_positions", "out_of_range"),
        badConstraint(#""max_gross_exposure":0"#, at: "/max_gross_exposure", "out_of_range"),
        badConstraint(#""max_position":0.5"#, at: "/max_position", "unknown_field"),
        badConstraint(#""min_cash":0.2,"max_cash":0.1"#, at: "/min_cash", "contradiction"),
        badConstraint(
            #""min_weights":{"BND":0.3},"max_weights":{"BND":0.2}"#,
            at: "/min_weights/BND",
            "contradiction"
        ),
        badConstraint(#""min_weights":{"XXX":0.1}"#, at: "/min_weights/XXX", "unknown_instrument"),
        badConstraint(#""max_weights":{"GLD":0.1}"#, at: "/max_weights/GLD", "unknown_instrument"),
        badConstraint(#""max_weights":{"cash":0.1}"#, at: "/max_weights/cash", "reserved"),
        badConstraint(#""max_weights":{"BND":null}"#, at: "/max_weights/BND", "wrong_type"),
        badConstraint(
            #""groups":[{"name":"g","instruments":["AAPL","YYY"],"max":0.5}]"#,
            at: "/groups/0/instruments/1",
            "unknown_instrument"
        ),
        badConstraint(
            #""groups":[{"name":"g","sector":"a","asset_class":"b","max":0.5}]"#,
            at: "/groups/0",
            "exactly one"
        ),
        badConstraint(#""groups":[{"name":"g","sector":"a"}]"#, at: "/groups/0", "min, max or both"),
    ]

    static let riskModels: [BadRequest] = [
        badRiskModel(#""covariance":[[0.04,0.002],[0.003,0.0025]]"#, at: "/covariance/0/1", "not_symmetric"),
        badRiskModel(#""covariance":[[0.04,0.2],[0.2,0.0025]]"#, at: "/covariance", "not_positive_semidefinite"),
        badRiskModel(#""covariance":[[0.04,0.002]]"#, at: "/covariance", "wrong_length"),
        badRiskModel(#""covariance":[[0.04,"x"],[0.002,0.0025]]"#, at: "/covariance/0/1", "wrong_type"),
        badRiskModel(#""expected_returns":[0.1],"covariance":[[1,0],[0,1]]"#, at: "/expected_returns", "wrong_length"),
        badInput("risk-models/m", #"{"instruments":["A"],"returns":[[0.1]]}"#, at: "/as_of", "missing_field"),
        BadRequest(
            "PUT",
            "/api/v1/risk-models/m?kind=prices",
            headers: ["content-type": "text/csv"],
            body: "date,A\n2025-06-20,x\n",
            422,
            at: "",
            "a number is needed"
        ),
        BadRequest(
            "PUT",
            "/api/v1/risk-models/m",
            headers: ["content-type": "text/csv"],
            body: Bodies.table,
            422,
            at: "",
            "missing_parameter"
        ),
    ]

    static let inputs: [BadRequest] = [
        badInput(
            "instruments",
            #"{"instruments":[{"instrument_id":"NEW"}]}"#,
            at: "/instruments/0/price",
            "missing_field"
        ),
        badInput(
            "instruments",
            #"{"instruments":[{"instrument_id":"NEW","price":-1}]}"#,
            at: "/instruments/0/price",
            "out_of_range"
        ),
        badInput(
            "instruments",
            #"{"instruments":[{"instrument_id":"cash","price":1}]}"#,
            at: "/instruments/0/instrument_id",
            "reserved"
        ),
        badPortfolio(
            #""positions":[{"instrument_id":"NOPE","quantity":1}]"#,
            at: "/positions/0/instrument_id",
            "unknown_instrument"
        ),
        badPortfolio(
            #""positions":[{"instrument_id":"AAPL","quantity":-1}]"#,
            at: "/positions/0/quantity",
            "out_of_range"
        ),
        badPortfolio(#""positions":[],"universe":["AAPL","GLD"]"#, at: "/universe/1", "unknown_instrument"),
        badPortfolio(#""positions":[],"benchmark":{"AAPL":0.5}"#, at: "/benchmark", "wrong_sum"),
        badInput(
            "portfolios/p",
            #"{"base_currency":"EUR","as_of":"2025-06-20T00:00:00Z","risk_model_id":"two","positions":[{"instrument_id":"AAPL","quantity":1}]}"#,
            at: "/positions/0/instrument_id",
            "currency_mismatch"
        ),
        badInput(
            "portfolios/p",
            #"{"base_currency":"USD","as_of":"2025-06-20T00:00:00Z","risk_model_id":"two","positions":[]}"#,
            at: "",
            "no_value"
        ),
        badInput(
            "portfolios/p",
            #"{"base_currency":"USD","as_of":"2025-06-20T00:00:00Z","risk_model_id":"none","cash":1,"positions":[]}"#,
            at: "/risk_model_id",
            "unknown_risk_model"
        ),
        badInput("risk-models/a%20b", Bodies.riskModel, at: "", "invalid_identifier"),
        badInput("portfolios/" + String(repeating: "x", count: 37), Bodies.portfolio, at: "", "invalid_identifier"),
    ]

    static let transport: [BadRequest] = [
        BadRequest("PATCH", "/api/v1/optimizations", 405, "GET, HEAD, POST"),
        BadRequest("PUT", "/api/v1/optimizations", body: "{}", 405, "POST"),
        BadRequest("DELETE", "/api/v1/optimizations/opt-0197C7B0Z8ABCDEFGHJKMNPQRS", 405, "GET, HEAD"),
        BadRequest("GET", "/api/v1/optimizations/opt-0197C7B0Z8ABCDEFGHJKMNPQRS/cancel", 405, "POST"),
        BadRequest("POST", "/api/v1/instruments", body: "{}", 405, "GET, HEAD, PUT"),
        BadRequest("DELETE", "/api/v1/portfolios/demo", 405, "GET, HEAD, PUT"),
        BadRequest("PATCH", "/api/v1/risk-models/two", 405, "GET, HEAD, PUT"),
        BadRequest("POST", "/healthz", 405, "GET, HEAD"),
        BadRequest("GET", "/api/v1/optimizations/opt-789012", 404, "There is no optimization 'opt-789012'."),
        BadRequest("GET", "/api/v1/optimizations/<script>", 404, "There is no such optimization."),
        BadRequest("GET", "/api/v1/optimizations/", 404, "nothing at this path"),
        BadRequest("GET", "/api/v1/optimizations/opt-0197C7B0Z8ABCDEFGHJKMNPQRS", 404, "not_found"),
        BadRequest("POST", "/api/v1/optimizations/opt-0197C7B0Z8ABCDEFGHJKMNPQRS/cancel", 404, "not_found"),
        BadRequest("POST", "/api/v1/optimizations/opt-1/cancel", 404, "not_found"),
        BadRequest("POST", "/api/v1/optimizations/opt-1/retry", 404, "nothing at this path"),
        BadRequest("GET", "/api/v1/portfolios/none", 404, "There is no portfolio 'none'."),
        BadRequest("GET", "/api/v1/portfolios/a'b", 404, "There is no such portfolio."),
        BadRequest("GET", "/api/v1/risk-models/none", 404, "There is no risk model 'none'."),
        BadRequest("GET", "/api/v1/portfolios", 404, "nothing at this path"),
        BadRequest("GET", "/api/v2/portfolios/demo", 404, "nothing at this path"),
        BadRequest("GET", "/nothing", 404, "nothing at this path"),
        BadRequest("GET", "/api/v1/portfolios/demo", headers: ["accept": "text/csv"], 406, "application/json"),
        BadRequest("GET", "/api/v1/instruments", headers: ["accept": "image/svg+xml"], 406, "not_acceptable"),
        BadRequest(
            "POST",
            "/api/v1/optimizations",
            headers: ["accept": "application/json;q=0"],
            body: Bodies.optimization,
            406,
            "not_acceptable"
        ),
        BadRequest(
            "POST",
            "/api/v1/optimizations",
            headers: ["content-type": "application/x-www-form-urlencoded"],
            body: Bodies.optimization,
            415,
            "application/json"
        ),
        BadRequest("POST", "/api/v1/optimizations", 415, "Content-Type"),
        BadRequest(
            "PUT",
            "/api/v1/portfolios/p",
            headers: ["content-type": "text/csv"],
            body: Bodies.portfolio,
            415,
            "application/json"
        ),
        BadRequest(
            "PUT",
            "/api/v1/risk-models/m",
            headers: ["content-type": "application/json; charset=utf-16"],
            body: Bodies.riskModel,
            415,
            "application/json or text/csv"
        ),
        BadRequest(
            "PUT",
            "/api/v1/instruments",
            headers: ["content-encoding": "gzip"],
            body: Bodies.instruments,
            415,
            "Content-Encoding"
        ),
    ]

    static let queries: [BadRequest] = [
        BadRequest("GET", "/api/v1/optimizations/opt-0197C7B0Z8ABCDEFGHJKMNPQRS?top=0", 422, at: "", "'top'"),
        BadRequest(
            "POST",
            "/api/v1/optimizations?lenient=true",
            body: Bodies.optimization,
            422,
            at: "",
            "unknown_parameter"
        ),
        BadRequest(
            "POST",
            "/api/v1/optimizations/opt-0197C7B0Z8ABCDEFGHJKMNPQRS/cancel?x=1",
            422,
            at: "",
            "unknown_parameter"
        ),
        BadRequest(
            "POST",
            "/api/v1/optimizations/opt-0197C7B0Z8ABCDEFGHJKMNPQRS/cancel",
            body: #"{"reason":"none"}"#,
            422,
            at: "",
            "unexpected_body"
        ),
        BadRequest(
            "GET",
            "/api/v1/instruments?limit=0",
            422,
            at: "",
            "'limit' is a whole number from 1 to 1000, not '0'"
        ),
        BadRequest("GET", "/api/v1/instruments?limit=1001", 422, at: "", "'limit'"),
        BadRequest("GET", "/api/v1/instruments?limit=ten", 422, at: "", "'limit'"),
        BadRequest("GET", "/api/v1/instruments?limit=99999999999999999999", 422, at: "", "'limit'"),
        BadRequest("GET", "/api/v1/instruments?limit=1&limit=2", 422, at: "", "duplicate_parameter"),
        BadRequest("GET", "/api/v1/instruments?ids=AAPL,,BND", 422, at: "", "'ids'"),
        BadRequest("GET", "/api/v1/instruments?ids=AAPL&limit=5", 422, at: "", "without 'limit'"),
        BadRequest("GET", "/api/v1/instruments?cursor=a'b", 422, at: "", "'cursor'"),
        BadRequest(
            "GET",
            "/api/v1/instruments?ids=" + (0...1000).map { "i\($0)" }.joined(separator: ","),
            422,
            at: "",
            "the limit is 1000"
        ),
        BadRequest("GET", "/api/v1/risk-models/two?include=all", 422, at: "", "'include' is matrices, not 'all'"),
        BadRequest("GET", "/api/v1/portfolios/demo?version=1", 422, at: "", "there are none here"),
        BadRequest(
            "PUT",
            "/api/v1/risk-models/m?kind=volumes&periods_per_year=nan&as_of=today",
            headers: ["content-type": "text/csv"],
            body: Bodies.table,
            422,
            at: "",
            "3 faults"
        ),
        BadRequest(
            "PUT",
            "/api/v1/risk-models/m?kind=prices",
            body: Bodies.riskModel,
            422,
            at: "",
            "unknown_parameter"
        ),
    ]
}
