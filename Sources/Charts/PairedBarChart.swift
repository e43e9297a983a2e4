/// Horizontal bars in pairs, before and after, drawn as an SVG document that needs nothing else.
///
/// Values are fractions and are shown as percentages. The document names itself for screen readers (`title`, `desc`), and
/// every bar tells its value.
package struct PairedBarChart {
    /// A pair of bars.
    package struct Row: Equatable, Sendable {
        /// What the bars are of.
        package var label: String
        /// The value before.
        package var before: Double
        /// The value after.
        package var after: Double

        package init(label: String, before: Double, after: Double) {
            self.label = label
            self.before = before
            self.after = after
        }
    }

    /// What it says of itself.
    package var heading: ChartHeading
    /// What the bars before and after are called.
    package var series: (before: String, after: String)
    /// What the axis measures.
    package var axisTitle: String
    /// The pairs, from the top.
    package var rows: [Row]

    package init(
        _ heading: ChartHeading,
        series: (before: String, after: String),
        axisTitle: String,
        rows: [Row]
    ) {
        self.heading = heading
        self.series = series
        self.axisTitle = axisTitle
        self.rows = rows
    }

    /// The document.
    package var svg: String {
        let field = BarField(
            labels: rows.map(\.label),
            values: rows.flatMap { [$0.before, $0.after] },
            barsInRow: 2,
            gap: 8
        )
        var text = heading.opening(
            width: field.width,
            height: field.height,
            styles: """
                text{font:12px system-ui,"Segoe UI","DejaVu Sans",Arial,sans-serif;fill:#1f2328}
                .title{font-size:17px;font-weight:600}.quiet{fill:#57606a}.value{font-size:10px}
                .grid{stroke:#d8dee4}.zero{stroke:#57606a}.before{fill:#9aa4af}.after{fill:#0b62c4}.end{text-anchor:end}.middle{text-anchor:middle}
                """,
            paper: ##"width="100%" height="100%" fill="#ffffff""##
        )
        text += BarField.legend("before", series.before, x: field.left)
        text += BarField.legend("after", series.after, x: field.left + BarField.legendWidth(series.before))
        text += field.axis(axisTitle) { fixed($0 * 100, decimals: field.scale.percentDecimals) + "%" }
        if rows.isEmpty { text += field.emptiness }
        for (index, row) in rows.enumerated() { text += bars(row, at: index, field) }
        return text + "</svg>\n"
    }

    private func bars(_ row: Row, at index: Int, _ field: BarField) -> String {
        let pair = [("before", series.before, row.before), ("after", series.after, row.after)]
        let bars = pair.enumerated().map { position, bar in
            let (style, name, value) = bar
            let drawn = value.isFinite ? value : 0
            return field.bar(
                drawn,
                style,
                "\(row.label), \(name)",
                shown: fixed(drawn * 100, decimals: 1) + "%",
                row: index,
                position: position
            )
        }
        return field.label(row.label, ofRow: index) + bars.joined() + "\n"
    }
}
