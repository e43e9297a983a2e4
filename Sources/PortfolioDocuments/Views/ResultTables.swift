/// A result's parts as tables (RFC 4180): a header, lines that end in CRLF, cells quoted where they must be.
package enum ResultTables {
    /// Weights before and after, a line each.
    package static func allocations(_ rows: AllocationRows) -> [UInt8] {
        table(["instrument_id", "current_weight", "target_weight", "weight_change"]) { lines in
            for row in rows.rows {
                lines.append([
                    text(row.name), number(row.current), number(row.target), number(row.target - row.current),
                ])
            }
        }
    }

    /// The trades in priority order, without their tax lots.
    package static func trades(_ result: StoredResult) -> [UInt8] {
        let figures = ["quantity", "price", "estimated_value", "weight_change", "cost"]
        return table(["priority", "action", "instrument_id"] + figures) { lines in
            for trade in result.trades {
                let cells = figures.map { number(trade.figures[$0]) }
                lines.append([number(trade.figures["priority"]), text(trade.action), text(trade.instrumentID)] + cells)
            }
        }
    }

    /// A header and its lines.
    static func table(_ header: [String], _ fill: (inout [[String]]) -> Void) -> [UInt8] {
        var lines = [header]
        fill(&lines)
        return lines.flatMap { Array(($0.joined(separator: ",") + "\r\n").utf8) }
    }

    /// A number as in JSON: the shortest form that reads back to the same bits; nothing for none.
    static func number(_ value: Double?) -> String { value.map(decimal) ?? "" }

    /// A text as a cell that no spreadsheet takes for a formula: what begins like one gets an apostrophe before it.
    package static func text(_ value: String) -> String {
        let formula: [Character] = ["=", "+", "-", "@", "\t", "\r", "\n"]
        let safe = value.first.map(formula.contains) == true ? "'" + value : value
        let mustBeQuoted = safe.unicodeScalars.contains { ["\"", ",", "\r", "\n", "'"].contains($0) } || safe != value
        return mustBeQuoted ? "\"" + safe.replacing("\"", with: "\"\"") + "\"" : safe
    }
}
