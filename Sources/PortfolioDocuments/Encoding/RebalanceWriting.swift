import JSON
package import PortfolioModel

/// Rebalance plans as documents.
extension DocumentEncoder {
    /// A request as it is stored, without its portfolio; it reads back to the same value.
    package static func rebalanceRequest(_ request: RebalanceRequest) -> [UInt8] {
        written { writer in
            writer.object { writer in
                writer.member("target_type", request.target.rawValue)
                if let allocation = request.targetAllocation {
                    writer.name("target_allocation")
                    writeWeights(allocation, &writer)
                }
                writer.member("optimization_id", ifPresent: request.optimizationID)
                if let allocation = request.referencedAllocation {
                    writer.name("referenced_allocation")
                    writeWeights(allocation, &writer)
                }
                if request.target == .optimal, request.optimizationID == nil { writeObjective(request, &writer) }
                writer.name("constraints")
                writeLimits(request.constraints, request.minTradeSize, request.maxTrades, &writer)
                writer.member("drift_band", ifPresent: request.driftBand)
                writer.name("preferences")
                writePreferences(request.preferences, &writer)
                writer.member("whole_lots", request.wholeLots)
                writer.member("tax_lot_method", ifPresent: request.taxLotMethod?.rawValue)
                if !request.lotOrder.isEmpty { writeLotOrder(request.lotOrder, &writer) }
            }
        }
    }

    private static func writeObjective(_ request: RebalanceRequest, _ writer: inout JSONWriter) {
        writer.member("optimization_type", request.type.rawValue)
        writer.member("objective", request.objective.rawValue)
        writer.member("risk_measure", request.riskMeasure.rawValue)
    }

    private static func writeLimits(
        _ constraints: Constraints,
        _ minTradeSize: Double?,
        _ maxTrades: Int?,
        _ writer: inout JSONWriter
    ) {
        var limits = JSONWriter()
        writeConstraints(constraints, &limits)
        writer.object { writer in
            writer.members(ofObject: limits.bytes)
            writer.member("min_trade_size", ifPresent: minTradeSize)
            if let maxTrades { writer.member("max_trades", maxTrades) }
        }
    }

    private static func writeLotOrder(_ order: [String: [CalendarDate]], _ writer: inout JSONWriter) {
        writer.name("lot_order")
        writer.object { writer in
            for (id, days) in order.sorted(by: { $0.key < $1.key }) {
                writer.name(id)
                writer.array(days) { $0.string($1.description) }
            }
        }
    }

    /// The members of a completed answer after its moments, as an object.
    package static func rebalanceMembers(_ request: RebalanceRequest, _ result: RebalanceResult) -> [UInt8] {
        var shared = JSONWriter(reservingCapacity: 16_384)
        shared.object { writePlan(request, result, &$0) }
        return ended(
            shared.bytes,
            solution: result.solution,
            inputs: result.inputs,
            portfolioID: request.portfolioID,
            warnings: result.warnings
        ).members
    }

    private static func writePlan(_ request: RebalanceRequest, _ result: RebalanceResult, _ writer: inout JSONWriter) {
        writer.member("target_type", result.target.rawValue)
        writer.member("optimization_id", ifPresent: request.optimizationID)
        if request.target == .optimal, request.optimizationID == nil { writeObjective(request, &writer) }
        writer.name("current_allocation")
        writeWeights(result.currentAllocation, &writer)
        writer.name("desired_allocation")
        writeWeights(result.desiredAllocation, &writer)
        writer.name("target_allocation")
        writeWeights(result.targetAllocation, &writer)
        writer.name("trades")
        writer.array(result.trades) { writePlannedTrade($1, &$0) }
        writer.name("metrics")
        writeMetrics(result.metrics, &writer)
        writer.name("constraints")
        writeLimits(result.constraints, result.minTradeSize, result.maxTrades, &writer)
        writeGrandfathered(result.grandfatheredLimits, under: result.constraints, &writer)
        writer.member("drift_band", ifPresent: result.driftBand)
        writer.name("preferences")
        writePreferences(result.preferences, &writer)
        writer.member("whole_lots", result.wholeLots)
        writer.member("tax_lot_method", result.taxLotMethod.rawValue)
        if !request.lotOrder.isEmpty { writeLotOrder(request.lotOrder, &writer) }
    }

    private static func writePlannedTrade(_ planned: PlannedTrade, _ writer: inout JSONWriter) {
        var trade = JSONWriter()
        writeTrade(planned.trade, &trade)
        writer.object { writer in
            writer.members(ofObject: trade.bytes)
            writer.member("cash_after", planned.cashAfter)
            writer.member("closes_position", planned.closesPosition)
            writer.name("reasons")
            writeReasons(planned.reasons, &writer)
        }
    }

    private static func writeMetrics(_ metrics: RebalanceMetrics, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("turnover", metrics.turnover)
            writer.name("expected_improvement")
            writer.object { writer in
                writer.member("return", orNull: metrics.returnImprovement)
                writer.member("risk", metrics.riskImprovement)
                writer.member("sharpe", orNull: metrics.sharpeImprovement)
            }
            writer.member("transaction_costs", metrics.transactionCosts)
            writer.member("tax_implications", metrics.tax)
            writer.member("turnover_two_way", metrics.turnoverTwoWay)
            writer.member("active_risk_before", metrics.activeRiskBefore)
            writer.member("active_risk", metrics.activeRisk)
            writer.member("objective", metrics.objective)
            writer.member("expected_return", orNull: metrics.expectedReturn)
            writer.member("expected_volatility", metrics.expectedVolatility)
            writer.member("metric_notes", map: metrics.notes)
        }
    }
}
