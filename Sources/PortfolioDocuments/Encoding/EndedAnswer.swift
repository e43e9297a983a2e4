import JSON
import PortfolioModel

/// What the answers of solved requests end with.
extension DocumentEncoder {
    /// Adds how an answer was found, what from, its fingerprint and its warnings to the members that say what it is.
    ///
    /// The fingerprint leaves out identifiers, versions and the time the solver took: equal inputs give equal ones.
    ///
    /// - Parameters:
    ///   - shared: an object with what was recommended.
    ///   - solution: how it was found; nil where nothing was searched for.
    ///   - inputs: what it was computed from.
    ///   - loadingsEstimator: where factor loadings come from, for answers that rest on them.
    ///   - portfolioID: the portfolio it is for.
    ///   - warnings: what the caller should know.
    /// - Returns: an object with all of it, and the fingerprint.
    static func ended(
        _ shared: [UInt8],
        solution: SolutionReport?,
        inputs: ResultInputs,
        loadingsEstimator: String? = nil,
        portfolioID: String,
        warnings: [ResultWarning]
    ) -> (members: [UInt8], hash: String) {
        var written = JSONWriter()
        writeWarnings(warnings, &written)

        var hashed = JSONWriter(reservingCapacity: shared.count + 512)
        hashed.object { writer in
            writer.members(ofObject: shared)
            if let solution {
                writer.name("solution")
                writeSolution(solution, includingTime: false, &writer)
            }
            writer.name("inputs")
            writer.object { writer in
                writeEstimators(inputs, &writer)
                writer.member("loadings", ifPresent: loadingsEstimator)
            }
            writer.name("warnings")
            writer.raw(written.bytes)
        }
        let hash = fingerprint(of: hashed.bytes)

        var whole = JSONWriter(reservingCapacity: shared.count + 1024)
        whole.object { writer in
            writer.members(ofObject: shared)
            if let solution {
                writer.name("solution")
                writeSolution(solution, includingTime: true, &writer)
            }
            writer.name("inputs")
            writer.object { writer in
                writeVersions(inputs.versions, portfolioID: portfolioID, &writer)
                writeEstimators(inputs, &writer)
                writer.member("loadings", ifPresent: loadingsEstimator)
            }
            writer.member("result_hash", hash)
            writer.name("warnings")
            writer.raw(written.bytes)
        }
        return (whole.bytes, hash)
    }

    private static func writeVersions(
        _ versions: SnapshotVersions,
        portfolioID: String,
        _ writer: inout JSONWriter
    ) {
        writer.name("portfolio")
        writer.object { writer in
            writer.member("id", portfolioID)
            writer.member("version", versions.portfolio)
        }
        writer.name("risk_model")
        writer.object { writer in
            writer.member("id", versions.riskModelID)
            writer.member("version", versions.riskModel)
        }
        writer.name("instruments")
        writer.object { $0.member("version", versions.instruments) }
    }

    private static func writeEstimators(_ inputs: ResultInputs, _ writer: inout JSONWriter) {
        writer.member("expected_returns", inputs.expectedReturnsEstimator)
        writer.member("covariance", inputs.covarianceEstimator)
        writer.member("covariance_condition_number", ifPresent: inputs.covarianceConditionNumber)
        writer.member("kernel", inputs.kernel)
    }
}
