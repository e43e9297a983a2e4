import JSON
import TestSupport
import Testing

@Suite("Writing JSON")
struct JSONWriterTests {
    private func written(_ write: (inout JSONWriter) -> Void) -> String {
        var writer = JSONWriter()
        write(&writer)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    @Test func `commas stand between members and elements only`() {
        let text = written { writer in
            writer.object { writer in
                writer.member("a", 1)
                writer.name("b")
                writer.array { writer in
                    writer.array { _ in }
                    writer.object { _ in }
                    writer.null()
                    writer.bool(true)
                    writer.raw(Array("{\"r\":1}".utf8))
                    writer.string("x")
                }
                writer.member("c", false)
                writer.member("d", ifPresent: nil as Double?)
                writer.member("e", orNull: nil as String?)
            }
        }
        #expect(text == #"{"a":1,"b":[[],{},null,true,{"r":1},"x"],"c":false,"e":null}"#)
    }

    @Test(
        arguments: [
            (0, "0"), (-0.0, "0"), (1, "1"), (-1, "-1"), (0.1, "0.1"), (100_000, "100000"), (1e15, "1000000000000000"),
            (1e22, "1e+22"), (1.5e-7, "1.5e-07"), (.leastNonzeroMagnitude, "5e-324"),
            (0.30000000000000004, "0.30000000000000004"),
            (.nan, "null"), (.infinity, "null"), (-.infinity, "null"),
        ] as [(Double, String)]
    )
    func `doubles are written in their shortest form`(_ value: Double, _ text: String) {
        #expect(written { $0.double(value) } == text)
    }

    @Test(arguments: [UInt64(1), 2])
    func `every finite double reads back to its bits`(_ seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<20_000 {
            let value = Double(bitPattern: UInt64.random(in: 0...UInt64.max, using: &generator))
            guard value.isFinite else { continue }
            var writer = JSONWriter()
            writer.double(value)
            #expect(try JSONDocument(parsing: writer.bytes).root.double == value)
        }
    }

    @Test func `strings carry the escapes they need and no others`() throws {
        let text = "a\"b\\c/\u{8}\u{C}\n\r\t\u{1}\u{1F}\u{7F}é😀"
        let json = written { $0.string(text) }
        #expect(json == "\"a\\\"b\\\\c/\\b\\f\\n\\r\\t\\u0001\\u001f\u{7F}é😀\"")
        #expect(try JSONDocument(parsing: Array(json.utf8)).root.string == text)
    }

    @Test func `maps are written sorted`() {
        #expect(
            written { $0.object { $0.member("m", map: ["b": 2, "a": 1, "B": 0]) } } == #"{"m":{"B":0,"a":1,"b":2}}"#
        )
        #expect(written { $0.object { $0.member("m", map: ["y": "2", "x": "1"]) } } == #"{"m":{"x":"1","y":"2"}}"#)
    }

    @Test func `members written before are taken into an object`() {
        var inner = JSONWriter()
        inner.object { $0.member("a", 1) }
        var empty = JSONWriter()
        empty.object { _ in }
        var writer = JSONWriter()
        writer.object { writer in
            writer.members(ofObject: empty.bytes)
            writer.member("x", "y")
            writer.members(ofObject: inner.bytes)
            writer.members(ofObject: empty.bytes)
            writer.member("z", true)
        }
        #expect(String(decoding: writer.bytes, as: UTF8.self) == #"{"x":"y","a":1,"z":true}"#)
    }
}
