import Testing

import PortfolioAPI

@Suite("HTTP headers")
struct HTTPTests {
    @Test(
        arguments: [
            (nil, true), ("", true), ("*/*", true), ("application/json", true), ("APPLICATION/JSON", true),
            ("application/*", true), ("application/json; charset=utf-8", true),
            ("text/html, application/json;q=0.1", true),
            ("text/csv", false), ("image/svg+xml", false), ("text/*", false), ("application/json;q=0", false),
            ("application/json;q=0, */*", false), ("*/*;q=0", false), ("text/html, */*;q=0.8", true),
            ("nonsense", true),
            ("application/*;q=0, application/json", true),
        ] as [(String?, Bool)]
    )
    func `an Accept header's most specific range decides`(header: String?, accepted: Bool) {
        #expect(AcceptHeader(header).accepts("application/json") == accepted)
    }

    @Test(arguments: [
        ("application/json", "application/json", true), ("Application/JSON ; Charset=UTF-8", "application/json", true),
        ("text/csv;charset=\"utf-8\"", "text/csv", true), ("text/csv; charset=latin1", "text/csv", false),
        ("text/csv; header=present", "text/csv", true),
    ])
    func `a Content-Type is its type and whether it is UTF-8`(header: String, type: String, isUTF8: Bool) {
        #expect(ContentType(header)?.mediaType == type)
        #expect(ContentType(header)?.isUTF8 == isUTF8)
    }

    @Test func `no Content-Type is none`() {
        #expect(ContentType(nil) == nil)
        #expect(ContentType("") == nil)
        #expect(ContentType(" ; charset=utf-8") == nil)
    }

    @Test(arguments: [
        ("wait=10", 10), ("wait=60", 60), ("wait=61", 60), ("wait=99999999999999999999999", 60), ("WAIT = 5", 5),
        ("respond-async, wait=7", 7), ("wait=\"8\"", 8), ("wait=3; foo=bar", 3), ("wait=0, wait=4", 4),
    ])
    func `a wait is granted up to a minute`(header: String, seconds: Int) {
        #expect(WaitPreference(header)?.seconds == seconds)
        #expect(WaitPreference(header)?.applied == "wait=\(seconds)")
    }

    @Test(arguments: [
        nil, "", "respond-async", "wait", "wait=", "wait=0", "wait=-1", "wait=1.5", "wait=x", "waiting=5",
    ])
    func `a wait that makes no sense is passed over`(header: String?) {
        #expect(WaitPreference(header) == nil)
    }

    @Test(arguments: [
        ("\"a\"", true), ("W/\"a\"", true), ("\"b\", \"a\"", true), ("*", true), ("\"b\"", false), ("a", false),
        ("", false),
        ("\"aa\"", false),
    ])
    func `entity tags are compared weakly`(header: String, matches: Bool) {
        #expect(EntityTag.matches(header, "a") == matches)
    }

    @Test func `a digest tells bodies apart`() {
        #expect(EntityTag.digest(of: []) != EntityTag.digest(of: [0]))
        #expect(EntityTag.digest(of: Array("ab".utf8)) != EntityTag.digest(of: Array("ba".utf8)))
        #expect(EntityTag.digest(of: Array("a".utf8)) == "af63dc4c8601ec8c-1")  // FNV-1a's published test vector
    }
}
