import JSON
package import PortfolioModel

/// Writes domain values as documents: compact JSON, members in a fixed order, maps sorted, so that equal values give
/// equal bytes.
package enum DocumentEncoder {
    /// A request as it is stored; it reads back to the same value.
    package static func optimizationRequest(_ request: OptimizationRequest) -> [UInt8] {
        written { writer in
            writer.object { writer in
                writer.member("portfolio_id", request.portfolioID)
                writeKind(request, &writer)
                writer.name("constraints")
                writeConstraints(request.constraints, &writer)
                writer.name("preferences")
                writePreferences(request.preferences, &writer)
                writeMethodParameters(request.parameters, &writer)
                if request.frontierPointCount > 0 { writer.member("frontier_points", request.frontierPointCount) }
                writeEstimation(request.estimation, &writer)
            }
        }
    }

    /// An object that was written, with one member more at its end, whose value was written too.
    package static func extended(_ object: [UInt8], with name: String, _ value: [UInt8]) -> [UInt8] {
        var bytes = object
        bytes.reserveCapacity(object.count + name.utf8.count + value.count + 4)
        guard let brace = bytes.popLast() else { return value }
        if bytes.last != UInt8(ascii: "{") { bytes.append(UInt8(ascii: ",")) }
        bytes += Array("\"\(name)\":".utf8) + value
        bytes.append(brace)
        return bytes
    }

    /// Constraints; those not set are left out.
    package static func constraints(_ constraints: Constraints) -> [UInt8] {
        written { writeConstraints(constraints, &$0) }
    }

    /// Preferences; those not set are left out.
    package static func preferences(_ preferences: Preferences) -> [UInt8] {
        written { writePreferences(preferences, &$0) }
    }

    /// One instrument.
    package static func instrument(_ instrument: Instrument) -> [UInt8] {
        written { writeInstrument(instrument, &$0) }
    }

    /// A page of instruments: the answer to `GET /api/v1/instruments`.
    package static func instruments(_ instruments: [Instrument], nextCursor: String?) -> [UInt8] {
        written { writer in
            writer.object { writer in
                writer.name("instruments")
                writer.array(instruments) { writeInstrument($1, &$0) }
                writer.member("next_cursor", orNull: nextCursor)
            }
        }
    }

    /// A portfolio as it is stored; it reads back to the same value.
    package static func portfolio(_ portfolio: Portfolio) -> [UInt8] {
        written { writer in
            writer.object { writePortfolioMembers(portfolio, &$0) }
        }
    }

    /// The answer to `GET /api/v1/portfolios/{id}`.
    package static func portfolio(
        _ portfolio: Portfolio,
        id: String,
        version: Int,
        storedAt: Timestamp
    ) -> [UInt8] {
        written { writer in
            writer.object { writer in
                writer.member("portfolio_id", id)
                writer.member("version", version)
                writer.member("stored_at", storedAt.rfc3339)
                writePortfolioMembers(portfolio, &writer)
            }
        }
    }

    /// A risk model as it is stored: everything but its matrices; it reads back to the value without them.
    package static func riskModelMetadata(_ model: RiskModel) -> [UInt8] {
        written { writer in
            writer.object { writeRiskModelMembers(model, includingMatrices: false, &$0) }
        }
    }

    /// The answer to `GET /api/v1/risk-models/{id}`.
    package static func riskModel(
        _ model: RiskModel,
        id: String,
        version: Int,
        storedAt: Timestamp,
        includingMatrices: Bool
    ) -> [UInt8] {
        written { writer in
            writer.object { writer in
                writer.member("risk_model_id", id)
                writer.member("version", version)
                writer.member("stored_at", storedAt.rfc3339)
                writeRiskModelMembers(model, includingMatrices: includingMatrices, &writer)
            }
        }
    }

    static func written(_ write: (inout JSONWriter) -> Void) -> [UInt8] {
        var writer = JSONWriter()
        write(&writer)
        return writer.bytes
    }

    /// Writes type, objective and risk measure.
    static func writeKind(_ request: OptimizationRequest, _ writer: inout JSONWriter) {
        writer.member("optimization_type", request.type.rawValue)
        writer.member("objective", request.objective.rawValue)
        writer.member("risk_measure", request.riskMeasure.rawValue)
    }
}
