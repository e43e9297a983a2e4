import JSON
package import PortfolioModel

/// Factor analyses as documents.
extension DocumentEncoder {
    /// A request as it is stored, without its portfolio: the names sorted, so that equal requests have equal bytes.
    package static func factorAnalysisRequest(_ request: FactorAnalysisRequest) -> [UInt8] {
        written { writer in
            writer.object { writer in
                writer.name("factors")
                writer.array(request.factors.sorted()) { $0.string($1) }
            }
        }
    }

    /// The members of a completed answer after its moments, as an object.
    package static func factorAnalysisMembers(
        _ request: FactorAnalysisRequest,
        _ result: FactorAnalysisResult
    ) -> [UInt8] {
        var shared = JSONWriter(reservingCapacity: 8_192)
        shared.object { writeAnalysis(result, &$0) }
        return ended(
            shared.bytes,
            solution: nil,
            inputs: result.inputs,
            loadingsEstimator: result.loadingsEstimator,
            portfolioID: request.portfolioID,
            warnings: result.warnings
        ).members
    }

    private static func writeAnalysis(_ result: FactorAnalysisResult, _ writer: inout JSONWriter) {
        writer.member("as_of", result.asOf.rfc3339)
        writer.name("factors")
        writer.array(result.exposures.map(\.factor)) { $0.string($1) }
        writer.name("exposures")
        writer.array(result.exposures) { writer, exposure in
            writer.object { writer in
                writer.member("factor", exposure.factor)
                writer.member("exposure", exposure.exposure)
                writer.member("benchmark_exposure", orNull: exposure.benchmarkExposure)
                writer.member("active_exposure", orNull: exposure.activeExposure)
            }
        }
        writer.member("volatility", result.risk.total)
        writeParts("attribution", result.risk, &writer)
        writer.member("tracking_error", orNull: result.activeRisk?.total)
        writeParts("active_attribution", result.activeRisk, &writer)
        writer.member("attributed_return", orNull: result.returns?.total)
        writeParts("return_attribution", result.returns, &writer)
        writeSegments(result.segments, &writer)
        writer.name("regressions")
        writer.array(result.regressions) { writeRegression($1, factors: result.factors, &$0) }
        writer.member("metric_notes", map: result.notes)
    }

    private static func writeParts(_ name: String, _ total: AttributedTotal?, _ writer: inout JSONWriter) {
        writer.name(name)
        guard let total else {
            writer.null()
            return
        }
        writer.array(total.parts) { writer, part in
            writer.object { writer in
                writer.member("factor", part.factor)
                writer.member("contribution", part.contribution)
                writer.member("percent_contribution", orNull: part.percentContribution)
            }
        }
    }

    private static func writeSegments(_ segments: [SegmentAttribution]?, _ writer: inout JSONWriter) {
        writer.name("sector_attribution")
        guard let segments else {
            writer.null()
            return
        }
        writer.array(segments) { writer, segment in
            writer.object { writer in
                writer.member("sector", segment.segment)
                writer.member("weight", segment.weight)
                writer.member("benchmark_weight", segment.benchmarkWeight)
                writer.member("allocation", segment.allocation)
                writer.member("selection", segment.selection)
            }
        }
    }

    private static func writeRegression(_ named: NamedRegression, factors: [String], _ writer: inout JSONWriter) {
        let fit = named.regression
        writer.object { writer in
            writer.member("instrument_id", orNull: named.instrumentID)
            writer.member("observations", fit.observationCount)
            writer.member("lags", fit.lags)
            writer.member("r_squared", orNull: fit.rSquared)
            writer.member("residual_variance", fit.residualVariance)
            writer.name("coefficients")
            writer.array(Array(fit.coefficients.enumerated())) { writer, coefficient in
                let (index, value) = (coefficient.offset, coefficient.element)
                writer.object { writer in
                    writer.member("factor", orNull: index == 0 ? nil : factors[index - 1])
                    writer.member("loading", value)
                    writer.member("standard_error", fit.standardErrors[index])
                    writer.member("t_value", orNull: fit.tValues[index])
                    writer.member("newey_west_standard_error", fit.neweyWestStandardErrors[index])
                    writer.member("newey_west_t_value", orNull: fit.neweyWestTValues[index])
                }
            }
        }
    }
}
