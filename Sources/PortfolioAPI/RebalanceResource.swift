import Charts
package import FunctionRuntime
import JSON
import PortfolioDocuments
package import PortfolioModel
package import PortfolioService

/// Rebalance plans: `POST /api/v1/portfolios/{id}/rebalance`, `GET /api/v1/rebalances/{id}`.
package struct RebalanceResource: ComputationResource {
    package let kind = ComputationKind.rebalance
    package let waitingName = "rebalance"
    package let waitingMethods = ["POST"]
    package let storedName = "rebalances"
    package let views = ComputationViews(tables: ResultTables.ofPlans, charts: ["allocation"])

    private let optimizations: ReadOptimization

    /// Names on a chart that nobody counts.
    private static let chartNames = 20

    /// - Parameter optimizations: where a request's `optimization_id` is looked up.
    package init(optimizations: ReadOptimization) { self.optimizations = optimizations }

    package func wanted(by request: FunctionRequest, portfolioID: String) throws -> WantedComputation {
        try QueryParameters(request).check()
        _ = try request.requireContentType([MediaType.json])
        let document = try JSONDocument(parsing: request.body)
        var wanted = try DocumentDecoder.rebalanceRequest(document.root, portfolioID: portfolioID)
        if let id = wanted.optimizationID {
            wanted.referencedAllocation = try allocation(of: id, portfolioID: portfolioID, tenant: request.tenant)
        }
        return WantedComputation(
            request: ComputationRequest(
                kind: kind,
                portfolioID: portfolioID,
                document: DocumentEncoder.rebalanceRequest(wanted)
            ),
            references: wanted.constraints.instrumentReferences + Self.references(of: wanted)
        )
    }

    private static func references(of request: RebalanceRequest) -> [InstrumentReference] {
        let maps: [(name: String, ids: [String])] = [
            ("target_allocation", Array((request.targetAllocation ?? [:]).keys)),
            ("lot_order", Array(request.lotOrder.keys)),
        ]
        return maps.flatMap { name, ids in
            ids.filter { $0 != "cash" }.sorted().map { id in
                InstrumentReference(instrumentID: id, pointer: "/\(name)/\(pointerToken(id))")
            }
        }
    }

    /// What a completed optimization of the same portfolio recommends.
    private func allocation(of id: String, portfolioID: String, tenant: String) throws -> [String: Double] {
        func refused(_ code: String, _ message: String) -> RequestError {
            .invalid([Fault(pointer: "/optimization_id", code: code, message: message)])
        }
        let reading: OptimizationReading
        do {
            reading = try optimizations(id: id, tenant: tenant)
        } catch .notFound {
            throw refused("unknown_optimization", "there is no optimization '\(id)'")
        }
        guard reading.portfolioID == portfolioID else {
            throw refused("contradiction", "'\(id)' is an optimization of another portfolio")
        }
        guard reading.status == .completed, let answer = reading.answer else {
            throw refused("no_result", "'\(id)' is \(reading.status.rawValue): it has no allocation to aim at")
        }
        let stored = try withExtendedLifetime(answer.owner) { try StoredResult(parsing: answer.bytes) }
        guard let stored else { throw RequestError.defect("the stored answer of \(id) has no allocations") }
        return stored.targetAllocation
    }

    package func show(_ answer: UnsafeRawBufferPointer, as view: ComputationView) throws -> ShownComputation {
        guard let plan = try StoredResult(parsing: answer) else {
            throw RequestError.defect("a stored plan has no allocations")
        }
        switch view.form {
        case .json:
            let bytes = FoldedAllocations.document(plan, keeping: view.top ?? .max)
            return ShownComputation(bytes: bytes, mediaType: MediaType.json)
        case .csv(let part):
            let part = part ?? ResultTables.ofPlans[0]
            let bytes =
                switch part {
                case "allocations": ResultTables.allocations(AllocationRows(plan, keeping: view.top))
                case "tax_lots": ResultTables.soldLots(plan)
                default: ResultTables.plannedTrades(plan)
                }
            return ShownComputation(bytes: bytes, mediaType: MediaType.csv, fileName: "\(part).csv")
        case .svg:
            let chart = chart(of: plan, keeping: view.top ?? Self.chartNames)
            return ShownComputation(bytes: Array(chart.svg.utf8), mediaType: MediaType.svg)
        }
    }

    private func chart(of plan: StoredResult, keeping count: Int) -> PairedBarChart {
        let rows = AllocationRows(plan, keeping: count).rows
        let portfolio = plan.text("portfolio_id")
        let trades = plan.trades.count
        let facts = [portfolio, plan.text("target_type"), "\(trades) trades", plan.text("completed_at")]
        return PairedBarChart(
            ChartHeading(
                title: "Current allocation and where the trades lead",
                subtitle: facts.filter { !$0.isEmpty }.joined(separator: "  ·  "),
                description: "A bar chart of the weights of \(rows.count) holdings of \(portfolio) before and after "
                    + "\(trades) trades, in percent of the portfolio's value."
            ),
            series: (before: "current", after: "target"),
            axisTitle: "share of the portfolio's value",
            rows: rows.map { .init(label: $0.name, before: $0.current, after: $0.target) }
        )
    }
}
