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

    /// What the chart shows, in a line.
    package var title: String
    /// Where it comes from, in a line below.
    package var subtitle: String
    /// The chart in words, for those who do not see it.
    package var description: String
    /// What the series are called; at most as many as there are colours.
    package var series: [String]
    /// What the axis measures.
    package var axisTitle: String
    /// How values are written.
    package var unit: Unit
    /// The groups, from the top.
    package var rows: [Row]

    package init(
        title: String,
        subtitle: String,
        description: String,
        series: [String],
        axisTitle: String,
        unit: Unit,
        rows: [Row]
    ) {
        self.title = title
        self.subtitle = subtitle
        self.description = description
        self.series = series
        self.axisTitle = axisTitle
        self.unit = unit
        self.rows = rows
    }

    /// The document.
    package var svg: String {
        let layout = GroupedBarLayout(self)
        var text = """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(coordinate(layout.width)) \(coordinate(layout.height))" \
            width="\(coordinate(layout.width))" height="\(coordinate(layout.height))" role="img" \
            aria-labelledby="chart-title chart-desc">
            <title id="chart-title">\(escaped(title))</title>
            <desc id="chart-desc">\(escaped(description))</desc>
            <style>
            :root{color-scheme:light dark}
            text{font:12px system-ui,"Segoe UI","DejaVu Sans",Arial,sans-serif;fill:#1f2328}
            .title{font-size:17px;font-weight:600}.quiet{fill:#57606a}.value{font-size:10px}.end{text-anchor:end}.middle{text-anchor:middle}
            .page{fill:#ffffff}.grid{stroke:#d8dee4}.zero{stroke:#57606a}.s0{fill:#0b62c4}.s1{fill:#9aa4af}.s2{fill:#c4580b}
            @media (prefers-color-scheme:dark){text{fill:#e6edf3}.quiet{fill:#9198a1}.page{fill:#0d1117}.grid{stroke:#30363d}.zero{stroke:#9198a1}
            .s0{fill:#4c9aff}.s1{fill:#6e7781}.s2{fill:#f0883e}}
            </style>
            <rect class="page" width="100%" height="100%"/>
            <text class="title" x="16" y="28">\(escaped(title))</text>
            <text class="quiet" x="16" y="47">\(escaped(subtitle))</text>

            """
        text += legend(layout) + axis(layout)
        if rows.isEmpty {
            text +=
                #"<text class="quiet middle" x="\#(coordinate(layout.width / 2))" y="\#(coordinate(layout.top + 21))">"#
                + "There is nothing to show.</text>\n"
        }
        for (index, row) in rows.enumerated() { text += group(row, at: index, layout) }
        return text + "</svg>\n"
    }

    private func legend(_ layout: GroupedBarLayout) -> String {
        var x = layout.left
        var text = ""
        for (index, name) in series.enumerated() {
            text += """
                <rect class="s\(index)" x="\(coordinate(x))" y="60" width="12" height="12"/>\
                <text x="\(coordinate(x + 18))" y="70">\(escaped(name))</text>

                """
            // An entry's text is as long as its letters; some room more does no harm.
            x += 44 + 7.5 * Double(name.count)
        }
        return text
    }

    private func axis(_ layout: GroupedBarLayout) -> String {
        var text = ""
        for tick in layout.scale.ticks {
            let x = coordinate(layout.x(tick))
            let isZero = abs(tick) < layout.scale.step / 2
            text +=
                #"<line class="\#(isZero ? "zero" : "grid")" x1="\#(x)" x2="\#(x)" y1="\#(coordinate(layout.top))" "#
                + #"y2="\#(coordinate(layout.bottom))"/>"#
                + #"<text class="quiet middle" x="\#(x)" y="\#(coordinate(layout.bottom + 17))">"#
                + tickText(tick, layout.scale) + "</text>\n"
        }
        let middle = coordinate((layout.left + layout.right) / 2)
        return text
            + #"<text class="quiet middle" x="\#(middle)" y="\#(coordinate(layout.bottom + 36))">\#(escaped(axisTitle))</text>"#
            + "\n"
    }

    private func tickText(_ tick: Double, _ scale: AxisScale) -> String {
        switch unit {
        case .percent: fixed(tick * 100, decimals: scale.percentDecimals) + "%"
        case .plain: fixed(tick, decimals: scale.plainDecimals)
        }
    }

    private func group(_ row: Row, at index: Int, _ layout: GroupedBarLayout) -> String {
        let y = layout.top + layout.rowHeight * Double(index) + 5
        let label = escaped(row.label)
        let middle = y + GroupedBarLayout.barHeight * Double(max(1, series.count)) / 2 + 4
        var text =
            #"<text class="end" x="\#(coordinate(layout.left - 8))" y="\#(coordinate(middle))">\#(label)</text>"#
        for (position, value) in row.values.enumerated() where position < series.count {
            guard let value, value.isFinite else { continue }
            let name = "\(label), \(escaped(series[position]))"
            text += bar(value, position, name, y: y + GroupedBarLayout.barHeight * Double(position), layout)
        }
        return text + "\n"
    }

    private func bar(_ value: Double, _ position: Int, _ name: String, y: Double, _ layout: GroupedBarLayout) -> String
    {
        let (zero, end) = (layout.x(0), layout.x(value))
        let shown = unit.text(value)
        let isNegative = end < zero
        return #"<rect class="s\#(position)" x="\#(coordinate(min(zero, end)))" y="\#(coordinate(y))" "#
            + #"width="\#(coordinate(abs(end - zero)))" height="\#(coordinate(GroupedBarLayout.barHeight - 1))">"#
            + "<title>\(name): \(shown)</title></rect>"
            + #"<text class="value quiet\#(isNegative ? " end" : "")" x="\#(coordinate(end + (isNegative ? -4 : 4)))" "#
            + #"y="\#(coordinate(y + GroupedBarLayout.barHeight - 2.5))">\#(shown)</text>"#
    }
}

/// Where everything of a chart stands, in pixels.
struct GroupedBarLayout {
    static let barHeight = 11.0

    let width = 860.0
    let height: Double
    /// The height of a group with the room between it and the next.
    let rowHeight: Double
    /// The sides of the field that the bars are drawn in, between the first and the last tick.
    let (left, right): (Double, Double)
    let (top, bottom): (Double, Double)
    let scale: AxisScale
    /// Where the first tick stands: right of the values that negative bars carry.
    private let firstTick: Double

    init(_ chart: GroupedBarChart) {
        scale = AxisScale(holding: chart.rows.flatMap { $0.values.compactMap { $0 } })
        let longest = chart.rows.map { $0.label.unicodeScalars.count }.max() ?? 0
        // Letters of this size are seldom wider than 8 pixels; a name has 36 at most.
        left = 24 + min(300, max(48, 8 * Double(longest)))
        right = width - 64  // room for a bar's value
        top = 84
        rowHeight = Self.barHeight * Double(max(1, chart.series.count)) + 10
        bottom = top + rowHeight * Double(max(1, chart.rows.count))
        height = bottom + 52
        firstTick = left + ((scale.ticks.first ?? 0) < 0 ? 48 : 0)
    }

    /// Where a value stands from left to right.
    func x(_ value: Double) -> Double {
        guard let first = scale.ticks.first, let last = scale.ticks.last, last > first else { return firstTick }
        return firstTick + (value - first) / (last - first) * (right - firstTick)
    }
}
