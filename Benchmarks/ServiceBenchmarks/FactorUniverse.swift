import Foundation
import TestSupport

/// A universe of ten thousand names on sixty factors, long only with sector limits and turnover: what a worker takes that
/// has the risk model in memory, and one that has not, and the memory that leaves it with.
struct FactorUniverse: Scenario {
    let name = "factor-universe"
    let summary = "10,000 names on 60 factors, from POST to completed"

    private static let universe = FactorBook(id: "bench-factors", names: 10_000, factors: 60)

    func measure(_ site: Site) throws -> [Figure] {
        let client = site.client
        let universe = Self.universe
        try universe.putInstruments(client)
        var cold: [Double] = []
        var warm: [Double] = []
        let rounds = site.isQuick ? 1 : 3
        for round in 0..<rounds {
            // A new version of the risk model is in no worker's memory.
            try universe.putModel(client)
            try universe.putPortfolio(client)
            for objective in ["minimize_risk", "maximize_utility", "maximize_sharpe"] {
                let request =
                    #"{"portfolio_id":"bench-factors","optimization_type":"mean_variance","objective":"\#(objective)","#
                    + #""constraints":{"max_position_size":0.02,"max_sector_exposure":0.15,"max_turnover":0.3},"#
                    + #""preferences":{"risk_aversion":\#(4 + Double(round) / 1024)}}"#
                let milliseconds = try site.roundTrip(request)
                if objective == "minimize_risk" { cold.append(milliseconds) } else { warm.append(milliseconds) }
            }
        }
        return [
            Figure(name: "cold, slowest", value: cold.max() ?? 0, unit: "ms", goal: .atMost(3_000), samples: cold),
            Figure(
                name: "warm or cold, slowest",
                value: warm.max() ?? 0,
                unit: "ms",
                goal: .atMost(1_000),
                samples: warm
            ),
            Figure(name: "peak memory of a worker", value: try site.peakMegabytes(), unit: "MB", goal: .atMost(500)),
        ]
    }
}
