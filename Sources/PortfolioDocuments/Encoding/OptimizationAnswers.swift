import JSON
package import PortfolioModel

/// The bodies of `GET /api/v1/optimizations/{id}` in each state, and of the answer to the POST.
extension DocumentEncoder {
    /// A completed optimization, whole.
    package static func optimizationResult(
        id: String,
        request: OptimizationRequest,
        createdAt: Timestamp,
        completedAt: Timestamp,
        result: OptimizationResult
    ) -> [UInt8] {
        WrittenResult(of: request, result).body(id: id, createdAt: createdAt, completedAt: completedAt)
    }

    /// An optimization that ended without an allocation.
    package static func failedOptimization(
        id: String,
        request: OptimizationRequest,
        createdAt: Timestamp,
        completedAt: Timestamp,
        failure: OptimizationFailure
    ) -> [UInt8] {
        written { writer in
            writer.object { writer in
                writeHead(
                    id: id,
                    portfolioID: request.portfolioID,
                    status: .failed,
                    createdAt: createdAt,
                    completedAt: completedAt,
                    &writer
                )
                writeKind(request, &writer)
                writer.name("constraints")
                writeConstraints(request.constraints, &writer)
                writer.name("preferences")
                writePreferences(request.preferences, &writer)
                writer.name("error")
                writeFailure(failure, &writer)
            }
        }
    }

    /// An optimization that failed and whose request cannot be read back: what is known without it.
    package static func failedOptimization(
        id: String,
        portfolioID: String,
        type: String,
        objective: String,
        riskMeasure: String,
        createdAt: Timestamp,
        completedAt: Timestamp,
        failure: OptimizationFailure
    ) -> [UInt8] {
        written { writer in
            writer.object { writer in
                writeHead(
                    id: id,
                    portfolioID: portfolioID,
                    status: .failed,
                    createdAt: createdAt,
                    completedAt: completedAt,
                    &writer
                )
                writer.member("optimization_type", type)
                writer.member("objective", objective)
                writer.member("risk_measure", riskMeasure)
                writer.name("error")
                writeFailure(failure, &writer)
            }
        }
    }

    /// An optimization without an answer: waiting, being worked on, or cancelled.
    package static func pendingOptimization(
        id: String,
        portfolioID: String,
        status: JobStatus,
        type: String,
        objective: String,
        riskMeasure: String,
        createdAt: Timestamp,
        completedAt: Timestamp?
    ) -> [UInt8] {
        written { writer in
            writer.object { writer in
                writeHead(
                    id: id,
                    portfolioID: portfolioID,
                    status: status,
                    createdAt: createdAt,
                    completedAt: completedAt,
                    &writer
                )
                writer.member("optimization_type", type)
                writer.member("objective", objective)
                writer.member("risk_measure", riskMeasure)
            }
        }
    }

    /// The answer to the POST that was accepted.
    package static func acceptedOptimization(
        id: String,
        portfolioID: String,
        status: JobStatus,
        createdAt: Timestamp,
        estimatedCompletion: Timestamp
    ) -> [UInt8] {
        written { writer in
            writer.object { writer in
                writeHead(id: id, portfolioID: portfolioID, status: status, createdAt: createdAt, &writer)
                writer.member("estimated_completion_time", estimatedCompletion.rfc3339)
            }
        }
    }

    /// A fingerprint of what was recommended and why: equal for the same inputs and request, whichever worker solved
    /// them and whenever.
    ///
    /// Identifiers, versions and moments are left out, and the time the solver took.
    package static func resultHash(of request: OptimizationRequest, _ result: OptimizationResult) -> String {
        WrittenResult(of: request, result).hash
    }

    /// Writes the members that say what was recommended and why into an object that is open; all but how it was found.
    static func writeAllocation(_ result: OptimizationResult, _ writer: inout JSONWriter) {
        writer.name("metrics")
        writeMetrics(result.metrics, &writer)
        writer.name("current_allocation")
        writeWeights(result.currentAllocation, &writer)
        writer.name("target_allocation")
        writeWeights(result.targetAllocation, &writer)
        writer.name("trades")
        writer.array(result.trades) { writeTrade($1, &$0) }
        if let frontier = result.efficientFrontier {
            writer.name("efficient_frontier")
            writeFrontierPoints(frontier, &writer)
        }
        writer.name("constraints")
        writeConstraints(result.constraints, &writer)
        writeGrandfathered(result.grandfatheredLimits, under: result.constraints, &writer)
        writeSoftLimits(result.softLimits, under: result.constraints, &writer)
        writer.name("preferences")
        writePreferences(result.preferences, &writer)
        writer.name("binding_constraints")
        writer.array(result.bindingConstraints) { writeBindingConstraint($1, &$0) }
        if let certificate = result.certificate {
            writer.name("certificate")
            writeCertificate(certificate, &writer)
        }
        writer.name("risk_contributions")
        writeWeights(result.riskContributions, &writer)
        if let values = result.objectiveTerms {
            writeTermValues(values, &writer)
            if let points = result.paretoSet {
                writer.name("pareto_set")
                writeParetoSet(points, values.map(\.term), &writer)
            }
        }
        if let report = result.blackLitterman {
            writer.name("black_litterman")
            writeBlackLitterman(report, &writer)
        }
        if let report = result.robust {
            writer.name("robust")
            writeRobust(report, &writer)
        }
        if let report = result.scenarioOutcomes {
            writer.name("scenario_outcomes")
            writeScenarioOutcomes(report, &writer)
        }
        if let path = result.path { writePath(path, &writer) }
    }

    /// Writes what every answer about an optimization begins with into an object that is open.
    static func writeHead(
        id: String,
        portfolioID: String,
        status: JobStatus,
        createdAt: Timestamp,
        completedAt: Timestamp? = nil,
        _ writer: inout JSONWriter
    ) {
        writer.member("optimization_id", id)
        writer.member("portfolio_id", portfolioID)
        writer.member("status", status.rawValue)
        writer.member("created_at", createdAt.rfc3339)
        writer.member("completed_at", ifPresent: completedAt?.rfc3339)
    }
}
