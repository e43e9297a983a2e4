/// Writes a handler's response as the CGI header and body that libfcgi carries.
package struct ResponseWriter {
    /// How much is handed to libfcgi between two looks at the clock.
    private static let chunkBytes = 64 * 1024

    /// What the runtime says itself, or what would break the connection: left out of a handler's headers.
    private static let reservedNames: Set<String> = [
        "connection", "content-length", "keep-alive", "status", "transfer-encoding", "upgrade", "x-request-id",
    ]

    /// Sends a response, without its body if the method is HEAD or its status has none.
    ///
    /// Nothing is sent any more past the deadline: a client that takes a little now and then would hold the process.
    ///
    /// - Returns: how many bytes of body were sent, and the names of headers that were refused.
    package static func send(
        _ response: FunctionResponse,
        to exchange: FastCGIExchange,
        method: String,
        requestID: String,
        deadline: MonotonicTime
    ) -> (bodyBytes: Int, refusedHeaders: [String]) {
        var sent = 0
        var refused: [String] = []
        withBytes(of: response.body) { body in
            let (header, refusedNames) = header(of: response, bodyBytes: body.count, requestID: requestID)
            refused = refusedNames
            header.withUnsafeBytes { exchange.send($0) }
            guard method != "HEAD", hasBody(status: response.status) else { return }
            while sent < body.count, !exchange.hasFailed {
                let end = min(sent + chunkBytes, body.count)
                exchange.send(UnsafeRawBufferPointer(rebasing: body[sent..<end]))
                sent = end
                if sent < body.count, MonotonicTime.now() > deadline { exchange.fail() }
            }
        }
        return (sent, refused)
    }

    private static func withBytes(of body: FunctionResponse.Body, _ use: (UnsafeRawBufferPointer) -> Void) {
        switch body {
        case .empty: use(UnsafeRawBufferPointer(start: nil, count: 0))
        case .bytes(let bytes): bytes.withUnsafeBytes(use)
        case .borrowed(let bytes, let owner): withExtendedLifetime(owner) { use(bytes) }
        }
    }

    /// The status line and headers, and the names of headers that were refused.
    ///
    /// What is not a header is refused: a line feed in a value would split the response in two.
    package static func header(
        of response: FunctionResponse,
        bodyBytes: Int,
        requestID: String
    ) -> (bytes: [UInt8], refused: [String]) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(256)
        var refused: [String] = []
        bytes.append(contentsOf: "Status: \(response.status) \(reason(of: response.status))\r\n".utf8)
        for (name, value) in response.headers {
            guard isToken(name), value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == UInt8(ascii: "\t") }),
                !reservedNames.contains(name.lowercased())
            else {
                refused.append(name)
                continue
            }
            bytes.append(contentsOf: "\(name): \(value)\r\n".utf8)
        }
        if hasBody(status: response.status) { bytes.append(contentsOf: "Content-Length: \(bodyBytes)\r\n".utf8) }
        bytes.append(contentsOf: "X-Request-Id: \(requestID)\r\n\r\n".utf8)
        return (bytes, refused)
    }

    private static func hasBody(status: Int) -> Bool { status != 204 && status != 304 }

    /// Whether a header's name is one: RFC 9110, section 5.6.2.
    private static func isToken(_ name: String) -> Bool {
        !name.isEmpty
            && name.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "a")...UInt8(ascii: "z"):
                    true
                default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
                }
            }
    }

    private static func reason(of status: Int) -> String {
        switch status {
        case 200: "OK"
        case 201: "Created"
        case 202: "Accepted"
        case 204: "No Content"
        case 304: "Not Modified"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 406: "Not Acceptable"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 412: "Precondition Failed"
        case 413: "Content Too Large"
        case 415: "Unsupported Media Type"
        case 422: "Unprocessable Content"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        default: "Status"
        }
    }
}
