extension [UInt8] {
    /// Appends a string in JSON's quotes, with everything escaped that JSON or a reader of lines would stumble over.
    ///
    /// Beyond JSON's own demands, U+007F and the line separators U+0085, U+2028 and U+2029 are escaped: some log
    /// readers end a line at them, and a caller's path could then forge a line.
    package mutating func appendQuoted(_ text: some StringProtocol) {
        append(UInt8(ascii: "\""))
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": append(contentsOf: "\\\"".utf8)
            case "\\": append(contentsOf: "\\\\".utf8)
            case "\n": append(contentsOf: "\\n".utf8)
            case "\r": append(contentsOf: "\\r".utf8)
            case "\t": append(contentsOf: "\\t".utf8)
            case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{2028}", "\u{2029}":
                let digits = String(scalar.value, radix: 16)
                append(contentsOf: "\\u".utf8)
                append(contentsOf: String(repeating: "0", count: 4 - digits.utf8.count).utf8)
                append(contentsOf: digits.utf8)
            default: append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            }
        }
        append(UInt8(ascii: "\""))
    }
}
