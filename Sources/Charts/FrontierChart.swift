/// An efficient frontier in the plane of risk and return, drawn as an SVG document that needs nothing else.
///
/// Beside the curve stand the portfolios that it is judged by, the instruments alone and the capital market line. Shapes
/// tell the portfolios apart where colours do not, and every mark tells its figures.
package struct FrontierChart {
    /// A portfolio or an instrument.
    package struct Mark: Equatable, Sendable {
        /// What it is called.
        package var name: String
        /// Its risk.
        package var risk: Double
        /// Its return.
        package var expectedReturn: Double
        /// Excess return over risk; nil where it has no meaning.
        package var ratio: Double?

        package init(name: String, risk: Double, expectedReturn: Double, ratio: Double? = nil) {
            self.name = name
            self.risk = risk
            self.expectedReturn = expectedReturn
            self.ratio = ratio
        }
    }

    /// The portfolios that have a mark of their own.
    package enum Role: String, CaseIterable, Sendable {
        case optimal, current, least, most
    }

    /// What it says of itself.
    package var heading: ChartHeading
    /// What risk is, with its unit: `volatility, a year`.
    package var riskTitle: String
    /// What return is, with its unit.
    package var returnTitle: String
    /// The curve by ascending risk.
    package var curve: [Mark]
    /// The portfolios beside it.
    package var portfolios: [(role: Role, mark: Mark)]
    /// Each instrument alone.
    package var instruments: [Mark]
    /// Where the capital market line begins, at no risk; nil leaves it out.
    package var riskFreeRate: Double?

    package init(
        _ heading: ChartHeading,
        riskTitle: String,
        returnTitle: String,
        curve: [Mark],
        portfolios: [(role: Role, mark: Mark)],
        instruments: [Mark],
        riskFreeRate: Double?
    ) {
        self.heading = heading
        self.riskTitle = riskTitle
        self.returnTitle = returnTitle
        self.curve = curve
        self.portfolios = portfolios
        self.instruments = instruments
        self.riskFreeRate = riskFreeRate
    }

    /// The document.
    package var svg: String {
        let layout = FrontierLayout(self)
        let field = layout.field
        var text = ChartStyle.head(
            width: FrontierLayout.width,
            height: FrontierLayout.height,
            heading: heading,
            styles: """
                .curve{fill:none;stroke:var(--line);stroke-width:2.5;stroke-linejoin:round}
                .market{stroke:var(--market);stroke-width:1.5;stroke-dasharray:6 4}
                .dot{fill:var(--paper);stroke:var(--dot);stroke-width:1.5}.halo{stroke:var(--paper);stroke-width:1.5}
                .current{fill:var(--current)}.optimal{fill:var(--optimal)}.least{fill:var(--least)}.most{fill:var(--most)}
                """
        )
        text += field.axes(across: layout.across, up: layout.up, titles: (riskTitle, returnTitle))
        text += marketLine(layout) + dots(layout)
        text += #"<path class="curve" d="\#(Self.path(through: curve, field))"/>"# + "\n"
        for point in curve { text += target(of: point, field) }
        for (role, mark) in portfolios.reversed() {
            text += symbol(role, x: field.x(mark.risk), y: field.y(mark.expectedReturn), saying: Self.figures(of: mark))
        }
        return text + legend(layout) + "</svg>\n"
    }

    // MARK: Marks

    /// A smooth line through points: between two of them a cubic whose direction at each is that of its neighbours.
    private static func path(through points: [Mark], _ field: ChartField) -> String {
        let places = points.map { (x: field.x($0.risk), y: field.y($0.expectedReturn)) }
        guard let first = places.first else { return "" }
        var text = "M\(coordinate(first.x)) \(coordinate(first.y))"
        for index in places.indices.dropLast() {
            let before = places[max(index - 1, 0)]
            let (start, end) = (places[index], places[index + 1])
            let after = places[min(index + 2, places.count - 1)]
            let controls = [
                (x: start.x + (end.x - before.x) / 6, y: start.y + (end.y - before.y) / 6),
                (x: end.x - (after.x - start.x) / 6, y: end.y - (after.y - start.y) / 6), end,
            ]
            text += "C" + controls.map { "\(coordinate($0.x)) \(coordinate($0.y))" }.joined(separator: " ")
        }
        return text
    }

    /// The line from the risk-free rate through the optimal portfolio, as far as the field goes.
    private func marketLine(_ layout: FrontierLayout) -> String {
        guard let end = layout.marketEnd, let rate = riskFreeRate else { return "" }
        let field = layout.field
        return #"<line class="market" x1="\#(coordinate(field.x(0)))" y1="\#(coordinate(field.y(rate)))" "#
            + #"x2="\#(coordinate(field.x(end.risk)))" y2="\#(coordinate(field.y(end.expectedReturn)))"/>"# + "\n"
    }

    private func dots(_ layout: FrontierLayout) -> String {
        var text = ""
        for dot in layout.dots {
            let (x, y) = (layout.field.x(dot.mark.risk), layout.field.y(dot.mark.expectedReturn))
            text +=
                #"<circle class="dot" cx="\#(coordinate(x))" cy="\#(coordinate(y))" r="3">"#
                + "<title>\(escaped(Self.figures(of: dot.mark)))</title></circle>"
            if dot.isLabelled { text += ChartStyle.text(dot.mark.name, "quiet small", x: x + 6, y: y + 3.5) }
            text += "\n"
        }
        return text
    }

    /// An unseen disc that tells the figures of a point of the curve to whoever points at it.
    private func target(of point: Mark, _ field: ChartField) -> String {
        #"<circle cx="\#(coordinate(field.x(point.risk)))" cy="\#(coordinate(field.y(point.expectedReturn)))" r="5" "#
            + "fill-opacity=\"0\"><title>\(escaped(Self.figures(of: point)))</title></circle>\n"
    }

    private func symbol(_ role: Role, x: Double, y: Double, saying words: String) -> String {
        let outline =
            switch role {
            case .optimal: ChartStyle.star
            case .current: "M0-7.5L7.5 0L0 7.5L-7.5 0Z"
            case .least: "M-5.5-5.5H5.5V5.5H-5.5Z"
            case .most: "M0-7L7 6H-7Z"
            }
        return #"<path class="halo \#(role.rawValue)" transform="translate(\#(coordinate(x)) \#(coordinate(y)))" "#
            + "d=\"\(outline)\"><title>\(escaped(words))</title></path>\n"
    }

    private static func figures(of mark: Mark) -> String {
        let ratio = mark.ratio.map { ", ratio \(fixed($0, decimals: 2))" } ?? ""
        return "\(mark.name): return \(ChartStyle.percent(mark.expectedReturn, decimals: 2)), "
            + "risk \(ChartStyle.percent(mark.risk, decimals: 2))\(ratio)"
    }

    // MARK: Legend

    private func legend(_ layout: FrontierLayout) -> String {
        let x = FrontierLayout.legendLeft
        var (text, y) = ("", layout.field.top + 6)
        for (role, mark) in portfolios {
            text += symbol(role, x: x + 8, y: y + 8, saying: Self.figures(of: mark))
            text += ChartStyle.text(mark.name, "strong", x: x + 26, y: y + 6)
            let figures =
                "\(ChartStyle.percent(mark.expectedReturn, decimals: 2)) return, "
                + "\(ChartStyle.percent(mark.risk, decimals: 2)) risk"
            text += ChartStyle.text(figures, "quiet", x: x + 26, y: y + 22)
            if let ratio = mark.ratio {
                text += ChartStyle.text("ratio \(fixed(ratio, decimals: 3))", "quiet", x: x + 26, y: y + 38)
            }
            y += mark.ratio == nil ? 42 : 58
        }
        var lines = [(#"<path class="curve" d="M0 0H18"/>"#, "efficient frontier")]
        if layout.marketEnd != nil {
            lines.append((#"<line class="market" x1="0" x2="18" y1="0" y2="0"/>"#, "capital market line"))
        }
        if !layout.dots.isEmpty {
            lines.append((#"<circle class="dot" cx="9" cy="0" r="3"/>"#, "an instrument alone"))
        }
        for (drawing, name) in lines {
            text += "<g transform=\"translate(\(coordinate(x)) \(coordinate(y + 4)))\">\(drawing)</g>"
            text += ChartStyle.text(name, "quiet", x: x + 26, y: y + 8)
            y += 22
        }
        if layout.hiddenCount > 0 {
            let words = layout.hiddenCount == 1 ? "1 instrument lies" : "\(layout.hiddenCount) instruments lie"
            text += ChartStyle.text("\(words) outside", "quiet small", x: x + 26, y: y + 6)
        }
        return text
    }
}

/// Where everything of a frontier's chart stands.
private struct FrontierLayout {
    static let width = 900.0
    static let height = 540.0
    static let legendLeft = 690.0

    let across: AxisScale
    let up: AxisScale
    let field: ChartField
    /// Where the capital market line leaves the field.
    let marketEnd: (risk: Double, expectedReturn: Double)?
    /// The instruments inside the field, and whether there is room for their names.
    let dots: [(mark: FrontierChart.Mark, isLabelled: Bool)]
    /// Instruments so far from the curve that they would crush it.
    let hiddenCount: Int

    /// How much further than the curve and its portfolios an instrument may lie to be shown.
    private static let reach = 2.0
    /// Beyond so many instruments names would be a heap.
    private static let mostNames = 60

    init(_ chart: FrontierChart) {
        let own = chart.curve + chart.portfolios.map(\.mark)
        let farthest = (
            risk: own.map(\.risk).max() ?? 0, most: own.map(\.expectedReturn).max() ?? 0,
            least: min(0, own.map(\.expectedReturn).min() ?? 0)
        )
        let height = max(farthest.most - farthest.least, 1e-9)
        let near = chart.instruments.filter { mark in
            mark.risk <= Self.reach * farthest.risk && mark.expectedReturn <= farthest.most + 0.5 * height
                && mark.expectedReturn >= farthest.least - 0.5 * height
        }
        let shown = own + near
        let returns = shown.map(\.expectedReturn) + [chart.riskFreeRate ?? 0, 0]
        let (lowest, highest) = (returns.min() ?? 0, returns.max() ?? 0)
        let margin = max(0.04 * (highest - lowest), 1e-9)
        let sides = (
            across: 0...max(1.04 * (shown.map(\.risk).max() ?? 0), 1e-9),
            up: (lowest < 0 ? lowest - margin : lowest)...(highest + margin)
        )
        across = AxisScale(between: sides.across.lowerBound, and: sides.across.upperBound)
        up = AxisScale(between: sides.up.lowerBound, and: sides.up.upperBound)
        let field = ChartField(
            left: 80,
            right: 660,
            top: 74,
            bottom: Self.height - 56,
            across: sides.across,
            up: sides.up
        )
        self.field = field
        hiddenCount = chart.instruments.count - near.count
        dots = Self.labelled(near, beside: chart.portfolios.map(\.mark), field)
        marketEnd = Self.marketEnd(chart, field)
    }

    /// Names are left out where they would lie on another's name or mark.
    private static func labelled(
        _ marks: [FrontierChart.Mark],
        beside others: [FrontierChart.Mark],
        _ field: ChartField
    ) -> [(mark: FrontierChart.Mark, isLabelled: Bool)] {
        typealias Box = (x: ClosedRange<Double>, y: ClosedRange<Double>)
        func box(around mark: FrontierChart.Mark, _ size: Double) -> Box {
            let (x, y) = (field.x(mark.risk), field.y(mark.expectedReturn))
            return (x - size...x + size, y - size...y + size)
        }
        var taken = others.map { box(around: $0, 8) } + marks.map { box(around: $0, 3.5) }
        return marks.map { mark in
            let (x, y) = (field.x(mark.risk), field.y(mark.expectedReturn))
            let width = 6.6 * Double(mark.name.unicodeScalars.count)
            let name: Box = (x + 5...x + 7 + width, y - 5...y + 5)
            let isFree = !taken.contains { $0.x.overlaps(name.x) && $0.y.overlaps(name.y) }
            let isLabelled = marks.count <= mostNames && isFree && name.x.upperBound < field.right + 20
            if isLabelled { taken.append(name) }
            return (mark, isLabelled)
        }
    }

    private static func marketEnd(
        _ chart: FrontierChart,
        _ field: ChartField
    ) -> (risk: Double, expectedReturn: Double)? {
        guard let rate = chart.riskFreeRate, let optimal = chart.portfolios.first(where: { $0.role == .optimal })?.mark,
            optimal.risk > 0
        else { return nil }
        let slope = (optimal.expectedReturn - rate) / optimal.risk
        let widest = field.across.upperBound
        // The line leaves by the right side or by the top.
        let risk = slope > 0 ? min(widest, (field.up.upperBound - rate) / slope) : widest
        return (risk, rate + slope * risk)
    }
}
