import JSON
import PortfolioModel

extension DocumentEncoder {
    /// Writes a caller's scenarios.
    static func writeScenarios(_ scenarios: [ReturnScenario], _ writer: inout JSONWriter) {
        writer.array(scenarios) { writer, scenario in
            writer.object { writer in
                writer.member("name", scenario.name)
                writer.member("probability", ifPresent: scenario.probability)
                writer.member("returns", map: scenario.returns)
            }
        }
    }

    /// Writes what an allocation returns in each of them.
    static func writeScenarioOutcomes(_ report: ScenarioOutcomes, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("expected", report.expected)
            writer.name("worst")
            writer.object { writer in
                writer.member("name", report.worst)
                writer.member(
                    "return",
                    orNull: report.outcomes.first { $0.name == report.worst }?.expectedReturn
                )
            }
            writer.name("scenarios")
            writer.array(report.outcomes) { writer, outcome in
                writer.object { writer in
                    writer.member("name", outcome.name)
                    writer.member("probability", outcome.probability)
                    writer.member("return", outcome.expectedReturn)
                }
            }
        }
    }
}
