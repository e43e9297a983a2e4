import JSON
import PortfolioModel

extension DocumentEncoder {
    /// Writes what a robust optimization guards against.
    static func writeUncertainty(_ uncertainty: Uncertainty, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("kind", uncertainty.kind.rawValue)
            writer.member("size", uncertainty.size)
            writeMatrix("covariance", uncertainty.covariance, &writer)
            writeMatrix("lower", uncertainty.lower, &writer)
            writeMatrix("upper", uncertainty.upper, &writer)
            writer.member("norm", ifPresent: uncertainty.norm?.rawValue)
            if let radii = uncertainty.radii { writer.member("radii", map: radii) }
        }
    }

    /// Writes the worst that can happen to an allocation.
    static func writeRobust(_ report: RobustReport, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("kind", report.kind.rawValue)
            writer.member("size", report.size)
            writer.member("worst_case_return", report.worstCaseReturn)
            writer.member("worst_case_volatility", report.worstCaseVolatility)
            writer.member("worst_case_risk", report.worstCaseRisk)
            if let returns = report.worstCaseExpectedReturns {
                writer.member("worst_case_expected_returns", map: returns)
            }
        }
    }
}
