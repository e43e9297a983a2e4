import Foundation
import TestSupport

/// What takes more than one quadratic program: several periods, worst cases, scenarios of the caller's, sums of terms and
/// sets that none dominates, all of five hundred names with limits.
struct RichObjectives: Scenario {
    let name = "rich-objectives"
    let summary = "500 names on 20 factors: paths, worst cases, terms and non-dominated sets, from POST to completed"

    private static let book = FactorBook(id: "bench-rich", names: 500, factors: 20)

    /// What is asked for, after the portfolio; `%d` makes every request a new one.
    private static let requests: [(name: String, body: String, goal: Double?)] = [
        (
            "12 periods",
            #""optimization_type":"multi_period","objective":"maximize_utility","horizon":{"periods":12}"#, 2_000
        ),
        (
            "worst returns, ellipsoid",
            #""optimization_type":"robust","objective":"maximize_utility","uncertainty":{"kind":"ellipsoidal","size":1.%d,"#
                + #""covariance":\#(errors)}"#, nil
        ),
        (
            "four terms",
            #""optimization_type":"custom","objective":"custom","custom_objective":[{"term":"return","weight":1},"#
                + #"{"term":"variance","weight":-3.%d},{"term":"concentration","weight":-0.01},{"term":"turnover","weight":-0.002}]"#,
            nil
        ),
        (
            "20 points of return and variance",
            #""optimization_type":"mean_variance","objective":"multi_objective","pareto_points":20,"objectives":["#
                + #"{"term":"return","weight":1},{"term":"variance","weight":-3.%d}]"#, nil
        ),
    ]

    /// The covariance of the errors of expected returns: two percent each, by themselves.
    private static let errors: String = {
        let rows = (0..<book.names).map { row in
            "[" + (0..<book.names).map { $0 == row ? "0.0004" : "0" }.joined(separator: ",") + "]"
        }
        return "[\(rows.joined(separator: ","))]"
    }()

    func measure(_ site: Site) throws -> [Figure] {
        try Self.book.putInstruments(site.client)
        try Self.book.putModel(site.client)
        try Self.book.putPortfolio(site.client)
        let limits =
            #""constraints":{"max_position_size":0.05,"max_sector_exposure":0.25,"max_turnover":0.5}"#
        return try Self.requests.map { name, body, goal in
            var times: [Double] = []
            for round in 0..<(site.isQuick ? 2 : 6) {
                let asked = body.replacingOccurrences(of: "%d", with: "\(round)")
                let preferences = #""preferences":{"risk_aversion":4.\#(round),"include_transaction_costs":true}"#
                times.append(
                    try site.roundTrip(#"{"portfolio_id":"\#(Self.book.id)",\#(asked),\#(limits),\#(preferences)}"#)
                )
            }
            // The first finds the risk model in no worker's memory.
            let warm = Array(times.dropFirst())
            return Figure(
                name: "\(name), p50",
                value: median(warm),
                unit: "ms",
                goal: goal.map { .atMost($0) },
                samples: times
            )
        }
    }
}
