/// One HTTP request, read completely: a handler never waits for a client.
public struct FunctionRequest: Sendable {
    /// The HTTP method, upper case.
    public var method: String
    /// The path, percent-decoded once, without the query.
    public var path: String
    /// The query's pairs in order, percent-decoded.
    public var query: [(name: String, value: String)]
    /// Header values by lower-case name: those nginx passes as `HTTP_*`, and `content-type`.
    public var headers: RequestHeaders
    /// The body.
    public var body: [UInt8]
    /// The request's id, as nginx made it or as made here: goes into logs, errors and `X-Request-Id`.
    public var requestID: String

    /// Makes a request.
    public init(
        method: String,
        path: String,
        query: [(name: String, value: String)] = [],
        headers: [String: String] = [:],
        body: [UInt8] = [],
        requestID: String
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.headers = RequestHeaders(headers)
        self.body = body
        self.requestID = requestID
    }

    /// Makes a request without a query or a body yet.
    init(method: String, headers: RequestHeaders, requestID: String) {
        self.method = method
        path = ""
        query = []
        self.headers = headers
        body = []
        self.requestID = requestID
    }

    /// The first value of a query parameter.
    public func queryValue(_ name: String) -> String? { query.first { $0.name == name }?.value }
}
