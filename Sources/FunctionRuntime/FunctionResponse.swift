/// One HTTP response.
public struct FunctionResponse {
    /// The body's bytes, and who owns them.
    public enum Body {
        /// No body.
        case empty
        /// Bytes that the response owns.
        case bytes([UInt8])
        /// Bytes that another object keeps alive, such as a database result: they are sent without a copy.
        case borrowed(UnsafeRawBufferPointer, owner: AnyObject)
    }

    /// The HTTP status.
    public var status: Int
    /// Header names and values, in order; `Content-Length` and `X-Request-Id` are added by the runtime.
    public var headers: [(name: String, value: String)]
    /// The body.
    public var body: Body

    /// Makes a function response from its parts.
    public init(status: Int, headers: [(name: String, value: String)] = [], body: Body = .empty) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}
