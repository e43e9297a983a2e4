import FunctionRuntime
import PortfolioDocuments

/// `GET /api/v1/capabilities`: what works, and how large it may be.
///
/// The same for every caller of a build.
struct CapabilitiesResource {
    private static let body = DocumentEncoder.capabilities(limits: [
        ("body_bytes", 4 << 20), ("risk_model_body_bytes", 256 << 20), ("wait_seconds", WaitPreference.longest),
        ("idempotency_key_length", IdempotencyKey.longest),
    ])
    private static let entityTag = EntityTag.digest(of: body)

    func answer(_ request: FunctionRequest) throws -> FunctionResponse {
        try request.require(methods: ["GET", "HEAD"])
        try request.requireJSONAccepted()
        try QueryParameters(request).check()
        return .representation(of: .bytes(Self.body), entityTag: Self.entityTag, for: request)
    }
}
