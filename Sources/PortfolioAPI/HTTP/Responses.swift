import FunctionRuntime

extension FunctionResponse {
    /// A JSON answer.
    static func json(
        _ status: Int,
        _ bytes: [UInt8],
        headers: [(name: String, value: String)] = []
    ) -> FunctionResponse {
        FunctionResponse(status: status, headers: [("Content-Type", MediaType.json)] + headers, body: .bytes(bytes))
    }

    /// The JSON answer to a GET: 200 with an entity tag, or 304 when the caller holds these bytes already.
    static func representation(
        of body: Body,
        entityTag: String,
        for request: FunctionRequest,
        headers: [(name: String, value: String)] = []
    ) -> FunctionResponse {
        // A tenant's data: no shared cache keeps it, and a private one asks before it uses it.
        let caching = [(name: "ETag", value: "\"\(entityTag)\""), (name: "Cache-Control", value: "private, no-cache")]
        guard !EntityTag.matches(request.headers["if-none-match"], entityTag) else {
            return FunctionResponse(status: 304, headers: caching + headers)
        }
        return FunctionResponse(
            status: 200,
            headers: [("Content-Type", MediaType.json)] + caching + headers,
            body: body
        )
    }
}

extension FunctionResponse {
    /// How long the web server may keep an answer that cannot change any more, in seconds.
    private static let cacheSeconds = "3600"

    /// The answer with leave for the web server in front of us to keep it: for what has ended, and for a 200 alone.
    ///
    /// The header is nginx's own, and nginx takes it away: caches further off are told by `Cache-Control`. A 304 never
    /// carries it, since it would be kept in place of the answer.
    func cacheable() -> FunctionResponse {
        guard status == 200 else { return self }
        var response = self
        response.headers.append(("X-Accel-Expires", Self.cacheSeconds))
        return response
    }
}

extension FunctionRequest {
    /// Whose request it is: set by the authorization in front of us, never by the caller.
    package var tenant: String {
        guard let tenant = headers["x-auth-tenant"], !tenant.isEmpty else { return "default" }
        return tenant
    }

    /// The path's segments between slashes.
    var pathSegments: [Substring] { path.dropFirst().split(separator: "/", omittingEmptySubsequences: false) }

    /// Refuses methods other than those given.
    func require(methods: [String]) throws(RequestError) {
        guard methods.contains(method) else { throw .methodNotAllowed(allowed: methods) }
    }

    /// Refuses a caller that takes no JSON.
    func requireJSONAccepted() throws(RequestError) {
        let accept = AcceptHeader(headers["accept"])
        guard accept.accepts(MediaType.json) || accept.accepts(MediaType.problem) else {
            throw .notAcceptable(offered: [MediaType.json])
        }
    }

    /// The media type of the body, one of those supported.
    func requireContentType(_ supported: [String]) throws(RequestError) -> String {
        guard headers["content-encoding"].map({ $0.lowercased() == "identity" || $0.isEmpty }) ?? true,
            let contentType = ContentType(headers["content-type"]), contentType.isUTF8,
            supported.contains(contentType.mediaType)
        else { throw .unsupportedMediaType(supported: supported) }
        return contentType.mediaType
    }
}
