/// Horizontal bars in groups, one bar a series, drawn as an SVG document that needs nothing else.
///
/// It follows the reader's colour scheme, names itself for screen readers (`title`, `desc`), and every bar tells its
/// value. Series are told apart by colour and by their order, which the legend repeats.
package struct GroupedBarChart {
    /// How values are written.
    package enum Unit: Sendable {
        /// As they are, with two decimals.
        case plain
        /// Fractions, as percentages.
        case percent

        /// A value in this unit.
        package func text(_ value: Double) -> String {
            switch self {
            case .plain: fixed(value, decimals: 2)
            case .percent: fixed(value * 100, decimals: 2) + "%"
            }
        }
    }

    /// The bars of one thing.
    package struct Row: Equatable, Sendable {
        /// What the bars are of.
        package var label: String
        /// A value for each series; nil for none.
        package var values: [Double?]

        package init(label: String, values: [Double?]) {
            self.label = label
            self.values = values
        }
    }

    /// What it says of itself.
    package var heading: ChartHeading
    /// What the series are called; at most as many as there are colours.
    package var series: [String]
    /// What the axis measures.
    package var axisTitle: String
    /// How values are written.
    package var unit: Unit
    /// The groups, from the top.
    package var rows: [Row]

    package init(
        _ heading: ChartHeading,
        series: [String],
        axisTitle: String,
        unit: Unit,
        rows: [Row]
    ) {
        self.heading = heading
        self.series = series
        self.axisTitle = axisTitle
        self.unit = unit
        self.rows = rows
    }

    /// The document.
    package var svg: String {
        let field = BarField(
            labels: rows.map(\.label),
            values: rows.flatMap { $0.values.compactMap { $0 } },
            barsInRow: series.count,
            gap: 10
        )
        var text = heading.opening(
            width: field.width,
            height: field.height,
            styles: """
                :root{color-scheme:light dark}
                text{font:12px system-ui,"Segoe UI","DejaVu Sans",Arial,sans-serif;fill:#1f2328}
                .title{font-size:17px;font-weight:600}.quiet{fill:#57606a}.value{font-size:10px}.end{text-anchor:end}.middle{text-anchor:middle}
                .page{fill:#ffffff}.grid{stroke:#d8dee4}.zero{stroke:#57606a}.s0{fill:#0b62c4}.s1{fill:#9aa4af}.s2{fill:#c4580b}
                @media (prefers-color-scheme:dark){text{fill:#e6edf3}.quiet{fill:#9198a1}.page{fill:#0d1117}.grid{stroke:#30363d}.zero{stroke:#9198a1}
                .s0{fill:#4c9aff}.s1{fill:#6e7781}.s2{fill:#f0883e}}
                """,
            paper: #"class="page" width="100%" height="100%""#
        )
        var x = field.left
        for (index, name) in series.enumerated() {
            text += BarField.legend("s\(index)", name, x: x)
            x += BarField.legendWidth(name)
        }
        text += field.axis(axisTitle) { tickText($0, field.scale) }
        if rows.isEmpty { text += field.emptiness }
        for (index, row) in rows.enumerated() { text += group(row, at: index, field) }
        return text + "</svg>\n"
    }

    private func tickText(_ tick: Double, _ scale: AxisScale) -> String {
        switch unit {
        case .percent: fixed(tick * 100, decimals: scale.percentDecimals) + "%"
        case .plain: fixed(tick, decimals: scale.plainDecimals)
        }
    }

    private func group(_ row: Row, at index: Int, _ field: BarField) -> String {
        var text = field.label(row.label, ofRow: index)
        for (position, value) in row.values.enumerated() where position < series.count {
            guard let value, value.isFinite else { continue }
            text += field.bar(
                value,
                "s\(position)",
                "\(row.label), \(series[position])",
                shown: unit.text(value),
                row: index,
                position: position
            )
        }
        return text + "\n"
    }
}
