import Glibc

/// What the FastCGI parameters of one request say, before its body is there.
package struct RequestHead {
    /// The request as a handler will see it, still without its body.
    package var request: FunctionRequest
    /// How long the body will be, by `CONTENT_LENGTH`; 0 when absent or empty, which is how nginx says "no body".
    package var announcedBodyBytes: Int
    /// What is wrong with the parameters; the request is then answered with it once its body has been drained.
    package var problem: RuntimeProblem?

    /// The longest method: the longest registered one (`UPDATEREDIRECTREF`) has 17 letters.
    private static let longestMethod = 32

    /// The parameters that say what is asked for, as far as they came; of each the first counts.
    private struct Essentials {
        var method: UnsafeRawBufferPointer?
        var target: UnsafeRawBufferPointer?
        var query: UnsafeRawBufferPointer?
        var contentLength: UnsafeRawBufferPointer?
        var contentType: UnsafeRawBufferPointer?
        var requestID: UnsafeRawBufferPointer?

        /// Keeps a parameter if it is one of these.
        mutating func take(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
            switch name.count {
            case 11: keepFirst(name, "REQUEST_URI", value, &target)
            case 12:
                keepFirst(name, "QUERY_STRING", value, &query)
                keepFirst(name, "CONTENT_TYPE", value, &contentType)
            case 14:
                keepFirst(name, "REQUEST_METHOD", value, &method)
                keepFirst(name, "CONTENT_LENGTH", value, &contentLength)
            case 17: keepFirst(name, "HTTP_X_REQUEST_ID", value, &requestID)
            default: break
            }
        }

        private func keepFirst(
            _ name: UnsafeRawBufferPointer,
            _ wanted: StaticString,
            _ value: UnsafeRawBufferPointer,
            _ place: inout UnsafeRawBufferPointer?
        ) {
            if place == nil, name.isText(wanted) { place = value }
        }
    }

    /// Reads the parameters; of a name that comes twice the first value counts, as in libfcgi's own lookup.
    ///
    /// - Parameters:
    ///   - parameters: names and values; their bytes are needed during this call only.
    ///   - makeRequestID: makes an id when the request brings none that can be taken over.
    package init(
        reading parameters: some Sequence<(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer)>,
        makeRequestID: () -> String = RequestID.random
    ) {
        var essentials = Essentials()
        var headers = RequestHeaders()
        headers.reserve(entries: Self.usualHeaders, bytes: Self.usualHeaders * Self.usualHeaderBytes)
        for (name, value) in parameters {
            essentials.take(name, value)
            // `Proxy` would become the HTTP_PROXY of whatever client library a handler uses.
            guard name.hasText("HTTP_"), !name.isText("HTTP_PROXY"), !name.isText("HTTP_CONTENT_TYPE") else { continue }
            headers.append(parameter: UnsafeRawBufferPointer(rebasing: name.dropFirst(5)), value: value)
        }
        if let contentType = essentials.contentType, !contentType.isEmpty {
            headers.append(name: "content-type", value: contentType)
        }
        let givenID = essentials.requestID.map { String(decoding: $0, as: UTF8.self) }
        request = FunctionRequest(
            method: essentials.method.map { String(decoding: $0, as: UTF8.self) } ?? "",
            headers: headers,
            requestID: givenID.flatMap { RequestID.isValid($0) ? $0 : nil } ?? makeRequestID()
        )
        announcedBodyBytes = 0
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        do throws(RuntimeProblem) {
            try readMethod()
            try readTarget(uri: essentials.target ?? nothing, query: essentials.query ?? nothing)
            try readLength(essentials.contentLength ?? nothing)
        } catch {
            problem = error
        }
    }

    /// Room for the headers of most requests, made once; more is made when needed.
    private static let usualHeaders = 24
    private static let usualHeaderBytes = 40

    private func readMethod() throws(RuntimeProblem) {
        let letters = request.method.utf8
        guard (1...Self.longestMethod).contains(letters.count),
            letters.allSatisfy({ (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) || $0 == UInt8(ascii: "-") })
        else { throw .invalidRequest("The method is not one.") }
    }

    private mutating func readTarget(
        uri: UnsafeRawBufferPointer,
        query: UnsafeRawBufferPointer
    ) throws(RuntimeProblem) {
        let rawPath = UnsafeRawBufferPointer(rebasing: uri.prefix { $0 != UInt8(ascii: "?") })
        guard rawPath.first == UInt8(ascii: "/"), let path = percentDecoded(rawPath, plusIsSpace: false) else {
            throw .invalidRequest("The path is not percent-encoded UTF-8 that begins with a slash.")
        }
        request.path = path
        guard !query.isEmpty else { return }
        guard let pairs = queryPairs(String(decoding: query, as: UTF8.self)) else {
            throw .invalidRequest("The query is not percent-encoded UTF-8.")
        }
        request.query = pairs
    }

    private mutating func readLength(_ text: UnsafeRawBufferPointer) throws(RuntimeProblem) {
        guard !text.isEmpty else { return }
        guard text.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let length = Int(String(decoding: text, as: UTF8.self))
        else { throw .invalidRequest("The content length is not a number of bytes.") }
        announcedBodyBytes = length
    }
}

