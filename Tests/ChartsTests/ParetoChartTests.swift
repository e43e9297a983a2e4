import Charts
import Testing

@Suite("Charts of non-dominated sets")
struct ParetoChartTests {
    private static func chart(_ points: [[Double]], answer: [Double]? = nil) -> ParetoChart {
        let axes = [
            ParetoChart.Axis(name: "return", growsBetter: true), ParetoChart.Axis(name: "a<b", growsBetter: false),
            ParetoChart.Axis(name: "entropy", growsBetter: nil),
        ]
        return ParetoChart(
            ChartHeading(
                title: "Set",
                subtitle: "port-1",
                description: "Points"
            ),
            axes: Array(axes.prefix(points.first?.count ?? 2)),
            points: points,
            answer: answer
        )
    }

    private static func points(_ reading: Reading) -> [[String: String]] {
        reading.elements.filter { $0.name == "circle" && $0.attributes["class"] == "point" }.map(\.attributes)
    }

    @Test func `points stand where their values are, higher is further up`() throws {
        let reading = Reading(Self.chart([[0.05, 0.01], [0.06, 0.02], [0.08, 0.05]], answer: [0.06, 0.02]).svg)
        #expect(reading.isWellFormed)
        let places = Self.points(reading).prefix(3).map {
            ($0["cx"].flatMap(Double.init), $0["cy"].flatMap(Double.init))
        }
        try #require(places.count == 3)
        let (first, second, third) = (places[0], places[1], places[2])
        let x = try #require(first.0), y = try #require(first.1)
        let share = try (#require(second.0) - x) / (#require(third.0) - x)
        #expect(abs(share - 1.0 / 3) < 1e-3)
        let height = try (#require(second.1) - y) / (#require(third.1) - y)
        #expect(abs(height - 0.25) < 1e-3)
        #expect(try #require(third.1) < y)
        let stars = reading.elements.filter { $0.attributes["class"] == "halo optimal" }
        #expect(
            stars.first?.attributes["transform"] == "translate(\(Self.points(reading)[1]["cx"] ?? "") "
                + "\(Self.points(reading)[1]["cy"] ?? ""))"
        )
        #expect(reading.text.contains("a<b (less is better)"))
    }

    @Test func `a third objective is told by shade, from the least to the most`() {
        let reading = Reading(Self.chart([[1, 1, 0], [2, 2, 5], [3, 3, 10]]).svg)
        #expect(reading.isWellFormed)
        #expect(Self.points(reading).prefix(3).map { $0["fill-opacity"] } == ["0", "0.50", "1"].map { $0 })
        #expect(!reading.elements.contains { $0.attributes["class"] == "through" })
        #expect(reading.text.contains("entropy"))
    }

    @Test(arguments: [[[0.0, 0]], [[1e-7, 1], [1e-7, 1]], [[-1e5, 2], [1e5, 3]]])
    func `points that agree, and values of any size, are drawn`(points: [[Double]]) {
        let reading = Reading(Self.chart(points).svg)
        #expect(reading.isWellFormed)
        for place in Self.points(reading) {
            let x = place["cx"].flatMap(Double.init) ?? -1
            #expect(x >= 0 && x <= 900)
        }
    }
}
