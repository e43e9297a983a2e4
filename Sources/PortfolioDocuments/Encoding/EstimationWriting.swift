import JSON
import PortfolioModel

extension DocumentEncoder {
    /// Writes how moments are to be estimated, where the request says anything of it.
    static func writeEstimation(_ estimation: Estimation, _ writer: inout JSONWriter) {
        guard !estimation.isDefault else { return }
        writer.name("estimation")
        writer.object { writer in
            writer.member("expected_returns", ifPresent: estimation.expectedReturns?.rawValue)
            writer.member("covariance", ifPresent: estimation.covariance?.rawValue)
            writer.member("half_life", ifPresent: estimation.halfLife)
        }
    }
}
