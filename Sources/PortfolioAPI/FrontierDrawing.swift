import Charts
import PortfolioDocuments

/// What the charts of a frontier show, in words and values.
enum FrontierDrawing {
    /// Names that the chart of weights tells apart, unless `top` says otherwise: as many as the eye does.
    private static let chartNames = 14

    /// The curve with the portfolios beside it, the instruments and the capital market line.
    static func curve(of frontier: StoredFrontier) -> FrontierChart {
        let roles: [(FrontierChart.Role, String, String)] = [
            (.optimal, "optimal_portfolio", "optimal (tangency)"), (.current, "current_portfolio", "current"),
            (.least, "min_risk_portfolio", "least risk"), (.most, "max_return_portfolio", "most return"),
        ]
        let portfolios = roles.compactMap { role, member, name in
            frontier.portfolio(member).map { (role: role, mark: mark(name, $0)) }
        }
        let count = frontier.points.count
        let risk = riskTitle(frontier)
        var words =
            "A curve of \(count) efficient portfolios of \(frontier.text("portfolio_id")): "
            + "\(risk) from left to right, expected return from bottom to top."
        for (_, mark) in portfolios {
            words += " \(mark.name): return \(percent(mark.expectedReturn)), risk \(percent(mark.risk))."
        }
        return FrontierChart(
            ChartHeading(
                title: "Efficient frontier",
                subtitle: subtitle(frontier),
                description: words
            ),
            riskTitle: risk,
            returnTitle: "expected return, a year",
            curve: frontier.points.enumerated().map { mark("point \($0 + 1)", $1) },
            portfolios: portfolios,
            instruments: frontier.instruments.map { mark($0.id, $0.point) },
            riskFreeRate: frontier.riskFreeRate
        )
    }

    /// The weights along the curve, stacked.
    static func weights(of frontier: StoredFrontier, keeping count: Int?) -> StackedAreaChart {
        var names = frontier.names(keeping: count ?? chartNames)
        // What is left over and cash lie on top.
        let last = ["cash", FoldedAllocations.other]
        let kept = names
        names = names.filter { !last.contains($0) } + last.filter(names.contains)
        let series = names.map { name in
            StackedAreaChart.Series(
                name: name,
                values: frontier.weights(of: name, among: kept),
                isRest: name == FoldedAllocations.other
            )
        }
        let optimal = frontier.portfolio("optimal_portfolio")?.expectedReturn
        let largest = names.first.map { "; the largest is of \($0)" } ?? ""
        return StackedAreaChart(
            ChartHeading(
                title: "Weights along the efficient frontier",
                subtitle: subtitle(frontier),
                description:
                    "Stacked weights of \(series.count) holdings of \(frontier.text("portfolio_id")) in percent of its "
                    + "value, from the portfolio of least risk on the left to the one of most return on the right\(largest)."
            ),
            placesTitle: "expected return, a year",
            valuesTitle: "share of the portfolio's value",
            places: frontier.points.map(\.expectedReturn),
            series: series,
            mark: optimal.map { ("optimal", $0) }
        )
    }

    private static func mark(_ name: String, _ point: StoredFrontier.Point) -> FrontierChart.Mark {
        FrontierChart.Mark(
            name: name,
            risk: point.risk,
            expectedReturn: point.expectedReturn,
            ratio: point.ratio
        )
    }

    /// The measure and over what time it is meant.
    private static func riskTitle(_ frontier: StoredFrontier) -> String {
        let measure = frontier.text("risk_measure")
        return measure == "volatility" ? "volatility, a year" : "\(measure), a period"
    }

    private static func subtitle(_ frontier: StoredFrontier) -> String {
        let facts = [frontier.text("portfolio_id"), frontier.text("risk_measure"), frontier.text("completed_at")]
        return facts.filter { !$0.isEmpty }.joined(separator: "  ·  ")
    }

    private static func percent(_ value: Double) -> String {
        let hundredths = (value * 10_000).rounded() / 100
        return "\(hundredths) %"
    }
}
