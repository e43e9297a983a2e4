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
    ///   - solution: how it was found.
    ///   - inputs: what it was computed from.
    ///   - portfolioID: the portfolio it is for.
    ///   - warnings: what the caller should know.
    /// - Returns: an object with all of it, and the fingerprint.
    static func ended(
        _ shared: [UInt8],
        solution: SolutionReport,
        inputs: ResultInputs,
        portfolioID: String,
        warnings: [ResultWarning]
    ) -> (members: [UInt8], hash: String) {
        var written = JSONWriter()
        writeWarnings(warnings, &written)

        var hashed = JSONWriter(reservingCapacity: shared.count + 512)
        hashed.object { writer in
            writer.members(ofObject: shared)
            writer.name("solution")
            writeSolution(solution, includingTime: false, &writer)
            writer.name("inputs")
            writer.object { writeEstimators(inputs, &$0) }
            writer.name("warnings")
            writer.raw(written.bytes)
        }
        let hash = fingerprint(of: hashed.bytes)

        var whole = JSONWriter(reservingCapacity: shared.count + 1024)
        whole.object { writer in
            writer.members(ofObject: shared)
            writer.name("solution")
            writeSolution(solution, includingTime: true, &writer)
            writer.name("inputs")
            writeInputs(inputs, portfolioID: portfolioID, &writer)
            writer.member("result_hash", hash)
            writer.name("warnings")
            writer.raw(written.bytes)
        }
        return (whole.bytes, hash)
    }
}
