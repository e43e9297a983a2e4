import JSON
import PortfolioDocuments
import Testing

/// A fault that a body must have: its kind, its place and words of its message.
struct ExpectedFault: Sendable, CustomTestStringConvertible {
    var body: String
    var code: DocumentFault.Code
    var pointer: String
    var words: [String]

    init(_ body: String, _ code: DocumentFault.Code, _ pointer: String, _ words: String...) {
        self.body = body
        self.code = code
        self.pointer = pointer
        self.words = words
    }

    var testDescription: String { "\(code.rawValue) at \(pointer) of \(body)" }

    /// Expects exactly this fault of what reading the body throws.
    func expect<Value>(_ read: (JSONValue) throws(DocumentFaults) -> Value) throws {
        let found = try faults(of: body, read)
        #expect(found.count == 1, "\(found)")
        let fault = try #require(found.first, "the body was taken")
        #expect(fault.code == code, "\(fault)")
        #expect(fault.pointer == pointer, "\(fault)")
        for word in words { #expect(fault.message.contains(word), "\(fault.message)") }
    }
}

/// The faults that reading a body throws; none when it is taken.
func faults<Value>(
    of body: String,
    _ read: (JSONValue) throws(DocumentFaults) -> Value
) throws -> [DocumentFault] {
    let value = try JSONDocument(parsing: Array(body.utf8)).root
    do throws(DocumentFaults) {
        _ = try read(value)
        return []
    } catch {
        return error.faults
    }
}
