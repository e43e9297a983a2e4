import FunctionRuntime
import JSON
import PortfolioDocuments
import PortfolioService

/// `/api/v1/instruments`.
struct InstrumentsResource {
    /// Instruments on a page, unless `limit` says otherwise.
    private static let defaultPage = 100
    /// The most instruments on a page, or named by `ids`.
    private static let longestPage = 1000

    let put: PutInstruments
    let list: ListInstruments

    func answer(_ request: FunctionRequest) throws -> FunctionResponse {
        try request.require(methods: ["GET", "HEAD", "PUT"])
        try request.requireJSONAccepted()
        return request.method == "PUT" ? try store(request) : try page(request)
    }

    private func store(_ request: FunctionRequest) throws -> FunctionResponse {
        _ = try request.requireContentType([MediaType.json])
        try QueryParameters(request).check()
        let instruments = try DocumentDecoder.instruments(JSONDocument(parsing: request.body).root)
        _ = try put(instruments, tenant: request.tenant)
        var writer = JSONWriter()
        writer.object { $0.member("upserted", instruments.count) }
        return .json(200, writer.bytes)
    }

    private func page(_ request: FunctionRequest) throws -> FunctionResponse {
        let page = try list(try selection(request), tenant: request.tenant)
        let body = DocumentEncoder.instruments(page.instruments, nextCursor: page.nextCursor)
        return .representation(of: .bytes(body), entityTag: EntityTag.digest(of: body), for: request)
    }

    private func selection(_ request: FunctionRequest) throws -> ListInstruments.Selection {
        var query = QueryParameters(request, known: ["ids", "limit", "cursor"])
        let ids = query.identifiers("ids", atMost: Self.longestPage)
        let limit = query.integer("limit", in: 1...Self.longestPage)
        let cursor = query.identifier("cursor")
        if query.text("ids") != nil, query.text("limit") != nil || query.text("cursor") != nil {
            query.report("contradiction", "the query parameter 'ids' goes without 'limit' and 'cursor'")
        }
        try query.check()
        if let ids { return .named(Array(Set(ids)).sorted()) }
        return .page(after: cursor, limit: limit ?? Self.defaultPage)
    }
}
