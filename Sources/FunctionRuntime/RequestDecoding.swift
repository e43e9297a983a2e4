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

    /// Reads the parameters; of a name that comes twice the first value counts, as in libfcgi's own lookup.
    package init(parameters: [(name: String, value: String)], makeRequestID: () -> String = RequestID.random) {
        var values: [String: String] = [:]
        var headers: [String: String] = [:]
        for (name, value) in parameters where values.updateIfAbsent(name, value) {
            // `Proxy` would become the HTTP_PROXY of whatever client library a handler uses.
            guard name.hasPrefix("HTTP_"), name != "HTTP_PROXY" else { continue }
            headers[name.dropFirst(5).lowercased().replacingUnderscores()] = value
        }
        if let contentType = values["CONTENT_TYPE"], !contentType.isEmpty { headers["content-type"] = contentType }

        let givenID = values["HTTP_X_REQUEST_ID"].flatMap { RequestID.isValid($0) ? $0 : nil }
        request = FunctionRequest(
            method: values["REQUEST_METHOD"] ?? "",
            path: "",
            headers: headers,
            requestID: givenID ?? makeRequestID()
        )
        announcedBodyBytes = 0
        do throws(RuntimeProblem) {
            try readMethod()
            try readTarget(uri: values["REQUEST_URI"] ?? "", query: values["QUERY_STRING"] ?? "")
            try readLength(values["CONTENT_LENGTH"] ?? "")
        } catch {
            problem = error
        }
    }

    private func readMethod() throws(RuntimeProblem) {
        let letters = request.method.utf8
        guard (1...Self.longestMethod).contains(letters.count),
            letters.allSatisfy({ (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) || $0 == UInt8(ascii: "-") })
        else { throw .invalidRequest("The method is not one.") }
    }

    private mutating func readTarget(uri: String, query: String) throws(RuntimeProblem) {
        let rawPath = uri.utf8.prefix { $0 != UInt8(ascii: "?") }
        guard rawPath.first == UInt8(ascii: "/"), let path = percentDecoded(rawPath, plusIsSpace: false) else {
            throw .invalidRequest("The path is not percent-encoded UTF-8 that begins with a slash.")
        }
        request.path = path
        guard let pairs = queryPairs(query) else {
            throw .invalidRequest("The query is not percent-encoded UTF-8.")
        }
        request.query = pairs
    }

    private mutating func readLength(_ text: String) throws(RuntimeProblem) {
        guard !text.isEmpty else { return }
        guard text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }), let length = Int(text)
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
package func percentDecoded(_ text: Substring.UTF8View, plusIsSpace: Bool) -> String? {
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

extension [String: String] {
    /// Sets a value unless there is one; whether it was set.
    fileprivate mutating func updateIfAbsent(_ name: String, _ value: String) -> Bool {
        guard self[name] == nil else { return false }
        self[name] = value
        return true
    }
}

extension String {
    fileprivate func replacingUnderscores() -> String { String(map { $0 == "_" ? "-" : $0 }) }
}
