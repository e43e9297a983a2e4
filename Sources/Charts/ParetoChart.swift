/// A non-dominated set in the plane of two objectives, drawn as an SVG document that needs nothing else.
///
/// A third objective is told by the shade of a point, and by its figures. The answer that the caller's own weights lead to has
/// a star.
package struct ParetoChart {
    /// An objective: what it is called, and which way is better.
    package struct Axis: Equatable, Sendable {
        /// What it is called.
        package var name: String
        /// Whether more of it is better; nil where that is not known.
        package var growsBetter: Bool?

        package init(name: String, growsBetter: Bool?) {
            self.name = name
            self.growsBetter = growsBetter
        }

        fileprivate var title: String {
            switch growsBetter {
            case true: "\(name) (more is better)"
            case false: "\(name) (less is better)"
            case nil: name
            }
        }
    }

    /// What it says of itself.
    package var heading: ChartHeading
    /// Two or three objectives: from left to right, from bottom to top, from light to dark.
    package var axes: [Axis]
    /// The values of each objective at each point.
    package var points: [[Double]]
    /// The same of the answer itself; nil leaves it out.
    package var answer: [Double]?

    package init(
        _ heading: ChartHeading,
        axes: [Axis],
        points: [[Double]],
        answer: [Double]?
    ) {
        self.heading = heading
        self.axes = axes
        self.points = points
        self.answer = answer
    }

    private static let width = 900.0
    private static let height = 540.0
    private static let legendLeft = 690.0
    /// As many as an eye tells apart.
    private static let shades = 5

    /// The document; with a single objective, which leaves nothing to weigh, a field without points.
    package var svg: String {
        var text = ChartStyle.head(
            width: Self.width,
            height: Self.height,
            heading: heading,
            styles: """
                .point{fill:var(--line);stroke:var(--line);stroke-width:1.5}.through{fill:none;stroke:var(--line);\
                stroke-opacity:0.35}
                .halo{stroke:var(--paper);stroke-width:1.5}.optimal{fill:var(--optimal)}
                """
        )
        guard axes.count >= 2, points.allSatisfy({ $0.count == axes.count }) else { return text + "</svg>\n" }
        let shown = points + (answer.map { [$0] } ?? [])
        let sides = (Self.range(of: shown.map { $0[0] }), Self.range(of: shown.map { $0[1] }))
        let field = ChartField(
            left: 96,
            right: 660,
            top: 74,
            bottom: Self.height - 56,
            across: sides.0,
            up: sides.1
        )
        text += field.axes(
            across: AxisScale(between: sides.0.lowerBound, and: sides.0.upperBound),
            up: AxisScale(between: sides.1.lowerBound, and: sides.1.upperBound),
            titles: (axes[0].title, axes[1].title),
            areShares: false
        )
        // Two objectives have a curve; of three the order says nothing.
        if axes.count == 2 {
            let places = points.map { "\(coordinate(field.x($0[0]))) \(coordinate(field.y($0[1])))" }
            if !places.isEmpty { text += #"<path class="through" d="M\#(places.joined(separator: "L"))"/>"# + "\n" }
        }
        for (index, point) in points.enumerated() {
            text +=
                #"<circle class="point" fill-opacity="\#(opacity(of: point))" cx="\#(coordinate(field.x(point[0])))" "#
                + #"cy="\#(coordinate(field.y(point[1])))" r="4.5">"#
                + "<title>\(escaped(figures(of: point, called: "point \(index + 1)")))</title></circle>\n"
        }
        if let answer {
            text += star(x: field.x(answer[0]), y: field.y(answer[1]), figures(of: answer, called: "answer"))
        }
        return text + legend(field) + "</svg>\n"
    }

    // MARK: Marks

    private func star(x: Double, y: Double, _ words: String) -> String {
        #"<path class="halo optimal" transform="translate(\#(coordinate(x)) \#(coordinate(y)))" d="\#(ChartStyle.star)">"#
            + "<title>\(escaped(words))</title></path>\n"
    }

    private func figures(of point: [Double], called name: String) -> String {
        "\(name): " + zip(axes, point).map { "\($0.name) \(Self.figure($1))" }.joined(separator: ", ")
    }

    /// To four significant digits.
    private static func figure(_ value: Double) -> String {
        var (decimals, size) = (3, value.magnitude)
        while size > 0, size < 1, decimals < 10 {
            size *= 10
            decimals += 1
        }
        return fixed(value, decimals: decimals)
    }

    /// From the least value to the largest, with a margin.
    private static func range(of values: [Double]) -> ClosedRange<Double> {
        let (least, most) = (values.min() ?? 0, values.max() ?? 0)
        let margin = max(0.06 * (most - least), 1e-6 * max(least.magnitude, most.magnitude), 1e-9)
        return (least - margin)...(most + margin)
    }

    // MARK: The third objective

    /// Where the third objective ranges.
    private var third: ClosedRange<Double>? {
        guard axes.count > 2 else { return nil }
        let values = points.map { $0[2] }
        return (values.min() ?? 0)...(values.max() ?? 0)
    }

    private func opacity(of point: [Double]) -> String {
        guard let third else { return "1" }
        let width = third.upperBound - third.lowerBound
        let share = width > 0 ? (point[2] - third.lowerBound) / width : 1
        let shade = min(Self.shades - 1, Int((share * Double(Self.shades)).rounded(.down)))
        return Self.opacity(ofShade: shade)
    }

    private static func opacity(ofShade index: Int) -> String {
        coordinate(Double(index) / Double(shades - 1))
    }

    // MARK: Legend

    private func legend(_ field: ChartField) -> String {
        let x = Self.legendLeft
        var (text, y) = ("", field.top + 6)
        if let answer {
            text += star(x: x + 8, y: y + 8, figures(of: answer, called: "answer"))
            text += ChartStyle.text("the answer", "strong", x: x + 26, y: y + 6)
            y += 22
            for (axis, value) in zip(axes, answer) {
                text += ChartStyle.text("\(axis.name) \(Self.figure(value))", "quiet", x: x + 26, y: y)
                y += 16
            }
            y += 10
        }
        let words = points.count == 1 ? "the one point not dominated" : "one of \(points.count) not dominated"
        text += #"<circle class="point" cx="\#(coordinate(x + 8))" cy="\#(coordinate(y + 4))" r="4.5"/>"# + "\n"
        text += ChartStyle.text(words, "quiet", x: x + 26, y: y + 8)
        guard let third else { return text }
        y += 34
        text += ChartStyle.text(axes[2].title, "strong", x: x, y: y)
        for shade in 0..<Self.shades {
            let place = coordinate(x + 8 + 26 * Double(shade))
            text +=
                #"<circle class="point" fill-opacity="\#(Self.opacity(ofShade: shade))" cx="\#(place)" "#
                + #"cy="\#(coordinate(y + 18))" r="4.5"/>"# + "\n"
        }
        text += ChartStyle.text(
            "\(Self.figure(third.lowerBound)) … \(Self.figure(third.upperBound))",
            "quiet",
            x: x,
            y: y + 42
        )
        return text
    }
}
