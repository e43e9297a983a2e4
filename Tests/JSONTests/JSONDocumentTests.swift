import JSON
import Testing

@Suite("Strict reading of JSON")
struct JSONDocumentTests {
    private func fault(_ bytes: [UInt8]) -> JSONSyntaxFault? {
        do throws(JSONSyntaxFault) {
            _ = try JSONDocument(parsing: bytes)
            return nil
        } catch {
            return error
        }
    }

    @Test(
        arguments: [
            "null", "true", "false", "0", "-0", "1.5e3", "\"\"", "\"text\"", "[]", "{}", " \t\r\n 1 \n", "[1]",
            "[ 1 , 2 ]",
            "[[1,2],[3,4]]", "[1,\"a\",null]", "[1,[2,3]]", "[null,1]", "{\"a\":1}", "{\"a\":[1,2],\"b\":{\"c\":[]}}",
            "{\"a\":1,\"A\":2}", "[\"\\u0041\\n\\\"\\\\\\/\\b\\f\\r\\t\"]", "\"\\uD83D\\uDE00\"", "\"😀é\"", "[1e-400]",
            "[0e5]", "[-1]", "{\"\":1}", "[true,false]", "[[],[[]]]", "\"[1,2\"", "[\"]\",1]", "\"\\\\u0000\"",
            "[123456789012345678901234567890]", "\"\\u007f\"", "{\"a\":[1],\"b\":[1]}",
        ]
    )
    func `valid JSON is taken`(_ text: String) {
        #expect(fault(Array(text.utf8)) == nil)
    }

    @Test(
        arguments: [
            "", " ", "[", "]", "{", "}", "[1", "[1,", "[1,]", "[,1]", "[1,,2]", "[1 2]", "{\"a\"}", "{\"a\":}",
            "{\"a\":1,}",
            "{,}", "{a:1}", "{'a':1}", "{\"a\" 1}", "{\"a\":1 \"b\":2}", "{1:2}", "{[1]:2}", "{[1,2] :3}", "[1]:2",
            "nul", "True", "NaN", "[NaN]", "Infinity", "[-Infinity]", "[1.]", "[.5]", "[+1]", "[01]", "[-]", "[1e]",
            "[0x1]",
            "[1]2", "1 2", "{}{}", "[1]]", "{}}", "// comment\n1", "[1/*a*/]", "\"open", "\"a\nb\"", "\"\u{1}\"",
            "\"\\x41\"",
            "\"\\u12\"", "\"\\\"", "[\"a\",]", "\u{FEFF}[1]", "[1\u{0C}]", "[1}", "{\"a\":1]", "[-01]", "undefined",
            "[1\u{00A0}]",
        ]
    )
    func `what is not JSON is refused`(_ text: String) {
        #expect(fault(Array(text.utf8))?.code == .notJSON)
    }

    @Test(
        arguments: [
            ("{\"a\":1,\"a\":2}", .duplicateKey), ("{\"b\":[1,2],\"b\":[1,2]}", .duplicateKey),
            ("[{\"x\":{\"a\":null,\"\\u0061\":1}}]", .duplicateKey), ("1e400", .numberOutOfRange),
            ("[1,-1e400]", .numberOutOfRange), ("{\"a\":[1,2,1e999]}", .numberOutOfRange),
            ("[\"\\u0000\"]", .nulCharacter), ("{\"a\\u0000\":1}", .nulCharacter), ("\"\\\\\\u0000\"", .nulCharacter),
            ("[\"\\u00001\",[5]]", .nulCharacter), ("[\"\\uD800\"]", .notJSON), ("[\"\\uDC00\\uD800\"]", .notJSON),
            ("[1,\(String(repeating: "9", count: 65))]", .numberTooLong),
            ("0.\(String(repeating: "1", count: 100_000))", .numberTooLong),
        ] as [(String, JSONSyntaxFault.Code)]
    )
    func `a fault has its own code`(_ text: String, _ code: JSONSyntaxFault.Code) {
        #expect(fault(Array(text.utf8))?.code == code)
    }

