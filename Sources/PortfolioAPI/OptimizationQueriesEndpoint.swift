package import FunctionRuntime
import PortfolioDocuments
import PortfolioModel
package import PortfolioService

/// What is read of optimizations: the list, each of them through ``OptimizationEndpoint``, other forms of results, and what
/// can be asked for at all.
package final class OptimizationQueriesEndpoint: Endpoint {
    package let log: Log
    private let one: OptimizationEndpoint
    private let list: OptimizationListResource
    private let views: ResultViewResource

    package init(one: OptimizationEndpoint, read: ReadOptimization, list: ListOptimizations, log: Log) {
        self.one = one
        self.list = OptimizationListResource(list: list)
        views = ResultViewResource(read: read, log: log, stateResponse: { one.response(to: $0, $1) })
        self.log = log
    }

    package var wakeSource: (any WakeSource)? { one.wakeSource }

    package func answer(_ request: FunctionRequest) throws -> FunctionOutcome {
        let segments = request.pathSegments
        if segments == ["api", "v1", "capabilities"] { return .answer(try CapabilitiesResource().answer(request)) }
        if segments == ["api", "v1", "optimizations"] { return .answer(try list.answer(request)) }
        if segments.count == 5, segments[4] == "pareto", segments.starts(with: ["api", "v1", "optimizations"]) {
            try request.require(methods: ["GET", "HEAD"])
            return try views.answer(request, id: String(segments[3]), try ResultView.ofParetoSet(request))
        }
        guard ["GET", "HEAD"].contains(request.method), segments.count == 4 else { return try one.answer(request) }
        switch try ResultView.wanted(by: request) {
        case .view(let view): return try views.answer(request, id: String(segments[3]), view)
        case .document: return try one.answer(request)
        }
    }
}

/// `GET /api/v1/optimizations`.
struct OptimizationListResource {
    /// Optimizations on a page, unless `limit` says otherwise.
    private static let defaultPage = 50
    /// The most optimizations on a page.
    private static let longestPage = 500

    let list: ListOptimizations

    func answer(_ request: FunctionRequest) throws -> FunctionResponse {
        guard ["GET", "HEAD"].contains(request.method) else {
            throw RequestError.methodNotAllowed(allowed: ["GET", "HEAD", "POST"])
        }
        try request.requireJSONAccepted()
        var query = QueryParameters(request, known: ["portfolio_id", "status", "limit", "cursor"])
        let portfolioID = query.identifier("portfolio_id")
        let status = query.choice("status", of: JobStatus.allCases.map(\.rawValue)).flatMap(JobStatus.init)
        let limit = query.integer("limit", in: 1...Self.longestPage)
        let cursor = query.optimizationCursor("cursor")
        try query.check()
        let page = try list(
            portfolioID: portfolioID,
            status: status,
            after: cursor,
            limit: limit ?? Self.defaultPage,
            tenant: request.tenant
        )
        let body = DocumentEncoder.optimizations(page.optimizations, nextCursor: page.nextCursor?.text)
        return .representation(of: .bytes(body), entityTag: EntityTag.digest(of: body), for: request)
    }
}

extension QueryParameters {
    /// A cursor of a list of optimizations; nil when the parameter is not there or is at fault.
    fileprivate mutating func optimizationCursor(_ name: String) -> OptimizationCursor? {
        guard let text = text(name) else { return nil }
        guard let cursor = OptimizationCursor(text: text) else {
            report("invalid_cursor", "the query parameter '\(name)' is no cursor that a page of this list ended with")
            return nil
        }
        return cursor
    }
}
