import JSON
import PortfolioModel

/// The answer to `GET /api/v1/capabilities`.
extension DocumentEncoder {
    /// Every combination that works, every limit's name, every estimator, and how large things may be.
    ///
    /// - Parameter limits: those of the interface that documents know nothing of, by name.
    /// - Returns: the document.
    package static func capabilities(limits: [(name: String, value: Int)]) -> [UInt8] {
        written { writer in
            writer.object { writer in
                writer.name("combinations")
                writer.array(Capabilities.combinations) { writeCombination($1, &$0) }
                writer.name("parameters")
                writer.object { writer in
                    for (type, fields) in fieldsByType { writeNames(type.rawValue, fields, &writer) }
                }
                writeKnownTerms(&writer)
                writeNames("constraints", Capabilities.constraints, &writer)
                writer.name("estimators")
                writer.object { writer in
                    writeNames("expected_returns", Capabilities.expectedReturnsEstimators, &writer)
                    writeNames("covariance", Capabilities.covarianceEstimators, &writer)
                }
                writer.name("limits")
                writer.object { writer in
                    for (name, value) in DocumentLimits.published + limits { writer.member(name, value) }
                }
            }
        }
    }

    private static func writeCombination(_ combination: MethodCombination, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("optimization_type", combination.type.rawValue)
            writer.member("objective", combination.objective.rawValue)
            writeNames("risk_measures", combination.riskMeasures.map(\.rawValue), &writer)
            let refused = Capabilities.constraints.filter { name in
                combination.riskMeasures.contains {
                    Capabilities.refusedConstraints(of: combination.type, combination.objective, $0).contains(name)
                }
            }
            if !refused.isEmpty { writeNames("refused_constraints", refused, &writer) }
        }
    }

    private static func writeNames(_ name: String, _ names: [String], _ writer: inout JSONWriter) {
        writer.name(name)
        writer.array(names) { $0.string($1) }
    }
}

extension DocumentLimits {
    /// The limits that callers are told, by name.
    fileprivate static let published: [(name: String, value: Int)] = [
        ("instruments_dense", denseInstruments), ("instruments_factor_model", factorModelInstruments),
        ("instruments_per_put", instrumentsPerPut), ("positions", positions), ("universe", universe),
        ("tax_lots_per_position", lotsPerPosition), ("recent_trades", recentTrades), ("groups", groups),
        ("views", views), ("scenarios", scenarios), ("objective_terms", objectiveTerms),
        ("fixed_cost_instruments", Capabilities.fixedCostInstruments),
        ("fixed_cost_instruments_of_ratios", Capabilities.fixedCostInstrumentsOfRatios),
        ("horizon_periods", Capabilities.horizonPeriods),
        ("horizon_weights_dense", Capabilities.horizonWeights.dense),
        ("horizon_weights_factor_model", Capabilities.horizonWeights.inParts), ("factors", factors),
        ("periods", periods),
        ("name_length", nameLength),
        ("identifier_length", identifierLength), ("faults", faults),
        ("frontier_points", FrontierRequest.pointRange.upperBound),
        ("pareto_points", MethodParameters.paretoPointRange.upperBound),
    ]
}
