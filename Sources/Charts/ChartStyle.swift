/// What all drawings with a light and a dark dress share: the frame of the document, and its colours as CSS variables.
enum ChartStyle {
    /// The colours of what charts are made of, light and dark: a viewer's own preference chooses.
    private static let colours = """
        :root{--paper:#ffffff;--ink:#1f2328;--quiet:#57606a;--grid:#dfe3e8;--line:#0b62c4;--market:#8250df;\
        --dot:#6e7781;--current:#bc4c00;--optimal:#1a7f37;--least:#0550ae;--most:#cf222e}
        @media (prefers-color-scheme: dark){:root{--paper:#0d1117;--ink:#e6edf3;--quiet:#9198a1;--grid:#262c36;\
        --line:#58a6ff;--market:#bc8cff;--dot:#8b949e;--current:#f0883e;--optimal:#3fb950;--least:#79c0ff;--most:#ff7b72}}
        """

    /// The outline of a star, 18 wide, around the origin: what was chosen.
    static let star = "M0-9L2.4-2.9L8.9-2.6L3.8 1.5L5.5 7.8L0 4.2L-5.5 7.8L-3.8 1.5L-8.9-2.6L-2.4-2.9Z"

    /// Begins a document whose styles are the shared ones and some of its own.
    static func head(width: Double, height: Double, heading: ChartHeading, styles: String) -> String {
        heading.opening(
            width: width,
            height: height,
            styles: """
                \(colours)
                text{font:12px system-ui,"Segoe UI","DejaVu Sans",Arial,sans-serif;fill:var(--ink)}
                .title{font-size:17px;font-weight:600}.quiet{fill:var(--quiet)}.small{font-size:10px}.strong{font-weight:600}
                .grid{stroke:var(--grid)}.zero{stroke:var(--quiet)}.middle{text-anchor:middle}.end{text-anchor:end}
                \(styles)
                """,
            paper: #"width="100%" height="100%" fill="var(--paper)""#
        )
    }

    /// A text at a place.
    static func text(_ text: String, _ style: String, x: Double, y: Double) -> String {
        #"<text class="\#(style)" x="\#(coordinate(x))" y="\#(coordinate(y))">\#(escaped(text))</text>"# + "\n"
    }

    /// A share as a percentage.
    static func percent(_ value: Double, decimals: Int) -> String { fixed(value * 100, decimals: decimals) + "%" }
}

/// A rectangle of a drawing in which values are shown, with an axis along its foot and one along its left side.
struct ChartField {
    var left: Double
    var right: Double
    var top: Double
    var bottom: Double
    /// The values at the field's sides.
    var across: ClosedRange<Double>
    var up: ClosedRange<Double>

    /// Where a value stands from left to right.
    func x(_ value: Double) -> Double { Self.place(value, in: across, from: left, to: right) }

    /// Where a value stands from top to bottom.
    func y(_ value: Double) -> Double { Self.place(value, in: up, from: bottom, to: top) }

    private static func place(_ value: Double, in range: ClosedRange<Double>, from start: Double, to end: Double)
        -> Double
    {
        let width = range.upperBound - range.lowerBound
        return width > 0 ? start + (value - range.lowerBound) / width * (end - start) : (start + end) / 2
    }

    /// Grid lines and the percentages or plain numbers they stand for, with what each axis measures.
    func axes(
        across ticksAcross: AxisScale,
        up ticksUp: AxisScale,
        titles: (across: String, up: String),
        areShares: Bool = true
    ) -> String {
        func label(_ tick: Double, _ scale: AxisScale) -> String {
            areShares
                ? ChartStyle.percent(tick, decimals: scale.percentDecimals)
                : fixed(tick, decimals: scale.plainDecimals)
        }
        var text = ""
        for tick in ticksUp.ticks where up.contains(tick) {
            let y = coordinate(y(tick))
            let style = abs(tick) < ticksUp.step / 2 ? "zero" : "grid"
            text +=
                #"<line class="\#(style)" x1="\#(coordinate(left))" x2="\#(coordinate(right))" y1="\#(y)" y2="\#(y)"/>"#
            text += ChartStyle.text(label(tick, ticksUp), "quiet end", x: left - 8, y: self.y(tick) + 4)
        }
        for tick in ticksAcross.ticks where across.contains(tick) {
            let x = coordinate(x(tick))
            let style = abs(tick) < ticksAcross.step / 2 ? "zero" : "grid"
            text +=
                #"<line class="\#(style)" x1="\#(x)" x2="\#(x)" y1="\#(coordinate(top))" y2="\#(coordinate(bottom))"/>"#
            text += ChartStyle.text(label(tick, ticksAcross), "quiet middle", x: self.x(tick), y: bottom + 17)
        }
        text += ChartStyle.text(titles.across, "quiet middle", x: (left + right) / 2, y: bottom + 36)
        let (x, y) = (left - 50, (top + bottom) / 2)
        return text
            + #"<text class="quiet middle" transform="translate(\#(coordinate(x)) \#(coordinate(y))) rotate(-90)">"#
            + escaped(titles.up) + "</text>\n"
    }
}
