import FunctionRuntime
import JSON
import PortfolioDocuments
import PortfolioModel
import PortfolioService

/// `/api/v1/portfolios/{id}`.
struct PortfolioResource {
    let put: PutPortfolio
    let get: GetPortfolio

    func answer(_ request: FunctionRequest, id: String) throws -> FunctionResponse {
        try request.require(methods: ["GET", "HEAD", "PUT"])
        try request.requireJSONAccepted()
        return request.method == "PUT" ? try store(request, id: id) : try read(request, id: id)
    }

    private func store(_ request: FunctionRequest, id: String) throws -> FunctionResponse {
        _ = try request.requireContentType([MediaType.json])
        try QueryParameters(request).check()
        let precondition = try WritePrecondition(of: request)
        let portfolio = try DocumentDecoder.portfolio(JSONDocument(parsing: request.body).root)
        let stored = try put(portfolio, id: id, tenant: request.tenant, if: precondition)
        return .stored(stored, identifierField: "portfolio_id", location: "/api/v1/portfolios/\(id)")
    }

    private func read(_ request: FunctionRequest, id: String) throws -> FunctionResponse {
        try QueryParameters(request).check()
        let stored = try get(id: id, tenant: request.tenant)
        // A version never changes, so its number tags it.
        return .representation(
            of: .bytes(
                DocumentEncoder.portfolio(
                    stored.value,
                    id: stored.id,
                    version: stored.version,
                    storedAt: stored.storedAt
                )
            ),
            entityTag: "\(stored.version)",
            for: request
        )
    }
}

extension FunctionResponse {
    /// The answer to a PUT of a snapshot: 201 with its place when the identifier is new, else 200; the tag is a GET's.
    static func stored(_ snapshot: StoredSnapshot, identifierField: String, location: String) -> FunctionResponse {
        var writer = JSONWriter()
        writer.object { writer in
            writer.member(identifierField, snapshot.id)
            writer.member("version", snapshot.version)
            writer.member("stored_at", snapshot.storedAt.rfc3339)
            writer.name("warnings")
            writer.array(snapshot.warnings) { writer, warning in
                writer.object { writer in
                    writer.member("code", warning.code)
                    writer.member("message", warning.message)
                }
            }
        }
        let tag = (name: "ETag", value: "\"\(snapshot.version)\"")
        return snapshot.isNew
            ? .json(201, writer.bytes, headers: [("Location", location), tag])
            : .json(200, writer.bytes, headers: [tag])
    }
}