    @Test(
        arguments: [
            [0x22, 0xFF, 0x22], [0x22, 0xC3, 0x22], [0x22, 0xC0, 0x80, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22],
            [0x22, 0xF5, 0x80, 0x80, 0x80, 0x22], [0x22, 0xE2, 0x82], [0x7B, 0x22, 0x80, 0x22, 0x3A, 0x31, 0x7D],
        ] as [[UInt8]]
    )
    func `text that is not UTF-8 is refused`(_ bytes: [UInt8]) {
        #expect(fault(bytes)?.code == .invalidText)
    }

    @Test(
        arguments: [[0x00], [0x22, 0x00, 0x22], [0x31, 0x00], [0x5B, 0x31, 0x00, 0x5D], [0xFF, 0xFE, 0x31, 0x00]]
            as [[UInt8]]
    )
    func `a raw zero byte is refused`(_ bytes: [UInt8]) {
        #expect(fault(bytes) != nil)
    }

    @Test func `nesting is taken up to the limit and refused beyond it`() throws {
        func nested(_ depth: Int, _ open: String, _ close: String) -> [UInt8] {
            Array((String(repeating: open, count: depth) + "1" + String(repeating: close, count: depth)).utf8)
        }
        #expect(fault(nested(32, "[", "]")) == nil)
        #expect(fault(nested(33, "[", "]"))?.code == .depth)
        #expect(fault(nested(32, "{\"a\":", "}")) == nil)
        #expect(fault(nested(33, "{\"a\":", "}"))?.code == .depth)
        #expect(fault([UInt8](repeating: UInt8(ascii: "["), count: 1_000_000))?.code == .depth)
        // Brackets inside strings nest nothing.
        #expect(fault(Array("[\"\(String(repeating: "[", count: 100))\"]".utf8)) == nil)
        // What was closed does not count.
        #expect(fault(Array("[\(Array(repeating: "[[1]]", count: 100).joined(separator: ","))]".utf8)) == nil)
    }

    @Test func `more values than the limit are refused, numbers in arrays not counted`() {
        func code(_ text: String) -> JSONSyntaxFault.Code? {
            Array(text.utf8).withUnsafeBytes { bytes in
                do throws(JSONSyntaxFault) {
                    _ = try JSONDocument(parsing: bytes, limits: JSONLimits(values: 10))
                    return nil
                } catch {
                    return error.code
                }
            }
        }
        #expect(code("[\(Array(repeating: "1", count: 1000).joined(separator: ","))]") == nil)
        #expect(code("[\(Array(repeating: "null", count: 1000).joined(separator: ","))]") == .tooManyValues)
        #expect(code("[\(Array(repeating: "[]", count: 1000).joined(separator: ","))]") == .tooManyValues)
        #expect(code("[\(Array(repeating: "[1]", count: 1000).joined(separator: ","))]") == .tooManyValues)
    }

    @Test func `a fault tells line, column and byte, and echoes little of the body`() throws {
        let secret = String(repeating: "s", count: 500)
        let found = try #require(fault(Array("{\n  \"a\": [1, 2, 3],\n  \"b\": \"\(secret)\" x\n}".utf8)))
        #expect(found.code == .notJSON)
        #expect(found.line == 3)
        #expect(found.column > 500)
        #expect(found.offset > 520)
        #expect(found.message.utf8.count < 120)
        #expect(!found.message.contains(String(repeating: "s", count: 41)))
    }

    @Test func `an offset counts the arrays taken out before it`() throws {
        let numbers = Array(repeating: "1.25", count: 1000).joined(separator: ",")
        let text = "{\"a\":[\(numbers)],\"b\":[\(numbers)],\"c\":nope}"
        let found = try #require(fault(Array(text.utf8)))
        #expect(found.line == 1)
        #expect(abs(found.offset - text.utf8.count) < 8)
    }

    @Test func `control characters of a body do not reach the message`() throws {
        let found = try #require(fault(Array("[1,\u{1B}]31m]".utf8)))
        #expect(found.message.utf8.allSatisfy { $0 >= 0x20 })
    }
}
