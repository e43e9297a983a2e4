import JSON
package import PortfolioModel

/// The parts of a result, each on its own as the tables store them.
extension DocumentEncoder {
    /// The figures of an allocation, with the reasons of those that are null in `metric_notes`.
    package static func metrics(_ metrics: AllocationMetrics) -> [UInt8] { written { writeMetrics(metrics, &$0) } }

    /// A map of weights; exact zeros are left out.
    package static func weights(_ weights: [String: Double]) -> [UInt8] { written { writeWeights(weights, &$0) } }

    /// A list of trades.
    package static func trades(_ trades: [Trade]) -> [UInt8] {
        written { writer in
            writer.array(trades) { writeTrade($1, &$0) }
        }
    }

    /// Why a request has no allocation: `{"code","message","conflicts"}`.
    package static func failure(_ failure: OptimizationFailure) -> [UInt8] {
        written { writeFailure(failure, &$0) }
    }

    static func writeMetrics(_ metrics: AllocationMetrics, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("expected_return", metrics.expectedReturn)
            writer.member("expected_volatility", metrics.expectedVolatility)
            writer.member("sharpe_ratio", orNull: metrics.sharpeRatio)
            writer.member("max_drawdown", orNull: metrics.maxDrawdown)
            writer.member("turnover", metrics.turnover)
            writer.member("information_ratio", orNull: metrics.informationRatio)
            writer.member("risk", metrics.risk)
            writer.member("return_risk_ratio", orNull: metrics.returnRiskRatio)
            writer.member("turnover_two_way", metrics.turnoverTwoWay)
            writer.member("expected_return_net", metrics.expectedReturnNet)
            writer.member("transaction_costs", metrics.transactionCosts)
            writer.member("tax", metrics.tax)
            writer.member("tracking_error", orNull: metrics.trackingError)
            writer.member("diversification_ratio", orNull: metrics.diversificationRatio)
            writer.member("effective_positions", metrics.effectivePositions)
            writer.member("risk_free_rate", metrics.riskFreeRate)
            writer.member("metric_notes", map: metrics.notes)
        }
    }

    static func writeWeights(_ weights: [String: Double], _ writer: inout JSONWriter) {
        writer.object { writer in
            for (id, weight) in weights.sorted(by: { $0.key < $1.key }) where weight != 0 { writer.member(id, weight) }
        }
    }

    static func writeTrade(_ trade: Trade, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("instrument_id", trade.instrumentID)
            writer.member("action", trade.action.rawValue)
            writer.member("quantity", trade.quantity)
            writer.member("estimated_value", trade.estimatedValue)
            writer.member("weight_change", trade.weightChange)
            writer.member("priority", trade.priority)
            writer.member("price", trade.price)
            writer.member("cost", trade.cost)
            writer.name("tax_lots")
            writer.array(trade.taxLots) { writeSoldLot($1, &$0) }
            if let reasons = trade.reasons {
                writer.name("reasons")
                writeReasons(reasons, &writer)
            }
        }
    }

    static func writeReasons(_ reasons: TradeReasons, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("return", reasons.expectedReturn)
            writer.member("risk", reasons.risk)
            writer.member("cost", reasons.cost)
            writer.member("tax", reasons.tax)
            writer.member("constraints", reasons.constraints)
            writer.member("total", reasons.total)
        }
    }

    /// What is not held, with what a unit of each would cost: `[{"instrument_id","reduced_cost"}]`.
    package static func excluded(_ instruments: [ExcludedInstrument]) -> [UInt8] {
        written { writer in
            writer.array(instruments) { writer, instrument in
                writer.object { writer in
                    writer.member("instrument_id", instrument.instrumentID)
                    writer.member("reduced_cost", orNull: instrument.reducedCost)
                }
            }
        }
    }

    private static func writeSoldLot(_ lot: SoldLot, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("acquired_at", lot.acquiredAt.description)
            writer.member("quantity", lot.quantity)
            writer.member("cost_basis", lot.costBasis)
            writer.member("gain", lot.gain)
            writer.member("term", lot.term.rawValue)
            writer.member("disallowed_loss", lot.disallowedLoss)
        }
    }

    static func writeFailure(_ failure: OptimizationFailure, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("code", failure.code)
            writer.member("message", failure.message)
            writer.name("conflicts")
            writeConflicts(failure.conflicts, &writer)
            if !failure.combinedRepair.isEmpty {
                writer.name("combined_repair")
                writeRepair(failure.combinedRepair, &writer)
            }
            if let allocation = failure.minimumRiskAllocation {
                writer.name("minimum_risk_allocation")
                writeWeights(allocation, &writer)
            }
        }
    }

    /// The limits that a repair moves, with their values after it.
    package static func repair(_ repair: [ConstraintRepair]) -> [UInt8] { written { writeRepair(repair, &$0) } }

    private static func writeRepair(_ repair: [ConstraintRepair], _ writer: inout JSONWriter) {
        writer.array(repair) { writer, limit in
            writer.object { writer in
                writeLimit(limit.constraint, of: limit.subject, limit.bound, &writer)
                writer.member("repaired", limit.repaired)
            }
        }
    }

    /// The limits that clash, with the value of each that alone would help.
    package static func conflicts(_ conflicts: [ConstraintConflict]) -> [UInt8] {
        written { writeConflicts(conflicts, &$0) }
    }

    private static func writeConflicts(_ conflicts: [ConstraintConflict], _ writer: inout JSONWriter) {
        writer.array(conflicts) { writer, conflict in
            writer.object { writer in
                writeLimit(conflict.constraint, of: conflict.subject, conflict.bound, &writer)
                writer.member("nearest_feasible", orNull: conflict.nearestFeasible)
            }
        }
    }

    /// Writes which limit an entry is about into an object that is open.
    static func writeLimit(_ constraint: String, of subject: String?, _ bound: Double, _ writer: inout JSONWriter) {
        writer.member("constraint", constraint)
        writer.member("subject", orNull: subject)
        writer.member("bound", bound)
    }

    static func writeBindingConstraint(_ binding: BindingConstraint, _ writer: inout JSONWriter) {
        writer.object { writer in
            writeLimit(binding.constraint, of: binding.subject, binding.bound, &writer)
            writer.member("value", binding.value)
            writer.member("shadow_price", orNull: binding.shadowPrice)
            writer.member("grandfathered_from", ifPresent: binding.grandfatheredFrom)
        }
    }

    static func writeCertificate(_ certificate: OptimalityCertificate, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("objective", certificate.objective)
            writer.member("bound", certificate.bound)
            writer.member("gap", certificate.gap)
            writer.member("budget_price", certificate.budgetPrice)
            if !certificate.budgetPrices.isEmpty {
                writer.name("budget_prices")
                writer.array(certificate.budgetPrices) { writer, price in writer.double(price) }
            }
            if !certificate.scenarioWeights.isEmpty {
                writer.name("scenario_weights")
                writer.array(certificate.scenarioWeights) { writer, entry in
                    writer.object { writer in
                        writer.member("scenario", entry.scenario)
                        writer.member("weight", entry.weight)
                    }
                }
            }
            if !certificate.weightShares.isEmpty {
                writer.name("weight_shares")
                writer.array(certificate.weightShares) { writer, entry in
                    writer.object { writer in
                        writer.member("constraint", entry.constraint)
                        writer.member("instrument_id", entry.instrumentID)
                        writer.member("share", entry.share)
                    }
                }
            }
            guard let relaxation = certificate.relaxation else { return }
            writer.name("relaxation")
            writer.object { writer in
                writer.name("target_allocation")
                writeWeights(relaxation.allocation, &writer)
                writer.name("binding_constraints")
                writer.array(relaxation.bindingConstraints) { writeBindingConstraint($1, &$0) }
                guard !relaxation.diagonal.isEmpty else { return }
                writer.name("diagonal")
                writeWeights(relaxation.diagonal, &writer)
            }
        }
    }

    /// Writes how an optimum was found; the time it took is left out of what is hashed.
    static func writeSolution(_ solution: SolutionReport, includingTime: Bool, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("status", solution.status.rawValue)
            writer.member("solver", solution.solver)
            writer.member("iterations", solution.iterations)
            if includingTime { writer.member("solve_ms", solution.solveMilliseconds) }
            writer.member("primal_residual", solution.primalResidual)
            writer.member("dual_residual", solution.dualResidual)
            writer.member("relative_gap", solution.relativeGap)
        }
    }

    static func writeWarnings(_ warnings: [ResultWarning], _ writer: inout JSONWriter) {
        writer.array(warnings) { writer, warning in
            writer.object { writer in
                writer.member("code", warning.code)
                writer.member("message", warning.message)
            }
        }
    }
}
