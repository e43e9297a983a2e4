import JSON
package import PortfolioModel

/// Efficient frontiers as documents.
extension DocumentEncoder {
    /// A request as it is stored, without its portfolio; it reads back to the same value.
    package static func frontierRequest(_ request: FrontierRequest) -> [UInt8] {
        written { writer in
            writer.object { writer in
                writer.member("risk_measure", request.riskMeasure.rawValue)
                writer.member("points", request.pointCount)
                writer.member("min_return", ifPresent: request.minimumReturn)
                writer.member("max_risk", ifPresent: request.maximumRisk)
                if request.includesCornerPortfolios { writer.member("corner_portfolios", true) }
                writer.name("constraints")
                writeConstraints(request.constraints, &writer)
                writer.name("preferences")
                writePreferences(request.preferences, &writer)
            }
        }
    }

    /// The members of a completed answer after its moments, as an object.
    package static func frontierMembers(_ request: FrontierRequest, _ result: FrontierResult) -> [UInt8] {
        var shared = JSONWriter(reservingCapacity: 16_384)
        shared.object { writeCurve(request, result, &$0) }
        return ended(
            shared.bytes,
            solution: result.solution,
            inputs: result.inputs,
            portfolioID: request.portfolioID,
            warnings: result.warnings
        ).members
    }

    private static func writeCurve(
        _ request: FrontierRequest,
        _ result: FrontierResult,
        _ writer: inout JSONWriter
    ) {
        writer.member("risk_measure", request.riskMeasure.rawValue)
        writer.member("points", request.pointCount)
        writer.member("min_return", ifPresent: request.minimumReturn)
        writer.member("max_risk", ifPresent: request.maximumRisk)
        writer.name("efficient_frontier")
        writeFrontierPoints(result.points, &writer)
        writer.name("current_portfolio")
        writeFrontierPoint(result.currentPortfolio, &writer)
        writer.name("optimal_portfolio")
        if let optimal = result.optimalPortfolio { writeFrontierPoint(optimal, &writer) } else { writer.null() }
        writer.name("min_risk_portfolio")
        writeFrontierPoint(result.minimumRiskPortfolio, &writer)
        writer.name("max_return_portfolio")
        writeFrontierPoint(result.maximumReturnPortfolio, &writer)
        if request.includesCornerPortfolios {
            writer.name("corner_portfolios")
            if let corners = result.cornerPortfolios { writeFrontierPoints(corners, &writer) } else { writer.null() }
        }
        writer.name("instruments")
        writer.object { writer in
            for (id, point) in result.instruments.compactMap(Self.instrument).sorted(by: { $0.id < $1.id }) {
                writer.name(id)
                writer.object { writer in
                    writer.member("return", point.expectedReturn)
                    writer.member("risk", point.risk)
                }
            }
        }
        writer.name("constraints")
        writeConstraints(result.constraints, &writer)
        writeGrandfathered(result.grandfatheredLimits, under: result.constraints, &writer)
        writer.name("preferences")
        writePreferences(result.preferences, &writer)
    }

    /// The instrument that a point stands for alone.
    private static func instrument(_ point: FrontierPoint) -> (id: String, point: FrontierPoint)? {
        point.weights.keys.first.map { ($0, point) }
    }

    /// Writes portfolios along a curve.
    static func writeFrontierPoints(_ points: [FrontierPoint], _ writer: inout JSONWriter) {
        writer.array(points) { writeFrontierPoint($1, &$0) }
    }

    private static func writeFrontierPoint(_ point: FrontierPoint, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("return", point.expectedReturn)
            writer.member("risk", point.risk)
            writer.member("sharpe", orNull: point.sharpe)
            writer.name("weights")
            writeWeights(point.weights, &writer)
        }
    }
}
