package import JSON

/// A stored factor analysis, read for tables and charts.
package struct StoredFactorAnalysis {
    /// A row of the exposures.
    package struct Exposure: Equatable, Sendable {
        package var factor: String
        package var exposure: Double
        package var benchmark: Double?
        package var active: Double?
    }

    /// A row of an attribution.
    package struct Part: Equatable, Sendable {
        package var factor: String
        package var contribution: Double
        package var share: Double?
    }

    /// The tables there are, each a member of the answer.
    package static let tables = [
        "exposures", "attribution", "active_attribution", "return_attribution", "sector_attribution", "regressions",
    ]

    private let root: JSONValue

    /// Reads an answer.
    ///
    /// - Throws: ``JSONSyntaxFault`` for what is not JSON.
    package init(parsing bytes: UnsafeRawBufferPointer) throws(JSONSyntaxFault) {
        root = try JSONDocument(parsing: bytes).root
    }

    /// A text of the answer, such as `portfolio_id`; empty when there is none.
    package func text(_ name: String) -> String { root[name]?.string ?? "" }

    /// A number of the answer; nil where it is null.
    package func number(_ name: String) -> Double? { root[name]?.double }

    /// The exposures, in the risk model's order.
    package var exposures: [Exposure] {
        (root["exposures"]?.elements ?? []).map { row in
            Exposure(
                factor: row["factor"]?.string ?? "",
                exposure: row["exposure"]?.double ?? 0,
                benchmark: row["benchmark_exposure"]?.double,
                active: row["active_exposure"]?.double
            )
        }
    }

    /// The rows of an attribution; nil where it is null.
    package func parts(of name: String) -> [Part]? {
        guard let value = root[name], value.kind == .array else { return nil }
        return value.elements.map { row in
            Part(
                factor: row["factor"]?.string ?? "",
                contribution: row["contribution"]?.double ?? 0,
                share: row["percent_contribution"]?.double
            )
        }
    }

    /// One of ``tables`` as CSV: a line for each element; nothing but the header where the member is null.
    package func table(_ name: String) -> [UInt8] {
        switch name {
        case "exposures": rows(name, ["factor"], ["exposure", "benchmark_exposure", "active_exposure"])
        case "sector_attribution": rows(name, ["sector"], ["weight", "benchmark_weight", "allocation", "selection"])
        case "regressions": regressions()
        default: rows(name, ["factor"], ["contribution", "percent_contribution"])
        }
    }

    private func rows(_ name: String, _ texts: [String], _ numbers: [String]) -> [UInt8] {
        let elements = root[name]?.kind == .array ? root[name]?.elements ?? [] : []
        return ResultTables.table(texts + numbers) { lines in
            for row in elements {
                lines.append(
                    texts.map { ResultTables.text(row[$0]?.string ?? "") }
                        + numbers.map { ResultTables.number(row[$0]?.double) }
                )
            }
        }
    }

    /// A line for each coefficient; the portfolio's own have no instrument, and intercepts no factor.
    private func regressions() -> [UInt8] {
        let figures = [
            "loading", "standard_error", "t_value", "newey_west_standard_error", "newey_west_t_value",
        ]
        return ResultTables.table(["instrument_id", "factor"] + figures + ["r_squared", "observations"]) { lines in
            for regression in root["regressions"]?.elements ?? [] {
                for coefficient in regression["coefficients"]?.elements ?? [] {
                    lines.append(
                        [
                            ResultTables.text(regression["instrument_id"]?.string ?? ""),
                            ResultTables.text(coefficient["factor"]?.string ?? ""),
                        ] + figures.map { ResultTables.number(coefficient[$0]?.double) }
                            + ["r_squared", "observations"].map { ResultTables.number(regression[$0]?.double) }
                    )
                }
            }
        }
    }
}
