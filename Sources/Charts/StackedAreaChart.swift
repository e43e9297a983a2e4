/// Shares along a line, one on top of the other, drawn as an SVG document that needs nothing else.
///
/// What is below zero is stacked downwards. Areas carry their names where there is room, and all of them in the legend.
package struct StackedAreaChart {
    /// What is stacked: a value at each place of the line.
    package struct Series: Equatable, Sendable {
        package var name: String
        package var values: [Double]
        /// Whether it is what is left over: drawn grey.
        package var isRest: Bool

        package init(name: String, values: [Double], isRest: Bool = false) {
            self.name = name
            self.values = values
            self.isRest = isRest
        }
    }

    /// What it says of itself.
    package var heading: ChartHeading
    /// What the line measures, with its unit.
    package var placesTitle: String
    /// What is stacked, with its unit.
    package var valuesTitle: String
    /// The places along the line, ascending, as fractions.
    package var places: [Double]
    /// What is stacked, from the foot.
    package var series: [Series]
    /// A place to mark, with its name.
    package var mark: (name: String, place: Double)?

    package init(
        _ heading: ChartHeading,
        placesTitle: String,
        valuesTitle: String,
        places: [Double],
        series: [Series],
        mark: (name: String, place: Double)? = nil
    ) {
        self.heading = heading
        self.placesTitle = placesTitle
        self.valuesTitle = valuesTitle
        self.places = places
        self.series = series
        self.mark = mark
    }

    private static let width = 900.0
    private static let height = 540.0
    private static let legendLeft = 690.0

    /// Mid tones that stand out from white and from black, neighbours unlike.
    private static let palette = [
        "#3b7dd8", "#e08a1e", "#3f9e57", "#c7496b", "#8a63d2", "#2aa3a8", "#b5822f", "#d65f4a", "#6d8f2f", "#a8559f",
        "#4d6fb8", "#cf7aa6", "#5b9bb0", "#8f7a5a", "#7a8bd0", "#4fa37f", "#c49a2a", "#9b5d5d",
    ]

    /// The document.
    package var svg: String {
        let bands = stacked()
        let edges = bands.flatMap { $0.lower + $0.upper }
        let up = AxisScale(holding: edges + [1])
        let (first, last) = (places.first ?? 0, places.last ?? 0)
        let field = ChartField(
            left: 80,
            right: 660,
            top: 74,
            bottom: Self.height - 56,
            across: first...max(first, last),
            up: (up.ticks.first ?? 0)...max(1, edges.max() ?? 1)
        )
        var text = ChartStyle.head(
            width: Self.width,
            height: Self.height,
            heading: heading,
            styles: """
                .area{stroke:var(--paper);stroke-width:.75;stroke-linejoin:round}.inside{fill:#ffffff;font-size:11px;font-weight:600}
                .rest{fill:var(--dot)}.mark{stroke:var(--ink);stroke-width:1.5;stroke-dasharray:2 3}
                """
        )
        text += field.axes(across: ticks(from: first, to: last), up: up, titles: (placesTitle, valuesTitle))
        for band in bands { text += area(band, field) }
        for band in bands { text += name(band, field) }
        return text + marked(field) + legend() + "</svg>\n"
    }

    /// Ticks between two values that need not hold zero.
    private func ticks(from first: Double, to last: Double) -> AxisScale {
        let whole = AxisScale(holding: [first, last])
        guard last > first, !(first...last).contains(0) else { return whole }
        return AxisScale(between: first, and: last)
    }

    // MARK: Stacking

    /// A series' area: where it begins and ends at each place.
    private struct Band {
        let index: Int
        let lower: [Double]
        let upper: [Double]
    }

    private func stacked() -> [Band] {
        let count = places.count
        var above = [Double](repeating: 0, count: count)
        var below = above
        var bands: [Band] = []
        for (index, series) in series.enumerated() {
            let values = series.values.map { $0.isFinite ? $0 : 0 }
            guard values.count == count else { continue }
            for isPositive in [true, false] where values.contains(where: { isPositive ? $0 > 0 : $0 < 0 }) {
                let start = isPositive ? above : below
                let end = zip(start, values).map { isPositive ? $0 + max(0, $1) : $0 + min(0, $1) }
                if isPositive { above = end } else { below = end }
                bands.append(Band(index: index, lower: isPositive ? start : end, upper: isPositive ? end : start))
            }
        }
        return bands
    }

    private func colour(_ index: Int) -> String {
        series[index].isRest ? "var(--dot)" : Self.palette[index % Self.palette.count]
    }

    /// Places across the field; a line of a single place is drawn over the whole width.
    private func xs(_ field: ChartField) -> [Double] {
        places.count == 1 ? [field.left, field.right] : places.map(field.x)
    }

    private func area(_ band: Band, _ field: ChartField) -> String {
        let xs = xs(field)
        let (upper, lower) =
            places.count == 1 ? (band.upper + band.upper, band.lower + band.lower) : (band.upper, band.lower)
        let outline =
            zip(xs, upper).map { ($0, field.y($1)) } + zip(xs, lower).map { ($0, field.y($1)) }.reversed()
        let path = outline.map { "\(coordinate($0.0)) \(coordinate($0.1))" }.joined(separator: "L")
        let name = series[band.index].name
        let largest = series[band.index].values.map(abs).max() ?? 0
        return #"<path class="area" fill="\#(colour(band.index))" d="M\#(path)Z">"#
            + "<title>\(escaped(name)): at most \(ChartStyle.percent(largest, decimals: 1))</title></path>\n"
    }

    /// The name of an area, where it is thickest, if it is thick enough there for a line of text.
    private func name(_ band: Band, _ field: ChartField) -> String {
        let thickness = zip(band.upper, band.lower).map { $0 - $1 }
        let inner =
            thickness.indices.count > 4 ? Array(thickness.indices.dropFirst().dropLast()) : Array(thickness.indices)
        guard let widest = inner.max(by: { thickness[$0] < thickness[$1] }) else { return "" }
        let room = field.y(band.lower[widest]) - field.y(band.upper[widest])
        guard room >= 16 else { return "" }
        let words = series[band.index].name
        let half = 3.6 * Double(words.unicodeScalars.count) + 4
        let x = places.count == 1 ? (field.left + field.right) / 2 : field.x(places[widest])
        let inside = min(max(x, field.left + half), field.right - half)
        let middle = field.y((band.lower[widest] + band.upper[widest]) / 2)
        return ChartStyle.text(words, "inside middle", x: inside, y: middle + 4)
    }

    private func marked(_ field: ChartField) -> String {
        guard let mark, places.count > 1, field.across.contains(mark.place) else { return "" }
        let x = field.x(mark.place)
        let isRight = x > (field.left + field.right) / 2
        return #"<line class="mark" x1="\#(coordinate(x))" x2="\#(coordinate(x))" y1="\#(coordinate(field.top - 6))" "#
            + #"y2="\#(coordinate(field.bottom))"/>"#
            + ChartStyle.text(mark.name, isRight ? "small end" : "small", x: isRight ? x - 4 : x + 4, y: field.top - 4)
    }

    private func legend() -> String {
        var (text, y) = ("", 80.0)
        for index in series.indices.reversed() {
            text +=
                #"<rect fill="\#(colour(index))" x="\#(coordinate(Self.legendLeft))" y="\#(coordinate(y))" "#
                + #"width="12" height="12"/>"#
            let largest = series[index].values.map(abs).max() ?? 0
            text += ChartStyle.text(series[index].name, "", x: Self.legendLeft + 20, y: y + 10)
            text += ChartStyle.text(
                "to \(ChartStyle.percent(largest, decimals: 1))",
                "quiet small end",
                x: Self.width - 16,
                y: y + 10
            )
            y += 20
        }
        return text
    }
}
