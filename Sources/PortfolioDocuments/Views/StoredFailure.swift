import JSON
package import PortfolioModel

/// Why a stored answer has no result, read back.
package enum StoredFailure {
    /// Reads the `error` of an answer; nil when it has none.
    ///
    /// - Throws: ``JSONSyntaxFault`` for what is not JSON.
    package static func read(_ bytes: UnsafeRawBufferPointer) throws -> OptimizationFailure? {
        guard let error = try JSONDocument(parsing: bytes).root["error"], let code = error["code"]?.string else {
            return nil
        }
        let conflicts = (error["conflicts"]?.elements ?? []).map { conflict in
            ConstraintConflict(
                constraint: conflict["constraint"]?.string ?? "",
                subject: conflict["subject"]?.string,
                bound: conflict["bound"]?.double ?? .nan,
                nearestFeasible: conflict["nearest_feasible"]?.double
            )
        }
        var failure = OptimizationFailure(code: code, message: error["message"]?.string ?? "", conflicts: conflicts)
        failure.combinedRepair = (error["combined_repair"]?.elements ?? []).map { limit in
            ConstraintRepair(
                constraint: limit["constraint"]?.string ?? "",
                subject: limit["subject"]?.string,
                bound: limit["bound"]?.double ?? .nan,
                repaired: limit["repaired"]?.double ?? .nan
            )
        }
        return failure
    }
}
