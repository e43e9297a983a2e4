import Foundation
import TestSupport
import Testing

extension RealParts {
    /// Wrong requests through nginx: each gets the right status and names what is wrong.
    @Suite("Wrong requests")
    struct BadRequestTests {
        let client: HTTPClient

        init() throws { client = try LocalStack.shared.get().client() }

        struct Case: Sendable, CustomStringConvertible {
            var method = "POST"
            var path = "/api/v1/optimizations"
            var body: String?
            var type = "application/json"
            var status: Int
            var pointer: String?
            var says: String = ""

            var description: String { "\(method) \(path) \(body?.prefix(90) ?? "") → \(status)" }
        }

        static func request(_ fields: String) -> String {
            #"{"portfolio_id":"port-123456","optimization_type":"mean_variance","objective":"minimize_risk""# + fields
                + "}"
        }

        static func limits(_ fields: String) -> String { request(#","constraints":{"# + fields + "}") }

        static let model = #"{"as_of":"2025-06-20T00:00:00Z","instruments":["A","B"],"#

        static let cases: [Case] = [
            Case(body: "", status: 400),
            Case(body: "{", status: 400),
            Case(body: "[1,]", status: 400),
            Case(body: "nonsense", status: 400),
            Case(body: limits(#""max_turnover":NaN"#), status: 400),
            Case(body: limits(#""max_turnover":Infinity"#), status: 400),
            Case(body: limits(#""max_turnover":1e999"#), status: 400),
            Case(body: limits(#""max_turnover":.5"#), status: 400),
            Case(body: limits(#""max_turnover":0.1,"max_turnover":0.2"#), status: 400, says: "max_turnover"),
            Case(body: request("") + "x", status: 400),
            Case(body: String(repeating: "[", count: 40) + String(repeating: "]", count: 40), status: 400),
            Case(body: "\u{FEFF}" + request(""), status: 400),
            Case(body: "[]", status: 422),
            Case(body: "null", status: 422),
            Case(body: "3", status: 422),
            Case(body: "{}", status: 422, pointer: "/portfolio_id"),
            Case(body: #"{"portfolio_id":"port-123456"}"#, status: 422, pointer: "/objective"),
            Case(body: request(#","surprise":1"#), status: 422, pointer: "/surprise"),
            Case(body: limits(#""max_turnovr":0.1"#), status: 422, pointer: "/constraints/max_turnovr"),
            Case(body: limits(#""max_turnover":"0.1""#), status: 422, pointer: "/constraints/max_turnover"),
            Case(body: limits(#""max_turnover":-0.1"#), status: 422, pointer: "/constraints/max_turnover"),
            Case(body: limits(#""max_turnover":null,"max_position_size":true"#), status: 422),
            Case(body: limits(#""max_position_size":-1"#), status: 422, pointer: "/constraints/max_position_size"),
            Case(body: limits(#""max_position_size":1.5"#), status: 422, pointer: "/constraints/max_position_size"),
            Case(body: limits(#""target_volatility":-0.1"#), status: 422, pointer: "/constraints/target_volatility"),
            Case(body: limits(#""min_cash":0.2,"max_cash":0.1"#), status: 422),
            Case(body: limits(#""min_cash":-0.1"#), status: 422, pointer: "/constraints/min_cash"),
            Case(
                body: limits(#""min_weights":{"AAPL":0.3},"max_weights":{"AAPL":0.2}"#),
                status: 422,
                says: "AAPL"
            ),
            Case(body: limits(#""max_weights":{"NOPE":0.2}"#), status: 422, pointer: "/constraints/max_weights/NOPE"),
            Case(body: limits(#""max_weights":[0.2]"#), status: 422, pointer: "/constraints/max_weights"),
            Case(
                body: limits(#""max_weights":{"AAPL":"much"}"#),
                status: 422,
                pointer: "/constraints/max_weights/AAPL"
            ),
            Case(body: limits(#""groups":[{"name":"g","max":0.2}]"#), status: 422),
            Case(body: limits(#""groups":[{"name":"g","sector":"Energy","min":0.5,"max":0.2}]"#), status: 422),
            Case(body: limits(#""groups":[{"name":"g","instruments":["NOPE"],"max":0.2}]"#), status: 422),
            Case(body: request(#","constraints":[]"#), status: 422, pointer: "/constraints"),
            Case(body: request(#","preferences":7"#), status: 422, pointer: "/preferences"),
            Case(
                body: request(#","preferences":{"risk_aversion":-1}"#),
                status: 422,
                pointer: "/preferences/risk_aversion"
            ),
            Case(
                body: request(#","preferences":{"include_transaction_costs":"yes"}"#),
                status: 422,
                pointer: "/preferences/include_transaction_costs"
            ),
            Case(
                body: request(#","preferences":{"confidence_level":1.0}"#),
                status: 422,
                pointer: "/preferences/confidence_level"
            ),
            Case(body: request(#","risk_measure":"vibes""#), status: 422, pointer: "/risk_measure"),
            Case(body: request(#","optimization_id":"x""#), status: 422, pointer: "/optimization_id"),
            Case(
                body: #"{"portfolio_id":"port-123456","optimization_type":"magic","objective":"minimize_risk"}"#,
                status: 422,
                pointer: "/optimization_type"
            ),
            Case(
                body: #"{"portfolio_id":"port-123456","optimization_type":"mean_variance","objective":"get_rich"}"#,
                status: 422,
                pointer: "/objective"
            ),
            Case(
                body: #"{"portfolio_id":"no spaces!","optimization_type":"mean_variance","objective":"minimize_risk"}"#,
                status: 422,
                pointer: "/portfolio_id"
            ),
            Case(
                body: #"{"portfolio_id":"unknown-1","optimization_type":"mean_variance","objective":"minimize_risk"}"#,
                status: 404
            ),
            Case(
                body: #"{"portfolio_id":42,"optimization_type":"mean_variance","objective":"minimize_risk"}"#,
                status: 422,
                pointer: "/portfolio_id"
            ),
            Case(body: request(""), type: "text/plain", status: 415),
            Case(method: "DELETE", status: 405),
            Case(method: "GET", path: "/api/v1/optimizations/opt-nothing", status: 404),
            Case(method: "GET", path: "/api/v1/optimizations/opt-00000000000000000000000000", status: 404),
            Case(method: "GET", path: "/api/v1/portfolios/unknown-1", status: 404),
            Case(method: "GET", path: "/api/v1/risk-models/unknown-1", status: 404),
            Case(method: "GET", path: "/api/v1/nothing", status: 404),
            Case(method: "GET", path: "/%2e%2e/etc/passwd", status: 400),
            Case(method: "PATCH", path: "/api/v1/portfolios/port-123456", body: "{}", status: 405),
            Case(
                method: "PUT",
                path: "/api/v1/instruments",
                body: #"{"instruments":[{"instrument_id":"X","price":-1}]}"#,
                status: 422,
                pointer: "/instruments/0/price"
            ),
            Case(
                method: "PUT",
                path: "/api/v1/instruments",
                body: #"{"instruments":[{"instrument_id":"cash","price":1}]}"#,
                status: 422,
                pointer: "/instruments/0/instrument_id"
            ),
            Case(
                method: "PUT",
                path: "/api/v1/instruments",
                body: #"{"instruments":[{"instrument_id":"X","price":1},{"instrument_id":"X","price":2}]}"#,
                status: 422
            ),
            Case(
                method: "PUT",
                path: "/api/v1/risk-models/bad",
                body: model + #""covariance":[[0.04,0.003],[0.002,0.01]]}"#,
                status: 422,
                says: "symmetric"
            ),
            Case(
                method: "PUT",
                path: "/api/v1/risk-models/bad",
                body: model + #""covariance":[[0.04,0.05],[0.05,0.01]]}"#,
                status: 422,
                pointer: "/covariance"
            ),
            Case(
                method: "PUT",
                path: "/api/v1/risk-models/bad",
                body: model + #""covariance":[[0.04,0.002]]}"#,
                status: 422
            ),
            Case(
                method: "PUT",
                path: "/api/v1/risk-models/bad",
                body: model + #""covariance":[[-0.04,0],[0,0.01]]}"#,
                status: 422
            ),
            Case(
                method: "PUT",
                path: "/api/v1/risk-models/bad",
                body: model + #""periods_per_year":252}"#,
                status: 422
            ),
            Case(
                method: "PUT",
                path: "/api/v1/risk-models/bad?kind=prices&periods_per_year=252",
                body: "date,A,B\n2025-01-01,1,2\n2025-01-02,1\n",
                type: "text/csv",
                status: 422
            ),
            Case(
                method: "PUT",
                path: "/api/v1/portfolios/bad",
                body:
                    #"{"base_currency":"USD","as_of":"2025-06-20T00:00:00Z","risk_model_id":"demo","positions":[{"instrument_id":"NOPE","quantity":1}]}"#,
                status: 422,
                says: "NOPE"
            ),
            Case(
                method: "PUT",
                path: "/api/v1/portfolios/bad",
                body: #"{"base_currency":"USD","as_of":"yesterday","risk_model_id":"demo","positions":[]}"#,
                status: 422,
                pointer: "/as_of"
            ),
            Case(
                method: "PUT",
                path: "/api/v1/portfolios/bad",
                body:
                    #"{"base_currency":"USD","as_of":"2025-06-20T00:00:00Z","risk_model_id":"none","cash":1,"positions":[]}"#,
                status: 422,
                pointer: "/risk_model_id"
            ),
        ]

        @Test(arguments: cases)
        func `a wrong request is named`(wrong: Case) throws {
            let answer = try client.send(
                wrong.method,
                wrong.path,
                headers: wrong.body == nil ? [:] : ["Content-Type": wrong.type],
                body: wrong.body.map { Array($0.utf8) }
            )
            #expect(answer.status == wrong.status, "\(answer.text)")
            #expect(answer.headers["content-type"]?.hasPrefix("application/problem+json") == true, "\(answer.headers)")
            let problem = answer.json
            #expect((problem["type"] as? String)?.hasPrefix("/problems/") == true)
            #expect(problem["status"] as? Int == wrong.status)
            #expect((problem["title"] as? String)?.isEmpty == false && (problem["detail"] as? String)?.isEmpty == false)
            let errors = problem["errors"] as? [[String: Any]] ?? []
            if let pointer = wrong.pointer {
                #expect(errors.contains { $0["pointer"] as? String == pointer }, "\(answer.text)")
            }
            #expect(wrong.says.isEmpty || answer.text.contains(wrong.says), "\(answer.text)")
            if wrong.status == 405 { #expect(answer.headers["allow"] != nil) }
            for leak in ["SELECT", "libpq", "/home/", "Sources/", ".swift", "Fatal"] {
                #expect(!answer.text.contains(leak), "\(answer.text)")
            }
        }

        @Test func `a body over the limit is refused before it is read`() throws {
            let body = [UInt8](repeating: 32, count: 5_000_000)
            let answer = try client.send(
                "POST",
                "/api/v1/optimizations",
                headers: ["Content-Type": "application/json"],
                body: body
            )
            #expect(answer.status == 413)
            #expect(answer.json["type"] as? String != nil)
        }

        @Test func `every fault of a body is listed at once`() throws {
            let answer = try client.post(
                "/api/v1/optimizations",
                """
                {"portfolio_id":"port-123456","optimization_type":"magic","objective":"get_rich","surprise":1,
                 "constraints":{"max_turnover":-1,"max_position_size":"big"}}
                """
            )
            let pointers = Set(
                (answer.json["errors"] as? [[String: Any]] ?? []).compactMap { $0["pointer"] as? String }
            )
            #expect(
                pointers.isSuperset(of: [
                    "/optimization_type", "/objective", "/surprise", "/constraints/max_turnover",
                    "/constraints/max_position_size",
                ]),
                "\(answer.text)"
            )
        }

        @Test func `an unknown type of answer is not acceptable`() throws {
            let done = try client.optimize(Self.request(""))
            let id = try #require(done["optimization_id"] as? String)
            let answer = try client.get("/api/v1/optimizations/\(id)", ["Accept": "image/gif"])
            #expect(answer.status == 406)
        }
    }
}
