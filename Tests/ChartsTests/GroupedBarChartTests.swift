import Charts
import Foundation
import FoundationXML
import Testing

@Suite("Grouped bar charts")
struct GroupedBarChartTests {
    private static func chart(_ rows: [GroupedBarChart.Row], unit: GroupedBarChart.Unit = .plain) -> GroupedBarChart {
        GroupedBarChart(
            ChartHeading(
                title: "Exposures <1>",
                subtitle: "port-1",
                description: "Bars"
            ),
            series: ["portfolio", "benchmark", "active"],
            axisTitle: "exposure",
            unit: unit,
            rows: rows
        )
    }

    private func isWellFormed(_ document: String) -> Bool { XMLParser(data: Data(document.utf8)).parse() }

    @Test func `each value has a bar that tells it, and what is missing has none`() {
        let svg = Self.chart([
            .init(label: "MKT & co", values: [1.2, 1, 0.2]), .init(label: "SIZE", values: [-0.25, nil, nil]),
        ]).svg
        #expect(isWellFormed(svg))
        for text in [
            "MKT &amp; co, portfolio: 1.20", "MKT &amp; co, benchmark: 1.00", "MKT &amp; co, active: 0.20",
            "SIZE, portfolio: \u{2212}0.25",
        ] {
            #expect(svg.contains(text), "\(text)")
        }
        #expect(!svg.contains("SIZE, benchmark") && !svg.contains("SIZE, active"))
    }

    @Test func `percentages are written as such`() {
        let svg = Self.chart([.init(label: "MKT", values: [0.1234])], unit: .percent).svg
        #expect(svg.contains("MKT, portfolio: 12.34%") && svg.contains("10%</text>"))
    }

    @Test func `nothing to show says so`() {
        let svg = Self.chart([]).svg
        #expect(isWellFormed(svg) && svg.contains("There is nothing to show."))
    }

    @Test func `numbers that are none, and more values than series, do no harm`() {
        let svg = Self.chart([.init(label: "X", values: [.nan, .infinity, 1, 2])]).svg
        #expect(isWellFormed(svg) && !svg.contains("nan") && svg.contains("X, active: 1.00"))
    }

    @Test func `it follows the reader's colour scheme`() {
        #expect(Self.chart([]).svg.contains("@media (prefers-color-scheme:dark)"))
    }
}
