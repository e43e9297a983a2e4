import Charts
import FunctionRuntime
import PortfolioDocuments
import PortfolioModel
import PortfolioService

/// Results in other forms than they are stored in; only here is a stored answer decoded.
struct ResultViewResource {
    /// Names that a chart shows unless `top` says otherwise: as many as fit a page.
    private static let chartNames = 40

    let read: ReadOptimization
    let log: Log
    /// The document as it is stored, or the state of an optimization that has none.
    let stateResponse: (FunctionRequest, OptimizationReading) -> FunctionResponse

    func answer(_ request: FunctionRequest, id: String, _ view: ResultView) throws -> FunctionOutcome {
        let reading = try read(id: id, tenant: request.tenant)
        guard !reading.status.isFinal, let wait = WaitPreference(request.headers["prefer"]) else {
            return .answer(try response(to: request, reading, view))
        }
        return .park(
            ParkedRequest(
                key: id,
                waitSeconds: Double(wait.seconds),
                recheck: { recheck(request, id: id, view) },
                expire: { expire(request, id: id, view) }
            )
        )
    }

    /// The answer to a request that waits, once the optimization has ended.
    private func recheck(_ request: FunctionRequest, id: String, _ view: ResultView) -> FunctionResponse? {
        // A store that is away for a moment is asked again: the wait has not run out.
        guard let reading = try? read(id: id, tenant: request.tenant), reading.status.isFinal else { return nil }
        return responseOrProblem(to: request, reading, view)
    }

    /// The answer to a request whose time is up.
    private func expire(_ request: FunctionRequest, id: String, _ view: ResultView) -> FunctionResponse {
        do {
            return responseOrProblem(to: request, try read(id: id, tenant: request.tenant), view)
        } catch {
            return ErrorMapping.response(to: request, for: error, log: log)
        }
    }

    private func responseOrProblem(
        to request: FunctionRequest,
        _ reading: OptimizationReading,
        _ view: ResultView
    ) -> FunctionResponse {
        do {
            return try response(to: request, reading, view)
        } catch {
            return ErrorMapping.response(to: request, for: error, log: log)
        }
    }

    private func response(
        to request: FunctionRequest,
        _ reading: OptimizationReading,
        _ view: ResultView
    ) throws -> FunctionResponse {
        if view.form == .json, view.top == nil, !view.explainsExcluded { return stateResponse(request, reading) }
        guard reading.status == .completed, let answer = reading.answer else {
            // A state has no allocation to fold: it is told as it is.
            if view.form == .json { return stateResponse(request, reading) }
            throw ServiceError.noResult(.optimization, id: reading.id, status: reading.status)
        }
        let stored = try withExtendedLifetime(answer.owner) { try StoredResult(parsing: answer.bytes) }
        guard let result = stored else {
            throw RequestError.defect("the stored answer of \(reading.id) has no allocations")
        }
        var headers: [(name: String, value: String)] = [("Vary", "Accept")]
        if let wait = WaitPreference(request.headers["prefer"]) {
            headers.append(("Preference-Applied", wait.applied))
        }
        switch view.form {
        case .json:
            var body = view.top.map { FoldedAllocations.document(result, keeping: $0) } ?? Array(answer.bytes)
            if view.explainsExcluded {
                let excluded = try read.excluded(id: reading.id, tenant: request.tenant)
                body = DocumentEncoder.extended(body, with: "excluded", excluded ?? Array("null".utf8))
            }
            return .view(body, type: MediaType.json, for: request, headers)
        case .paretoSet(let form):
            guard let set = StoredParetoSet(result) else { throw ServiceError.notFound(.paretoSet, id: reading.id) }
            return response(to: request, set, form, keeping: view.top, id: reading.id, headers)
        case .csv(let part):
            let body =
                switch part {
                case .allocations: ResultTables.allocations(AllocationRows(result, keeping: view.top))
                case .trades: ResultTables.trades(result)
                }
            let name = "\(reading.id)-\(part.rawValue).csv"
            headers.append(("Content-Disposition", "attachment; filename=\"\(name)\""))
            return .view(body, type: "\(MediaType.csv); charset=utf-8; header=present", for: request, headers)
        case .svg:
            return .drawing(chart(of: result, keeping: view.top ?? Self.chartNames).svg, for: request, headers)
        }
    }

    private func response(
        to request: FunctionRequest,
        _ set: StoredParetoSet,
        _ form: ResultView.SetForm,
        keeping count: Int?,
        id: String,
        _ headers: [(name: String, value: String)]
    ) -> FunctionResponse {
        switch form {
        case .json: return .view(set.document(keeping: count), type: MediaType.json, for: request, headers)
        case .csv:
            let name = ("Content-Disposition", "attachment; filename=\"\(id)-pareto.csv\"")
            let type = "\(MediaType.csv); charset=utf-8; header=present"
            return .view(set.table(keeping: count), type: type, for: request, headers + [name])
        case .svg: return .drawing(chart(of: set).svg, for: request, headers)
        }
    }

    private func chart(of set: StoredParetoSet) -> ParetoChart {
        let axes = set.objectives.map { ParetoChart.Axis(name: $0.name, growsBetter: $0.growsBetter) }
        let names = axes.map(\.name)
        let listed = names.dropLast().joined(separator: ", ") + (names.last.map { " and \($0)" } ?? "")
        return ParetoChart(
            ChartHeading(
                title: "Allocations that none dominates",
                subtitle: set.facts.joined(separator: "  ·  "),
                description:
                    "\(set.values.count) allocations of which none is better in one of \(listed) without being worse in"
                    + " another; the first two from left to right and from bottom to top"
                    + (names.count > 2 ? ", the third by shade." : ".")
            ),
            axes: axes,
            points: set.values,
            answer: set.answer
        )
    }

    private func chart(of result: StoredResult, keeping count: Int) -> PairedBarChart {
        let rows = AllocationRows(result, keeping: count).rows
        let portfolio = result.text("portfolio_id")
        let facts = [portfolio, result.text("objective"), result.text("risk_measure"), result.text("completed_at")]
        let largest = rows.max { $0.target < $1.target }
        return PairedBarChart(
            ChartHeading(
                title: "Current and target allocation",
                subtitle: facts.filter { !$0.isEmpty }.joined(separator: "  ·  "),
                description:
                    "A bar chart of the current and the target weight of \(rows.count) holdings of \(portfolio), "
                    + "in percent of the portfolio's value"
                    + (largest.map { "; the largest target is \($0.name)." } ?? ".")
            ),
            series: (before: "current", after: "target"),
            axisTitle: "share of the portfolio's value",
            rows: rows.map { .init(label: $0.name, before: $0.current, after: $0.target) }
        )
    }
}

extension FunctionResponse {
    /// A drawing: it styles itself and loads nothing, and whatever a browser makes of it, it runs nothing.
    static func drawing(
        _ svg: String,
        for request: FunctionRequest,
        _ headers: [(name: String, value: String)]
    ) -> FunctionResponse {
        let policy = ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
        return .view(Array(svg.utf8), type: MediaType.svg, for: request, headers + [policy])
    }

    /// A form of a result that was made just now: 200 with a tag of its bytes, or 304.
    static func view(
        _ body: [UInt8],
        type: String,
        for request: FunctionRequest,
        _ headers: [(name: String, value: String)]
    ) -> FunctionResponse {
        var response = representation(
            of: .bytes(body),
            entityTag: EntityTag.digest(of: body),
            for: request,
            headers: headers
        )
        for index in response.headers.indices where response.headers[index].name == "Content-Type" {
            response.headers[index].value = type
        }
        return response
    }
}