/// Splits a query into its pairs and decodes them, plus signs as spaces; nil for a malformed one.
///
/// A part without an equals sign is a name with an empty value, an empty part is nothing.
package func queryPairs(_ query: String) -> [(name: String, value: String)]? {
    var pairs: [(name: String, value: String)] = []
    for part in query.utf8.split(separator: UInt8(ascii: "&")) {
        let name = part.prefix { $0 != UInt8(ascii: "=") }
        guard let decodedName = percentDecoded(name, plusIsSpace: true),
            let decodedValue = percentDecoded(part.dropFirst(name.count + 1), plusIsSpace: true)
        else { return nil }
        pairs.append((decodedName, decodedValue))
    }
    return pairs
}

/// Percent-decodes once; nil for an incomplete or wrong escape, a NUL, or what is not UTF-8.
package func percentDecoded(_ text: some Collection<UInt8>, plusIsSpace: Bool) -> String? {
    let isPlain = text.allSatisfy { byte in
        byte != UInt8(ascii: "%") && byte != 0 && (byte != UInt8(ascii: "+") || !plusIsSpace)
    }
    if isPlain { return String(validating: text, as: UTF8.self) }
    func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
    var decoded: [UInt8] = []
    decoded.reserveCapacity(text.count)
    var rest = text.makeIterator()
    while var byte = rest.next() {
        if byte == UInt8(ascii: "%") {
            guard let high = rest.next().flatMap(digit), let low = rest.next().flatMap(digit) else { return nil }
            byte = high << 4 | low
        } else if byte == UInt8(ascii: "+"), plusIsSpace {
            byte = UInt8(ascii: " ")
        }
        guard byte != 0 else { return nil }
        decoded.append(byte)
    }
    return String(validating: decoded, as: UTF8.self)
}

/// The ids by which log lines, errors and answers of one request find each other.
package enum RequestID {
    /// Whether a given id is taken over: 1 to 64 of letters, digits, dot, underscore, dash.
    package static func isValid(_ id: String) -> Bool {
        (1...64).contains(id.utf8.count)
            && id.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }

    /// A new id: 128 random bits as 32 hexadecimal digits, the form nginx's `$request_id` has.
    package static func random() -> String {
        var generator = SystemRandomNumberGenerator()
        return (0..<2).map { _ in
            let digits = String(generator.next() as UInt64, radix: 16)
            return String(repeating: "0", count: 16 - digits.utf8.count) + digits
        }.joined()
    }
}

extension UnsafeRawBufferPointer {
    /// Whether these are the bytes of a text.
    fileprivate func isText(_ text: StaticString) -> Bool { count == text.utf8CodeUnitCount && hasText(text) }

    /// Whether the bytes begin with a text.
    fileprivate func hasText(_ text: StaticString) -> Bool {
        guard let start = baseAddress, count >= text.utf8CodeUnitCount else { return false }
        return memcmp(start, text.utf8Start, text.utf8CodeUnitCount) == 0
    }
}
