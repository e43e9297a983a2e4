import JSON

/// A plan's tables: for the desk, for the books, and for whoever compares.
extension ResultTables {
    /// The tables of a plan, the desk's first.
    package static let ofPlans = ["trades", "allocations", "tax_lots"]

    /// The trades in priority order with what cash is left after each.
    package static func plannedTrades(_ result: StoredResult) -> [UInt8] {
        let figures = ["quantity", "price", "estimated_value", "weight_change", "cost", "cash_after"]
        let header = ["priority", "action", "instrument_id"] + figures + ["closes_position"]
        return table(header) { lines in
            for (trade, value) in zip(result.trades, result.root["trades"]?.elements ?? []) {
                lines.append(
                    [number(trade.figures["priority"]), text(trade.action), text(trade.instrumentID)]
                        + figures.map { number(trade.figures[$0]) }
                        + [value["closes_position"]?.bool == true ? "true" : "false"]
                )
            }
        }
    }

    /// The lots that the sales consume, a line each.
    package static func soldLots(_ result: StoredResult) -> [UInt8] {
        let figures = ["quantity", "cost_basis", "gain", "disallowed_loss"]
        return table(["priority", "instrument_id", "acquired_at", "term"] + figures) { lines in
            for trade in result.root["trades"]?.elements ?? [] {
                for lot in trade["tax_lots"]?.elements ?? [] {
                    lines.append(
                        [
                            number(trade["priority"]?.double), text(trade["instrument_id"]?.string ?? ""),
                            text(lot["acquired_at"]?.string ?? ""), text(lot["term"]?.string ?? ""),
                        ] + figures.map { number(lot[$0]?.double) }
                    )
                }
            }
        }
    }
}
