import Charts
package import FunctionRuntime
import PortfolioDocuments
package import PortfolioModel
import PortfolioService

/// Factor analyses: `GET /api/v1/portfolios/{id}/factor-exposures`, `GET /api/v1/factor-analyses/{id}`.
package struct FactorAnalysisResource: ComputationResource {
    package let kind = ComputationKind.factorAnalysis
    package let waitingName = "factor-exposures"
    package let waitingMethods = ["GET", "HEAD"]
    package let storedName = "factor-analyses"
    package let views = ComputationViews(tables: StoredFactorAnalysis.tables, charts: ["exposures", "attribution"])

    /// The most factors that may be named: as many as a risk model has.
    private static let mostFactors = 500

    package init() {}

    package func wanted(by request: FunctionRequest, portfolioID: String) throws -> WantedComputation {
        var query = QueryParameters(request, known: ["factors"])
        // `?factors=` names none, which is the same as saying nothing.
        let names = query.text("factors") == "" ? [] : query.identifiers("factors", atMost: Self.mostFactors) ?? []
        if let twice = names.first(where: { name in names.count { $0 == name } > 1 }) {
            query.report("duplicate", "the query parameter 'factors' names \(twice) twice")
        }
        try query.check()
        let wanted = FactorAnalysisRequest(portfolioID: portfolioID, factors: names)
        return WantedComputation(
            request: ComputationRequest(
                kind: kind,
                portfolioID: portfolioID,
                document: DocumentEncoder.factorAnalysisRequest(wanted)
            ),
            references: []
        )
    }

    package func show(_ answer: UnsafeRawBufferPointer, as view: ComputationView) throws -> ShownComputation {
        let analysis = try StoredFactorAnalysis(parsing: answer)
        switch view.form {
        case .json: return ShownComputation(bytes: Array(answer), mediaType: MediaType.json)
        case .csv(let part):
            let part = part ?? "exposures"
            return ShownComputation(
                bytes: analysis.table(part),
                mediaType: MediaType.csv,
                fileName: "\(part).csv"
            )
        case .svg(let name):
            var chart = name == "attribution" ? attributionChart(of: analysis) : exposureChart(of: analysis)
            if let top = view.top { chart.rows = Self.largest(top, of: chart.rows) }
            return ShownComputation(bytes: Array(chart.svg.utf8), mediaType: MediaType.svg)
        }
    }

    /// The rows with the largest values by size, in their order; `other` and `specific` stay.
    private static func largest(_ count: Int, of rows: [GroupedBarChart.Row]) -> [GroupedBarChart.Row] {
        let rests = ["other", "specific"]
        func size(_ row: GroupedBarChart.Row) -> Double { row.values.compactMap { $0?.magnitude }.max() ?? 0 }
        let ranked = rows.indices.filter { !rests.contains(rows[$0].label) }
            .sorted { (-size(rows[$0]), $0) < (-size(rows[$1]), $1) }
        let kept = Set(ranked.prefix(count))
        return rows.indices.filter { kept.contains($0) || rests.contains(rows[$0].label) }.map { rows[$0] }
    }

    private func subtitle(_ analysis: StoredFactorAnalysis) -> String {
        ["portfolio_id", "as_of"].map(analysis.text).filter { !$0.isEmpty }.joined(separator: "  ·  ")
    }

    private func exposureChart(of analysis: StoredFactorAnalysis) -> GroupedBarChart {
        let rows = analysis.exposures
        let hasBenchmark = rows.contains { $0.benchmark != nil }
        return GroupedBarChart(
            ChartHeading(
                title: "Factor exposures",
                subtitle: subtitle(analysis),
                description: "A bar chart of the exposure of \(analysis.text("portfolio_id")) to \(rows.count) factors"
                    + (hasBenchmark ? ", of its benchmark's, and of the difference." : ".")
            ),
            series: hasBenchmark ? ["portfolio", "benchmark", "active"] : ["portfolio"],
            axisTitle: "exposure, Σ weight × loading",
            unit: .plain,
            rows: rows.map { row in
                GroupedBarChart.Row(
                    label: row.factor,
                    values: hasBenchmark ? [row.exposure, row.benchmark, row.active] : [row.exposure]
                )
            }
        )
    }

    private func attributionChart(of analysis: StoredFactorAnalysis) -> GroupedBarChart {
        let risk = analysis.parts(of: "attribution") ?? []
        let active = analysis.parts(of: "active_attribution")
        let returns = analysis.parts(of: "return_attribution")
        var series = ["volatility"]
        if active != nil { series.append("tracking error") }
        if returns != nil { series.append("return") }
        let totals = [
            ("volatility", analysis.number("volatility")), ("tracking error", analysis.number("tracking_error")),
            ("return", analysis.number("attributed_return")),
        ]
        func contribution(_ parts: [StoredFactorAnalysis.Part], _ factor: String) -> Double? {
            parts.first { $0.factor == factor }?.contribution
        }
        return GroupedBarChart(
            ChartHeading(
                title: "Where risk and return come from",
                subtitle: subtitle(analysis),
                description: "A bar chart of what each factor contributes a year: "
                    + totals.compactMap { name, total in
                        total.map { "\(name) \(GroupedBarChart.Unit.percent.text($0))" }
                    }
                    .joined(separator: ", ") + " in all."
            ),
            series: series,
            axisTitle: "annual contribution",
            unit: .percent,
            rows: risk.map { part in
                var values: [Double?] = [part.contribution]
                if let active { values.append(contribution(active, part.factor)) }
                if let returns { values.append(contribution(returns, part.factor)) }
                return GroupedBarChart.Row(label: part.factor, values: values)
            }
        )
    }
}
