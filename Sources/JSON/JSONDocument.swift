import CJansson

/// What a document may cost to read.
package struct JSONLimits: Sendable {
    /// How deep arrays and objects may be nested.
    package var depth: Int
    /// How many values a document may have, an array of numbers counted as one.
    package var values: Int

    package init(depth: Int = 32, values: Int = 2_000_000) {
        self.depth = depth
        self.values = values
    }
}

/// A JSON document, read strictly.
///
/// Refused are: anything but one value, duplicate names, trailing commas, comments, NaN and Infinity, numbers that no
/// double holds, a byte order mark, bytes that are not UTF-8, U+0000, and what exceeds the limits. Every number is a
/// double. Any value may stand at the top.
package struct JSONDocument {
    /// The value the document is.
    package let root: JSONValue

    /// Reads bytes.
    ///
    /// - Throws: the first ``JSONSyntaxFault`` found.
    package init(parsing bytes: [UInt8], maximumDepth: Int = 32) throws(JSONSyntaxFault) {
        let outcome = bytes.withUnsafeBytes { buffer in
            Result { () throws(JSONSyntaxFault) in
                try JSONDocument(parsing: buffer, limits: JSONLimits(depth: maximumDepth))
            }
        }
        self = try outcome.get()
    }

    /// Reads a buffer, which need not outlive the call.
    ///
    /// - Throws: the first ``JSONSyntaxFault`` found.
    package init(parsing bytes: UnsafeRawBufferPointer, maximumDepth: Int = 32) throws(JSONSyntaxFault) {
        try self.init(parsing: bytes, limits: JSONLimits(depth: maximumDepth))
    }

    /// Reads a buffer within given limits.
    ///
    /// - Throws: the first ``JSONSyntaxFault`` found.
    package init(parsing bytes: UnsafeRawBufferPointer, limits: JSONLimits) throws(JSONSyntaxFault) {
        let scan = try BodyScan(bytes, limits: limits)
        var error = json_error_t()
        let node =
            scan.hasCuts
            ? scan.rewritten.withUnsafeBytes { Self.parse($0, &error) }
            : Self.parse(bytes, &error)
        guard let node else { throw Self.fault(error, scan, bytes) }
        root = JSONValue(node, of: JSONTree(root: node, numbers: scan.numbers, arrays: scan.arrays))
    }

    private static func parse(
        _ text: UnsafeRawBufferPointer,
        _ error: inout json_error_t
    ) -> UnsafeMutablePointer<json_t>? {
        // JSON_ALLOW_NUL is for the references to number arrays: the scan has refused every other U+0000.
        let flags = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL
        return json_loadb(text.bindMemory(to: CChar.self).baseAddress, text.count, Int(flags), &error)
    }

    /// Says in our words what Jansson found; its own echo more of the body than we want.
    private static func fault(
        _ error: json_error_t,
        _ scan: BodyScan,
        _ body: UnsafeRawBufferPointer
    ) -> JSONSyntaxFault {
        let offset = scan.bodyOffset(ofParsed: Int(error.position))
        func fault(_ code: JSONSyntaxFault.Code, _ sentence: String) -> JSONSyntaxFault {
            JSONSyntaxFault(code, sentence, at: offset, in: body)
        }
        var error = error
        switch UInt32(bitPattern: jansson_error_code(&error)) {
        case json_error_duplicate_key.rawValue:
            return fault(.duplicateKey, "a name stands twice in the same object")
        case json_error_numeric_overflow.rawValue:
            return fault(.numberOutOfRange, "a number is too large for a double")
        case json_error_invalid_utf8.rawValue:
            return fault(.invalidText, "the text is not valid UTF-8")
        case json_error_null_character.rawValue, json_error_null_byte_in_key.rawValue:
            return fault(.nulCharacter, "a string holds the character U+0000")
        case json_error_end_of_input_expected.rawValue:
            return fault(.notJSON, "something follows the end of the JSON document")
        case json_error_premature_end_of_input.rawValue:
            return fault(.notJSON, body.isEmpty ? "the body is empty" : "the JSON document ends too early")
        default:
            return fault(.notJSON, "the body is not JSON")
        }
    }
}

/// The parsed tree and the numbers taken out of it; freed with the last value that looks at it.
final class JSONTree {
    private let root: UnsafeMutablePointer<json_t>
    let numbers: [Double]
    let arrays: [Range<Int>]

    init(root: UnsafeMutablePointer<json_t>, numbers: [Double], arrays: [Range<Int>]) {
        self.root = root
        self.numbers = numbers
        self.arrays = arrays
    }

    deinit { json_decref(root) }
}
