import Foundation
import Testing

import FunctionRuntime

@Suite("Requests, responses and log lines as text")
struct TextTests {
    @Test func `a path is decoded once`() {
        #expect(percentDecoded("/a%2Fb%2541+%C3%A9"[...].utf8, plusIsSpace: false) == "/a/b%41+é")
        for text in ["%", "%1", "%g1", "%+1", "%00", "a\u{0}", "%ff", "%ED%A0%80"] {
            #expect(percentDecoded(text[...].utf8, plusIsSpace: false) == nil, "\(text)")
        }
    }

    @Test func `a query is split before it is decoded`() throws {
        let pairs = try #require(queryPairs("a=1%262&&b&c==x=&=d&a=%3D+"))
        #expect(pairs.map(\.name) == ["a", "b", "c", "", "a"])
        #expect(pairs.map(\.value) == ["1&2", "", "=x=", "d", "= "])
        #expect(try #require(queryPairs("")).isEmpty)
        #expect(queryPairs("a=1&b=%") == nil)
    }

    @Test(arguments: ["a", "A.b_c-9", String(repeating: "a", count: 64)])
    func `a sound request id is taken over`(id: String) {
        let head = RequestHead(parameters: sound + [("HTTP_X_REQUEST_ID", id)])
        #expect(head.request.requestID == id)
        #expect(head.problem == nil)
    }

    @Test(arguments: ["", "a b", "a\n", "é", "a\"", String(repeating: "a", count: 65)])
    func `an unsound request id is replaced by a new one`(id: String) {
        let head = RequestHead(parameters: sound + [("HTTP_X_REQUEST_ID", id)])
        #expect(head.request.requestID != id)
        #expect(RequestID.isValid(head.request.requestID))
        #expect(RequestID.random() != RequestID.random())
        #expect(RequestID.random().utf8.count == 32)
    }

    private var sound: [(name: String, value: String)] { [("REQUEST_METHOD", "GET"), ("REQUEST_URI", "/")] }

    @Test(arguments: ["", "get", "GE T", "GET\n", String(repeating: "A", count: 33)])
    func `a method that is none is a problem`(method: String) {
        let head = RequestHead(parameters: [("REQUEST_METHOD", method), ("REQUEST_URI", "/")])
        #expect(head.problem != nil)
    }

    @Test func `of a parameter that comes twice the first counts`() {
        let head = RequestHead(parameters: sound + [("REQUEST_METHOD", "PUT"), ("HTTP_A", "1"), ("HTTP_A", "2")])
        #expect(head.request.method == "GET")
        #expect(head.request.headers == ["a": "1"])
    }

    @Test func `name-value pairs are sound only when they fill their stream`() {
        let long = [UInt8](repeating: 0x61, count: 200)
        #expect(RequestReader.areSoundPairs([]))
        #expect(RequestReader.areSoundPairs([1, 0, 0x41]))
        #expect(RequestReader.areSoundPairs([1, 0x80, 0, 0, 200, 0x41] + long))
        for length in 1..<206 {
            #expect(!RequestReader.areSoundPairs(Array(([1, 0x80, 0, 0, 200, 0x41] + long).prefix(length))))
        }
    }

    private func fields(_ line: [UInt8]) throws -> [String: Any] {
        #expect(line.last == 10)
        #expect(line.count { $0 == 10 } == 1)
        return try #require(JSONSerialization.jsonObject(with: Data(line)) as? [String: Any])
    }

