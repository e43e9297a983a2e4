/// Why bytes are not a JSON document that this service takes.
///
/// The message is for the caller: it says what is wrong and where, and echoes at most a few bytes of the body.
package struct JSONSyntaxFault: Error, Equatable, Sendable {
    /// The kind of fault.
    package enum Code: String, CaseIterable, Sendable {
        /// Not JSON: a bad token, a trailing comma, a byte too many or too few, NaN, Infinity.
        case notJSON = "not_json"
        /// A name stands twice in one object.
        case duplicateKey = "duplicate_key"
        /// Arrays and objects are nested too deep.
        case depth
        /// A number that no double can hold, such as 1e400.
        case numberOutOfRange = "number_out_of_range"
        /// A number of more characters than anybody needs.
        case numberTooLong = "number_too_long"
        /// A string that is not UTF-8, or a lone surrogate.
        case invalidText = "invalid_text"
        /// The character U+0000 in a string.
        case nulCharacter = "nul_character"
        /// More values than the document may have.
        case tooManyValues = "too_many_values"
    }

    /// The kind of fault.
    package var code: Code
    /// A sentence for the caller.
    package var message: String
    /// The line, from 1.
    package var line: Int
    /// The column in bytes, from 1.
    package var column: Int
    /// The byte, from 0.
    package var offset: Int

    /// Makes a fault at a byte of a body; line and column follow from it.
    init(_ code: Code, _ sentence: String, at offset: Int, in body: UnsafeRawBufferPointer) {
        let end = Swift.min(Swift.max(offset, 0), body.count)
        var line = 1
        var lineStart = 0
        for index in 0..<end where body[index] == UInt8(ascii: "\n") {
            line += 1
            lineStart = index + 1
        }
        self.code = code
        self.line = line
        self.column = end - lineStart + 1
        self.offset = end
        let near = Self.excerpt(of: body, endingAt: end)
        let place = near.isEmpty ? "" : ", near '\(near)'"
        message = "\(sentence) (line \(line), column \(column)\(place))"
    }

    /// The last bytes before the fault, printable ASCII only: enough to find the place, too few to leak a body.
    private static func excerpt(of body: UnsafeRawBufferPointer, endingAt end: Int) -> String {
        let length = 24
        let bytes = body[Swift.max(0, end - length)..<end].map { (0x20..<0x7F).contains($0) ? $0 : UInt8(ascii: "?") }
        return String(decoding: bytes, as: UTF8.self)
    }
}
