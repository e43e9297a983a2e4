/// The field that horizontal bars are drawn in, row by row, from an axis with round numbers; in pixels.
struct BarField {
    /// A bar's height with the gap below it.
    static let barHeight = 11.0

    let width = 860.0
    let height: Double
    /// The height of a row of bars with the room between it and the next.
    let rowHeight: Double
    /// The sides of the field, between the first and the last tick.
    let (left, right): (Double, Double)
    let (top, bottom): (Double, Double)
    let scale: AxisScale
    /// What lies between two rows.
    private let gap: Double
    /// Where the first tick stands: right of the values that negative bars carry.
    private let firstTick: Double
    private let barsInRow: Double

    /// A field for rows with labels, that holds values.
    init(labels: [String], values: [Double], barsInRow: Int, gap: Double) {
        scale = AxisScale(holding: values)
        let longest = labels.map { $0.unicodeScalars.count }.max() ?? 0
        // Letters of this size are seldom wider than 8 pixels; a name has 36 at most.
        left = 24 + min(300, max(48, 8 * Double(longest)))
        right = width - 64  // room for a bar's value
        top = 84
        self.gap = gap
        self.barsInRow = Double(max(1, barsInRow))
        rowHeight = Self.barHeight * self.barsInRow + gap
        bottom = top + rowHeight * Double(max(1, labels.count))
        height = bottom + 52
        firstTick = left + ((scale.ticks.first ?? 0) < 0 ? 48 : 0)
    }

    /// Where a value stands from left to right.
    func x(_ value: Double) -> Double {
        guard let first = scale.ticks.first, let last = scale.ticks.last, last > first else { return firstTick }
        return firstTick + (value - first) / (last - first) * (right - firstTick)
    }

    /// Where the first bar of a row begins.
    func y(ofRow row: Int) -> Double { top + rowHeight * Double(row) + gap / 2 }

    /// Grid lines with what they stand for, and what the axis measures.
    func axis(_ title: String, label: (Double) -> String) -> String {
        var text = ""
        for tick in scale.ticks {
            let x = coordinate(x(tick))
            let isZero = abs(tick) < scale.step / 2
            text +=
                #"<line class="\#(isZero ? "zero" : "grid")" x1="\#(x)" x2="\#(x)" y1="\#(coordinate(top))" "#
                + #"y2="\#(coordinate(bottom))"/>"#
                + #"<text class="quiet middle" x="\#(x)" y="\#(coordinate(bottom + 17))">"# + label(tick) + "</text>\n"
        }
        return text
            + #"<text class="quiet middle" x="\#(coordinate((left + right) / 2))" y="\#(coordinate(bottom + 36))">"#
            + escaped(title) + "</text>\n"
    }

    /// An entry of the legend: the bar's colour and its name.
    static func legend(_ style: String, _ name: String, x: Double) -> String {
        """
        <rect class="\(style)" x="\(coordinate(x))" y="60" width="12" height="12"/>\
        <text x="\(coordinate(x + 18))" y="70">\(escaped(name))</text>

        """
    }

    /// How far an entry of the legend reaches: its text is as long as its letters; some room more does no harm.
    static func legendWidth(_ name: String) -> Double { 44 + 7.5 * Double(name.count) }

    /// What stands in a field without rows.
    var emptiness: String {
        #"<text class="quiet middle" x="\#(coordinate(width / 2))" y="\#(coordinate(top + 21))">"#
            + "There is nothing to show.</text>\n"
    }

    /// What a row's bars are of, left of them.
    func label(_ text: String, ofRow row: Int) -> String {
        let baseline = y(ofRow: row) + Self.barHeight * barsInRow / 2 + 4
        return #"<text class="end" x="\#(coordinate(left - 8))" y="\#(coordinate(baseline))">\#(escaped(text))</text>"#
    }

    /// A bar from zero to a value, which is written at its end and told with its name.
    func bar(
        _ value: Double,
        _ style: String,
        _ name: String,
        shown: String,
        row: Int,
        position: Int
    ) -> String {
        let y = y(ofRow: row) + Self.barHeight * Double(position)
        let (zero, end) = (x(0), x(value))
        let isNegative = end < zero
        return #"<rect class="\#(style)" x="\#(coordinate(min(zero, end)))" y="\#(coordinate(y))" "#
            + #"width="\#(coordinate(abs(end - zero)))" height="\#(coordinate(Self.barHeight - 1))">"#
            + "<title>\(escaped(name)): \(shown)</title></rect>"
            + #"<text class="value quiet\#(isNegative ? " end" : "")" x="\#(coordinate(end + (isNegative ? -4 : 4)))" "#
            + #"y="\#(coordinate(y + Self.barHeight - 2.5))">\#(shown)</text>"#
    }
}
