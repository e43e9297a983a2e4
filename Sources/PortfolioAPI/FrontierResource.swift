import Charts
package import FunctionRuntime
import JSON
import PortfolioDocuments
package import PortfolioModel
import PortfolioService

/// Efficient frontiers: `GET|POST /api/v1/portfolios/{id}/efficient-frontier`, `GET /api/v1/efficient-frontiers/{id}`.
package struct FrontierResource: ComputationResource {
    package let kind = ComputationKind.efficientFrontier
    package let waitingName = "efficient-frontier"
    package let waitingMethods = ["GET", "HEAD", "POST"]
    package let storedName = "efficient-frontiers"
    package let views = ComputationViews(charts: ["frontier", "weights"])

    package init() {}

    package func wanted(by request: FunctionRequest, portfolioID: String) throws -> WantedComputation {
        let document: JSONDocument
        if request.method == "POST" {
            try QueryParameters(request).check()
            _ = try request.requireContentType([MediaType.json])
            document = try JSONDocument(parsing: request.body)
        } else {
            document = try JSONDocument(parsing: Self.parameters.document(of: request))
        }
        let wanted = try DocumentDecoder.frontierRequest(document.root, portfolioID: portfolioID)
        return WantedComputation(
            request: ComputationRequest(
                kind: kind,
                portfolioID: portfolioID,
                document: DocumentEncoder.frontierRequest(wanted)
            ),
            references: wanted.constraints.instrumentReferences
        )
    }

    /// The query of a GET: limits and preferences that are one number each, beside the curve's own.
    private static let parameters = QueryDocument(
        own: ["points", "min_return", "max_risk", "risk_measure", "corner_portfolios"],
        sections: [
            "constraints": [
                "max_position_size", "min_position_size", "max_sector_exposure", "max_asset_class_exposure",
                "max_turnover", "max_weight_change", "target_volatility", "min_cash", "max_cash", "max_positions",
                "max_tracking_error",
                "allow_short", "max_gross_exposure",
            ],
            "preferences": [
                "risk_free_rate", "confidence_level", "include_transaction_costs", "transaction_cost_model",
                "cost_horizon_years", "time_limit_seconds",
            ],
        ]
    )

    package func show(_ answer: UnsafeRawBufferPointer, as view: ComputationView) throws -> ShownComputation {
        guard let frontier = try StoredFrontier(parsing: answer) else {
            throw RequestError.defect("a stored frontier has no points")
        }
        switch view.form {
        case .json:
            let body = FoldedAllocations.everyWeight(of: frontier.root, keeping: view.top ?? .max)
            return ShownComputation(bytes: body, mediaType: MediaType.json)
        case .csv:
            return ShownComputation(
                bytes: ResultTables.frontier(frontier, keeping: view.top),
                mediaType: "\(MediaType.csv); charset=utf-8; header=present",
                fileName: "points.csv"
            )
        case .svg("weights"):
            let chart = FrontierDrawing.weights(of: frontier, keeping: view.top)
            return ShownComputation(bytes: Array(chart.svg.utf8), mediaType: MediaType.svg)
        case .svg:
            return ShownComputation(
                bytes: Array(FrontierDrawing.curve(of: frontier).svg.utf8),
                mediaType: MediaType.svg
            )
        }
    }
}
