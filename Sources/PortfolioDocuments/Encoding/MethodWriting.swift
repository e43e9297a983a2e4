import JSON
import PortfolioModel

extension DocumentEncoder {
    /// Writes what single methods were told into an object that is open; what is not set is left out.
    static func writeMethodParameters(_ parameters: MethodParameters, _ writer: inout JSONWriter) {
        if let views = parameters.views {
            writer.name("views")
            writer.array(views) { writeView($1, &$0) }
        }
        writer.member("tau", ifPresent: parameters.tau)
        if let weights = parameters.marketWeights { writer.member("market_weights", map: weights) }
        writer.member("posterior_covariance", ifPresent: parameters.posteriorCovariance)
        if let budgets = parameters.riskBudgets { writer.member("risk_budgets", map: budgets) }
        writer.member("risk_budgets_by", ifPresent: parameters.riskBudgetsBy?.rawValue)
        writer.member("linkage", ifPresent: parameters.linkage?.rawValue)
        writer.member("distance_of_distance", ifPresent: parameters.distanceOfDistance)
        writer.member("cluster_allocation", ifPresent: parameters.clusterAllocation?.rawValue)
        if let count = parameters.clusterCount { writer.member("cluster_count", count) }
        if let uncertainty = parameters.uncertainty {
            writer.name("uncertainty")
            writeUncertainty(uncertainty, &writer)
        }
        if let scenarios = parameters.scenarios {
            writer.name("scenarios")
            writeScenarios(scenarios, &writer)
        }
        writeObjectiveTerms(parameters, &writer)
        if let horizon = parameters.horizon {
            writer.name("horizon")
            writeHorizon(horizon, &writer)
        }
    }

    private static func writeView(_ view: ReturnView, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("instruments", map: view.instruments)
            writer.member("return", view.expectedReturn)
            switch view.uncertainty {
            case .asPrior: break
            case .variance(let variance): writer.member("variance", variance)
            case .confidence(let confidence): writer.member("confidence", confidence)
            }
            if view.isTotal { writer.member("total", true) }
        }
    }

    /// Writes prior and posterior of a Black–Litterman result; returns are above the risk-free rate.
    static func writeBlackLitterman(_ report: BlackLittermanReport, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.name("prior")
            writeWeights(report.prior, &writer)
            writer.name("posterior")
            writeWeights(report.posterior, &writer)
            writer.name("market_weights")
            writeWeights(report.marketWeights, &writer)
            writer.member("tau", report.tau)
            writer.member("risk_aversion", report.riskAversion)
            writer.member("posterior_covariance", report.hasPosteriorCovariance)
            writer.name("view_variances")
            writer.array(report.viewVariances) { writer, variance in
                if let variance { writer.double(variance) } else { writer.null() }
            }
        }
    }
}
