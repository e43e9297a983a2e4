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

    /// What the chart shows, in a line.
    package var title: String
    /// Where it comes from, in a line below.
    package var subtitle: String
    /// The chart in words, for those who do not see it.
    package var description: String
    /// What the bars before and after are called.
    package var series: (before: String, after: String)
    /// What the axis measures.
    package var axisTitle: String
    /// The pairs, from the top.
    package var rows: [Row]

    package init(
        title: String,
        subtitle: String,
        description: String,
        series: (before: String, after: String),
        axisTitle: String,
        rows: [Row]
    ) {
        self.title = title
        self.subtitle = subtitle
        self.description = description
        self.series = series
        self.axisTitle = axisTitle
        self.rows = rows
    }

    /// The document.
    package var svg: String {
        let layout = PairedBarLayout(self)
        var text = """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(coordinate(layout.width)) \(coordinate(layout.height))" \
            width="\(coordinate(layout.width))" height="\(coordinate(layout.height))" role="img" \
            aria-labelledby="chart-title chart-desc">
            <title id="chart-title">\(escaped(title))</title>
            <desc id="chart-desc">\(escaped(description))</desc>
            <style>
            text{font:12px system-ui,"Segoe UI","DejaVu Sans",Arial,sans-serif;fill:#1f2328}
            .title{font-size:17px;font-weight:600}.quiet{fill:#57606a}.value{font-size:10px}
            .grid{stroke:#d8dee4}.zero{stroke:#57606a}.before{fill:#9aa4af}.after{fill:#0b62c4}.end{text-anchor:end}.middle{text-anchor:middle}
            </style>
            <rect width="100%" height="100%" fill="#ffffff"/>
            <text class="title" x="16" y="28">\(escaped(title))</text>
            <text class="quiet" x="16" y="47">\(escaped(subtitle))</text>

            """
        text += legend(layout) + axis(layout)
        if rows.isEmpty {
            text +=
                #"<text class="quiet middle" x="\#(coordinate(layout.width / 2))" y="\#(coordinate(layout.top + 21))">"#
                + "There is nothing to show.</text>\n"
        }
        for (index, row) in rows.enumerated() { text += bars(row, at: index, layout) }
        return text + "</svg>\n"
    }

    private func legend(_ layout: PairedBarLayout) -> String {
        // The first entry's text is as long as its letters; some room more does no harm.
        let second = layout.left + 24 + 7.5 * Double(series.before.count) + 20
        return [(layout.left, "before", series.before), (second, "after", series.after)].map { x, style, name in
            """
            <rect class="\(style)" x="\(coordinate(x))" y="60" width="12" height="12"/>\
            <text x="\(coordinate(x + 18))" y="70">\(escaped(name))</text>

            """
        }.joined()
    }

    private func axis(_ layout: PairedBarLayout) -> String {
        var text = ""
        let decimals = layout.scale.percentDecimals
        for tick in layout.scale.ticks {
            let x = coordinate(layout.x(tick))
            let isZero = abs(tick) < layout.scale.step / 2
            text +=
                #"<line class="\#(isZero ? "zero" : "grid")" x1="\#(x)" x2="\#(x)" y1="\#(coordinate(layout.top))" "#
                + #"y2="\#(coordinate(layout.bottom))"/>"#
                + #"<text class="quiet middle" x="\#(x)" y="\#(coordinate(layout.bottom + 17))">"#
                + fixed(tick * 100, decimals: decimals) + "%</text>\n"
        }
        let middle = coordinate((layout.left + layout.right) / 2)
        return text
            + #"<text class="quiet middle" x="\#(middle)" y="\#(coordinate(layout.bottom + 36))">\#(escaped(axisTitle))</text>"#
            + "\n"
    }

    private func bars(_ row: Row, at index: Int, _ layout: PairedBarLayout) -> String {
        let y = layout.top + PairedBarLayout.rowHeight * Double(index) + 4
        let label = escaped(row.label)
        let baseline = coordinate(y + PairedBarLayout.barHeight + 4)
        return #"<text class="end" x="\#(coordinate(layout.left - 8))" y="\#(baseline)">\#(label)</text>"#
            + bar(row.before, "before", "\(label), \(escaped(series.before))", y: y, layout)
            + bar(row.after, "after", "\(label), \(escaped(series.after))", y: y + PairedBarLayout.barHeight, layout)
            + "\n"
    }

    private func bar(_ value: Double, _ style: String, _ name: String, y: Double, _ layout: PairedBarLayout) -> String {
        let value = value.isFinite ? value : 0
        let (zero, end) = (layout.x(0), layout.x(value))
        let shown = fixed(value * 100, decimals: 1) + "%"
        let isNegative = end < zero
        return #"<rect class="\#(style)" x="\#(coordinate(min(zero, end)))" y="\#(coordinate(y))" "#
            + #"width="\#(coordinate(abs(end - zero)))" height="\#(coordinate(PairedBarLayout.barHeight - 1))">"#
            + "<title>\(name): \(shown)</title></rect>"
            + #"<text class="value quiet\#(isNegative ? " end" : "")" x="\#(coordinate(end + (isNegative ? -4 : 4)))" "#
            + #"y="\#(coordinate(y + PairedBarLayout.barHeight - 2.5))">\#(shown)</text>"#
    }
}

/// Where everything of a chart stands, in pixels.
struct PairedBarLayout {
    static let rowHeight = 30.0
    static let barHeight = 11.0

    let width = 860.0
    let height: Double
    /// The sides of the field that the bars are drawn in, between the first and the last tick.
    let (left, right): (Double, Double)
    let (top, bottom): (Double, Double)
    let scale: AxisScale
    /// Where the first tick stands: right of the values that negative bars carry.
    private let firstTick: Double

    init(_ chart: PairedBarChart) {
        scale = AxisScale(holding: chart.rows.flatMap { [$0.before, $0.after] })
        let longest = chart.rows.map { $0.label.unicodeScalars.count }.max() ?? 0
        // Letters of this size are seldom wider than 8 pixels; an identifier has 36 at most.
        left = 24 + min(300, max(48, 8 * Double(longest)))
        right = width - 64  // room for a bar's value
        top = 84
        bottom = top + Self.rowHeight * Double(max(1, chart.rows.count))
        height = bottom + 52
        firstTick = left + ((scale.ticks.first ?? 0) < 0 ? 48 : 0)
    }

    /// Where a value stands from left to right.
    func x(_ value: Double) -> Double {
        guard let first = scale.ticks.first, let last = scale.ticks.last, last > first else { return firstTick }
        return firstTick + (value - first) / (last - first) * (right - firstTick)
    }
}