    @Test func `a log line is one line of JSON, whatever is in it`() throws {
        let nasty = "\"\\\n\r\t\u{0}\u{1F}\u{7F}\u{85}\u{2028}\u{2029}é😀},{\"level\":\"error\""
        let line = Log(function: nasty).line(
            .warning,
            nasty,
            requestID: nasty,
            [("a\"b", .text(nasty)), ("n", .number(.nan)), ("d", .number(1e-7)), ("i", 3), ("b", .boolean(true))],
            at: timespec(tv_sec: 1_750_412_345, tv_nsec: 6_700_000)
        )
        let fields = try fields(line)
        #expect(fields["time"] as? String == "2025-06-20T09:39:05.006Z")
        #expect(fields["level"] as? String == "warning")
        for name in ["function", "request_id", "message", "a\"b"] { #expect(fields[name] as? String == nasty) }
        #expect(fields["n"] is NSNull)
        #expect(fields["d"] as? Double == 1e-7)
        #expect(fields["i"] as? Int == 3)
        #expect(fields["b"] as? Bool == true)
        let text = String(decoding: line, as: UTF8.self)
        #expect(!text.unicodeScalars.contains { ["\u{7F}", "\u{85}", "\u{2028}", "\u{2029}"].contains($0) })
    }

    @Test func `a text beyond the limit is cut, even one that is a single character`() throws {
        for text in [String(repeating: "a", count: 100_000), "e" + String(repeating: "\u{301}", count: 50_000)] {
            let line = Log(function: "f").line(.info, text, requestID: nil, [], at: timespec())
            #expect(line.count < 5000)
            _ = try fields(line)
        }
    }

    @Test func `lines below the level are not written`() {
        var ends: [Int32] = [-1, -1]
        pipe(&ends)
        defer { close(ends[0]) }
        let log = Log(function: "f", minimumLevel: .warning, descriptor: ends[1])
        log.debug("no")
        log.info("no")
        log.warning("yes")
        log.error("yes")
        close(ends[1])
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = read(ends[0], &bytes, bytes.count)
        #expect(bytes.prefix(max(count, 0)).count { $0 == 10 } == 2)
    }

    @Test func `a problem document has the fields of RFC 9457`() throws {
        let response = problemResponse(status: 409, code: "c", title: "t\"", detail: "d\n", requestID: "r")
        guard case .bytes(let bytes) = response.body else { throw FastCGIClient.Failure(what: "no body") }
        let document = try #require(JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
        #expect(response.status == 409)
        #expect(document["type"] as? String == "/problems/c")
        #expect(document["title"] as? String == "t\"")
        #expect(document["status"] as? Int == 409)
        #expect(document["detail"] as? String == "d\n")
        #expect(document["instance"] as? String == "r")
        #expect((document["errors"] as? [Any])?.isEmpty == true)
    }

    @Test func `a response header keeps to its line`() {
        let response = FunctionResponse(
            status: 299,
            headers: [
                ("A", "b"), ("C:", "d"), ("", "e"), ("F", "g\u{0}"), ("H", "i\n"), ("status", "500"), ("J", "é\tk"),
            ]
        )
        let (bytes, refused) = ResponseWriter.header(of: response, bodyBytes: 3, requestID: "r")
        #expect(
            String(decoding: bytes, as: UTF8.self)
                == "Status: 299 Status\r\nA: b\r\nJ: é\tk\r\nContent-Length: 3\r\nX-Request-Id: r\r\n\r\n"
        )
        #expect(refused == ["C:", "", "F", "H", "status"])
        let notModified = ResponseWriter.header(of: FunctionResponse(status: 304), bodyBytes: 0, requestID: "r").bytes
        #expect(!String(decoding: notModified, as: UTF8.self).contains("Content-Length"))
    }
}

extension RequestHead {
    /// Reads parameters given as texts.
    fileprivate init(parameters: [(name: String, value: String)]) {
        let storage = parameters.map { (name: Array($0.name.utf8), value: Array($0.value.utf8)) }
        self.init(reading: storage.map { (name: Self.buffer($0.name), value: Self.buffer($0.value)) })
    }

    /// Bytes at an address of their own, which outlive the test.
    private static func buffer(_ bytes: [UInt8]) -> UnsafeRawBufferPointer {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
        copy.copyBytes(from: bytes)
        return UnsafeRawBufferPointer(copy)
    }
}
