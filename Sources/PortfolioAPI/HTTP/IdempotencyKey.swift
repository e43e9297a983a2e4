import FunctionRuntime
import PortfolioDocuments
import PortfolioModel

/// The `Idempotency-Key` of a POST (draft-ietf-httpapi-idempotency-key-header): a caller's name for one request, so that
/// sending it again is harmless.
struct IdempotencyKey {
    /// The most characters of a key.
    static let longest = 255
    /// What an answer given before says of itself.
    static let replayed = (name: "Idempotent-Replayed", value: "true")

    private let text: String

    /// Reads the header; nil without one.
    init?(_ request: FunctionRequest) throws(RequestError) {
        guard let text = request.headers["idempotency-key"] else { return nil }
        let isVisible = text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
        guard isVisible, (1...Self.longest).contains(text.utf8.count) else {
            throw .invalidHeader(
                name: "Idempotency-Key",
                message: "a key has 1 to \(Self.longest) visible ASCII characters, without spaces; it is sent once"
            )
        }
        self.text = text
    }

    /// The key with what it stands for; the body's canonical form is the one that is stored.
    func standing(for wanted: OptimizationRequest, of request: FunctionRequest) -> SubmissionKey {
        SubmissionKey(
            text: text,
            operation: "\(request.method) \(request.path)",
            body: DocumentEncoder.optimizationRequest(wanted)
        )
    }
}
