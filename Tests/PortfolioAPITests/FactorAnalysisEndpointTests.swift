import FunctionRuntime
import JSON
import PortfolioModel
import Repository
import TestSupport
import Testing

@Suite("Factor exposures over REST")
struct FactorAnalysisEndpointTests {
    let api: APIUnderTest
    private let path = "/api/v1/portfolios/demo/factor-exposures"

    /// An answer as the worker writes it, with a benchmark and without a history.
    private static let answer =
        #"{"analysis_id":"fac-1","portfolio_id":"demo","as_of":"2025-06-20T00:00:00Z","factors":["MKT","SIZE"],"#
        + #""exposures":[{"factor":"MKT","exposure":1.1,"benchmark_exposure":1,"active_exposure":0.1},"#
        + #"{"factor":"SIZE","exposure":-0.2,"benchmark_exposure":0,"active_exposure":-0.2}],"volatility":0.2,"#
        + #""attribution":[{"factor":"MKT","contribution":0.15,"percent_contribution":0.75},"#
        + #"{"factor":"SIZE","contribution":0.01,"percent_contribution":0.05},"#
        + #"{"factor":"specific","contribution":0.04,"percent_contribution":0.2}],"tracking_error":0.05,"#
        + #""active_attribution":[{"factor":"MKT","contribution":0.05,"percent_contribution":1}],"#
        + #""attributed_return":null,"return_attribution":null,"sector_attribution":null,"#
        + #""regressions":[{"instrument_id":null,"observations":24,"r_squared":0.9,"coefficients":["#
        + #"{"factor":null,"loading":0.001,"standard_error":0.1,"t_value":0.01,"newey_west_standard_error":0.1,"#
        + #""newey_west_t_value":0.01}]}]}"#

    init() throws { api = try APIUnderTest() }

    private func complete(_ target: String) throws -> String {
        guard case .park(let parked) = api.outcome(api.request("GET", target)) else {
            Issue.record("not parked")
            return ""
        }
        api.world.computations.end(parked.key, as: .completed, body: Self.answer, forGood: true)
        return parked.key
    }

    @Test func `the factors named are asked for, in whatever order`() throws {
        let id = try complete(path + "?factors=SIZE,MKT")
        #expect(id.hasPrefix("fac-"))
        let stored = try #require(api.world.computations.submitted.first)
        #expect(String(decoding: stored.request.document, as: UTF8.self) == #"{"factors":["MKT","SIZE"]}"#)
        let same = api.send("GET", path + "?factors=MKT,SIZE")
        #expect(same.status == 200 && same.text == Self.answer)
        #expect(same.headers["Content-Location"] == "/api/v1/factor-analyses/\(id)")
        #expect(api.send("GET", "/api/v1/factor-analyses/\(id)").text == Self.answer)
    }

    @Test func `no factors are all factors`() throws {
        _ = try complete(path)
        #expect(api.send("GET", path + "?factors=").status == 200)
        let stored = api.world.computations.submitted
        #expect(stored.map { String(decoding: $0.request.document, as: UTF8.self) } == [#"{"factors":[]}"#])
    }

    @Test(arguments: ["?factors=a%2Fb", "?factors=MKT,MKT", "?factors=MKT,", "?factor=MKT", "?factors=A&factors=B"])
    func `a query that names no factors is refused`(_ query: String) {
        let answer = api.send("GET", path + query)
        #expect(answer.status == 422, "\(query)")
        #expect(api.world.computations.submitted.isEmpty)
    }

    @Test func `a POST is not a way to ask`() {
        let answer = api.send("POST", path, body: "{}")
        #expect(answer.status == 405 && answer.headers["Allow"] == "GET, HEAD")
    }

    @Test func `an analysis comes as tables`() throws {
        let id = try complete(path)
        let target = "/api/v1/factor-analyses/\(id)"
        let exposures = api.send("GET", target, headers: ["accept": "text/csv"])
        #expect(
            exposures.text
                == "factor,exposure,benchmark_exposure,active_exposure\r\nMKT,1.1,1,0.1\r\nSIZE,-0.2,0,-0.2\r\n"
        )
        let parts = api.send("GET", target + "?format=csv&part=attribution").text
        #expect(parts.hasPrefix("factor,contribution,percent_contribution\r\nMKT,0.15,0.75\r\n"))
        #expect(
            api.send("GET", target + "?part=return_attribution").text == "factor,contribution,percent_contribution\r\n"
        )
        #expect(api.send("GET", target + "?part=regressions").text.contains("\r\n,,0.001,0.1,0.01,0.1,0.01,0.9,24\r\n"))
        #expect(api.send("GET", target + "?part=nothing").status == 422)
    }

    @Test func `an analysis comes as charts`() throws {
        let id = try complete(path)
        let target = "/api/v1/factor-analyses/\(id)"
        let exposures = api.send("GET", target, headers: ["accept": "image/svg+xml"])
        #expect(exposures.headers["Content-Type"]?.hasPrefix("image/svg+xml") == true)
        #expect(exposures.text.contains("MKT, active: 0.10") && exposures.text.contains(">benchmark<"))
        let parts = api.send("GET", target + "?chart=attribution").text
        #expect(parts.contains("specific, volatility: 4.00%") && parts.contains("tracking error 5.00%"))
        let top = api.send("GET", target + "?format=svg&top=1").text
        #expect(top.contains("MKT, portfolio") && !top.contains("SIZE, portfolio"))
    }
}
