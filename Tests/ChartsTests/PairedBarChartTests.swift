import Charts
import Foundation
import Testing

@Suite("Bar charts")
struct PairedBarChartTests {
    private static func chart(_ rows: [PairedBarChart.Row]) -> PairedBarChart {
        PairedBarChart(
            ChartHeading(
                title: "Allocation",
                subtitle: "port-1",
                description: "Weights"
            ),
            series: (before: "current", after: "target"),
            axisTitle: "share",
            rows: rows
        )
    }

    @Test func `a bar is as long as its value, from the zero line on`() throws {
        let reading = Reading(
            Self.chart([.init(label: "A", before: 0.1, after: 0.2), .init(label: "B", before: 0, after: 0.4)]).svg
        )
        #expect(reading.isWellFormed)
        let lengths = (reading.bars("before") + reading.bars("after")).compactMap { $0["width"].flatMap(Double.init) }
        #expect(lengths.count == 4)
        let unit = lengths[0]
        #expect(unit > 50)
        for (length, times) in zip(lengths, [1, 0, 2, 4]) { #expect(abs(length - unit * Double(times)) < 0.03) }
        #expect(Set(reading.bars("after").compactMap { $0["x"] }).count == 1)
        for value in ["10.0%", "20.0%", "40.0%", "0.0%"] { #expect(reading.text.contains(value)) }
    }

    @Test func `negative bars end at the zero line, and everything stays on the page`() throws {
        let chart = Self.chart([
            .init(label: "short", before: -0.37, after: 0.2), .init(label: "long", before: 1.3, after: -0.01),
        ])
        let reading = Reading(chart.svg)
        #expect(reading.isWellFormed)
        let boxes = (reading.bars("before") + reading.bars("after")).compactMap { bar -> ClosedRange<Double>? in
            guard let x = bar["x"].flatMap(Double.init), let width = bar["width"].flatMap(Double.init) else {
                return nil
            }
            return x...(x + width)
        }
        #expect(boxes.count == 4)
        #expect(abs(boxes[0].upperBound - boxes[2].lowerBound) < 0.03)
        #expect(boxes.allSatisfy { $0.lowerBound > 60 && $0.upperBound < 820 })
        #expect(reading.text.contains("\u{2212}37.0%"))
    }

    @Test func `a hostile label is text`() {
        let hostile = #"</text><script>alert('x')</script>&amp;"]]>"# + "\u{0}\u{8}\n"
        var chart = Self.chart([.init(label: hostile, before: 0.5, after: 0.5)])
        chart.heading = ChartHeading(title: hostile, subtitle: hostile, description: hostile)
        let reading = Reading(chart.svg)
        #expect(reading.isWellFormed)
        #expect(!reading.elements.contains { $0.name == "script" })
        #expect(reading.text.contains(#"</text><script>alert('x')</script>&amp;"]]>"#))
    }

    @Test func `a reader who does not see the chart is told what it shows`() {
        let reading = Reading(Self.chart([.init(label: "A", before: 0.1, after: 0.2)]).svg)
        let root = reading.elements.first
        #expect(root?.attributes["role"] == "img")
        let ids = reading.elements.filter { ["title", "desc"].contains($0.name) }.compactMap { $0.attributes["id"] }
        #expect(root?.attributes["aria-labelledby"] == ids.joined(separator: " "))
        #expect(reading.text.contains("A, target: 20.0%"))
    }

    @Test(
        arguments: [
            [], [0], [0, 0], [1e-9], [.nan, .infinity], [0.001, 0.0004], [123.4], [-5, 5], [0.333, 0.2],
        ] as [[Double]]
    )
    func `whatever the values, the drawing is whole`(values: [Double]) {
        let rows = values.map { PairedBarChart.Row(label: "A", before: $0, after: -$0) }
        let text = Self.chart(rows).svg
        #expect(Reading(text).isWellFormed)
        #expect(!text.contains("nan") && !text.contains("inf") && !text.contains("?"))
        #expect(Reading(text).elements.filter { $0.name == "line" }.count >= 2, "an axis has ticks")
    }

    @Test func `ticks are round, distinct and enclose the values`() {
        for largest in [0.004, 0.013, 0.08, 0.31, 0.5, 1, 1.7, 12] {
            let text = Self.chart([.init(label: "A", before: largest, after: 0)]).svg
            let shown = text.matches(of: #/y="\d+(?:\.\d+)?">([0-9.]+)%<\/text>\n<line|>([0-9.]+)%<\/text>\n<text/#)
                .compactMap { Double($0.1 ?? $0.2 ?? "") }
            #expect(shown.count >= 3 && shown.count <= 8, "\(largest): \(shown)")
            #expect(Set(shown).count == shown.count, "\(largest): \(shown)")
            #expect((shown.max() ?? 0) >= largest * 100 - 1e-9, "\(largest): \(shown)")
        }
    }
}
