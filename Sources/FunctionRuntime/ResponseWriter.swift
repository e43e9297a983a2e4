/// Writes the header of a handler's response in CGI's form.
package enum ResponseWriter {
    /// What the runtime says itself, or what would break the connection: left out of a handler's headers.
    private static let reservedNames: Set<String> = [
        "connection", "content-length", "keep-alive", "status", "transfer-encoding", "upgrade", "x-request-id",
    ]

    /// The status line and headers, and the names of headers that were refused.
    ///
    /// What is not a header is refused: a line feed in a value would split the response in two.
    package static func header(
        of response: FunctionResponse,
        bodyBytes: Int,
        requestID: String
    ) -> (bytes: [UInt8], refused: [String]) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(512)
        var refused: [String] = []
        bytes.append(contentsOf: "Status: ".utf8)
        bytes.append(contentsOf: String(response.status).utf8)
        bytes.append(UInt8(ascii: " "))
        bytes.append(contentsOf: reason(of: response.status).utf8)
        for (name, value) in response.headers {
            guard isToken(name), isFieldValue(value), !isReserved(name) else {
                refused.append(name)
                continue
            }
            appendField(name, value, to: &bytes)
        }
        if hasBody(status: response.status) { appendField("Content-Length", String(bodyBytes), to: &bytes) }
        appendField("X-Request-Id", requestID, to: &bytes)
        bytes.append(contentsOf: "\r\n\r\n".utf8)
        return (bytes, refused)
    }

    /// Whether an answer to a method with a status has a body.
    static func hasBody(method: String, status: Int) -> Bool { method != "HEAD" && hasBody(status: status) }

    private static func appendField(_ name: String, _ value: String, to bytes: inout [UInt8]) {
        bytes.append(contentsOf: "\r\n".utf8)
        bytes.append(contentsOf: name.utf8)
        bytes.append(contentsOf: ": ".utf8)
        bytes.append(contentsOf: value.utf8)
    }

    private static func isReserved(_ name: String) -> Bool {
        // The lengths of the reserved names; nearly all others need not be looked up.
        switch name.utf8.count {
        case 6, 7, 10, 12, 14, 17: reservedNames.contains(name.lowercased())
        default: false
        }
    }

    private static func isFieldValue(_ value: String) -> Bool {
        value.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == UInt8(ascii: "\t") }
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
