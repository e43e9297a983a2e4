import JSON
import PortfolioModel

extension DocumentEncoder {
    /// Writes a horizon as a request has it.
    static func writeHorizon(_ horizon: Horizon, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("periods", horizon.periodCount)
            if let rows = horizon.expectedReturns {
                writer.name("expected_returns")
                writer.array(rows) { writer, row in
                    writer.array(row) { $0.double($1) }
                }
            }
            if let target = horizon.terminalTarget { writer.member("terminal_target", map: target) }
        }
    }

    /// Writes a planned path's members into an object that is open.
    static func writePath(_ path: PlannedPath, _ writer: inout JSONWriter) {
        writer.member("path_objective", path.objective)
        writer.name("path")
        writer.array(Array(path.periods.enumerated())) { writer, entry in
            let (index, period) = entry
            writer.object { writer in
                writer.member("period", index + 1)
                writer.name("weights")
                writeWeights(period.allocation, &writer)
                writer.member("turnover", period.turnover)
                writer.member("cost", period.cost)
                writer.member("expected_return", period.expectedReturn)
                writer.member("risk", period.risk)
                writer.name("binding_constraints")
                writer.array(period.bindingConstraints) { writeBindingConstraint($1, &$0) }
            }
        }
    }
}
