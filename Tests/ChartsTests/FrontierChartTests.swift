import Charts
import Testing

@Suite("Charts of frontiers")
struct FrontierChartTests {
    private static func chart(
        _ curve: [(risk: Double, value: Double)],
        instruments: [FrontierChart.Mark] = [],
        optimal: FrontierChart.Mark? = nil
    ) -> FrontierChart {
        let marks = curve.enumerated().map { index, place in
            FrontierChart.Mark(name: "point \(index + 1)", risk: place.risk, expectedReturn: place.value, ratio: 1)
        }
        return FrontierChart(
            ChartHeading(
                title: "Efficient frontier",
                subtitle: "port-1",
                description: "A curve"
            ),
            riskTitle: "volatility, a year",
            returnTitle: "expected return, a year",
            curve: marks,
            portfolios: optimal.map { [(.optimal, $0)] } ?? [],
            instruments: instruments,
            riskFreeRate: 0.02
        )
    }

    private static let bent = [(risk: 0.1, value: 0.05), (risk: 0.12, value: 0.08), (risk: 0.2, value: 0.11)]

    @Test func `curve, portfolios, instruments and market line are drawn and told`() {
        let optimal = FrontierChart.Mark(name: "optimal", risk: 0.12, expectedReturn: 0.08, ratio: 0.5)
        let instruments = [
            FrontierChart.Mark(name: "A<&>", risk: 0.15, expectedReturn: 0.04),
            FrontierChart.Mark(name: "far", risk: 9, expectedReturn: 0.04),
        ]
        let reading = Reading(Self.chart(Self.bent, instruments: instruments, optimal: optimal).svg)
        #expect(reading.isWellFormed)
        func drawn(_ name: String, _ style: String) -> Int {
            reading.elements.count { $0.name == name && $0.attributes["class"] == style }
        }
        #expect(drawn("path", "curve") == 2 && drawn("line", "market") == 2, "each once more in the legend")
        #expect(drawn("path", "halo optimal") == 2 && drawn("circle", "dot") == 2)
        for words in [
            "A<&>", "8.00% return, 12.00% risk", "ratio 0.500", "volatility, a year", "1 instrument lies outside",
        ] {
            #expect(reading.text.contains(words), "\(words)")
        }
    }

    @Test func `the market line is a tangent's: from the risk-free rate through the optimal portfolio`() throws {
        let optimal = FrontierChart.Mark(name: "optimal", risk: 0.12, expectedReturn: 0.08, ratio: 0.5)
        let reading = Reading(Self.chart(Self.bent, optimal: optimal).svg)
        let line = try #require(
            reading.elements.first { $0.name == "line" && $0.attributes["class"] == "market" }?.attributes
        )
        let star = try #require(
            reading.elements.first { $0.attributes["class"] == "halo optimal" }?.attributes["transform"]
        )
        let place = star.dropFirst("translate(".count).dropLast().split(separator: " ").compactMap { Double($0) }
        let ends = ["x1", "y1", "x2", "y2"].compactMap { line[$0].flatMap(Double.init) }
        try #require(ends.count == 4 && place.count == 2)
        let slope = (ends[3] - ends[1]) / (ends[2] - ends[0])
        #expect(abs(ends[1] + slope * (place[0] - ends[0]) - place[1]) < 0.1)
    }

    @Test(arguments: [
        [(risk: 0.1, value: 0.05)], [(risk: 0.0, value: 0.0)], [(risk: 0.1, value: -0.05), (risk: 0.1, value: -0.05)],
        [],
    ])
    func `a curve of one point, of none or without risk is drawn all the same`(
        _ curve: [(risk: Double, value: Double)]
    ) {
        let text = Self.chart(curve).svg
        #expect(Reading(text).isWellFormed)
        #expect(!text.contains("nan") && !text.contains("inf") && !text.contains("?"))
    }

    @Test func `a viewer's preference for dark chooses the colours, and nothing else is asked for`() {
        for text in [
            Self.chart(Self.bent).svg,
            StackedAreaChart(
                ChartHeading(
                    title: "t",
                    subtitle: "s",
                    description: "d"
                ),
                placesTitle: "p",
                valuesTitle: "v",
                places: [0, 1],
                series: []
            ).svg,
        ] {
            #expect(text.contains("@media (prefers-color-scheme: dark)"))
            #expect(!text.contains("<script") && !text.contains("url(") && !text.contains("href"))
        }
    }
}

@Suite("Charts of stacked shares")
struct StackedAreaChartTests {
    private static func chart(_ series: [StackedAreaChart.Series], places: [Double] = [0.1, 0.2, 0.3]) -> String {
        StackedAreaChart(
            ChartHeading(
                title: "Weights",
                subtitle: "port-1",
                description: "Stacked weights"
            ),
            placesTitle: "expected return",
            valuesTitle: "share",
            places: places,
            series: series,
            mark: ("optimal", 0.2)
        ).svg
    }

    /// The corners of the areas drawn.
    private static func outlines(_ reading: Reading) -> [[(x: Double, y: Double)]] {
        reading.elements.filter { $0.name == "path" && $0.attributes["class"] == "area" }.map { element in
            let path = (element.attributes["d"] ?? "").dropFirst().dropLast()
            return path.split(separator: "L").compactMap { place in
                let numbers = place.split(separator: " ").compactMap { Double($0) }
                return numbers.count == 2 ? (numbers[0], numbers[1]) : nil
            }
        }
    }

    @Test func `each area begins where the one below ends`() throws {
        let reading = Reading(
            Self.chart([
                .init(name: "A", values: [0.6, 0.5, 0]), .init(name: "B & C", values: [0.4, 0.3, 1]),
                .init(name: "other", values: [0, 0.2, 0], isRest: true),
            ])
        )
        #expect(reading.isWellFormed)
        let areas = Self.outlines(reading)
        try #require(areas.count == 3 && areas.allSatisfy { $0.count == 6 })
        for (below, above) in zip(areas, areas.dropFirst()) {
            for (roof, floor) in zip(below[..<3], above[3...].reversed()) {
                #expect(abs(roof.y - floor.y) < 0.02 && roof.x == floor.x)
            }
        }
        #expect(areas[2][..<3].allSatisfy { abs($0.y - areas[2][0].y) < 0.02 }, "they sum to 1 throughout")
        #expect(reading.text.contains("B & C") && reading.text.contains("to 60.0%") && reading.text.contains("optimal"))
    }

    @Test func `what is below zero is stacked downwards`() throws {
        let reading = Reading(
            Self.chart([
                .init(name: "long", values: [1.2, 1.3, 1.1]), .init(name: "short", values: [-0.2, -0.3, -0.1]),
            ])
        )
        let areas = Self.outlines(reading)
        try #require(areas.count == 2)
        #expect(areas[1][0].y <= areas[0][5].y + 0.02 && areas[1][5].y > areas[0][5].y)
        #expect(reading.text.contains("\u{2212}50%") || reading.text.contains("\u{2212}"))
    }

    @Test func `a line of one place is drawn over the whole width, and of none at all`() {
        let one = Reading(Self.chart([.init(name: "A", values: [1])], places: [0.1]))
        #expect(one.isWellFormed && Self.outlines(one).first?.count == 4)
        #expect(Reading(Self.chart([], places: [])).isWellFormed)
        let huge = Self.chart([.init(name: "A", values: [1, 1])], places: [1e30, 1.000_000_1e30])
        #expect(Reading(huge).isWellFormed)
    }
}
