import Foundation
import FunctionRuntime
import TestSupport
import Testing

@Suite("Event loop, clients that lie, stall, vanish or talk nonsense")
struct HostileClientTests {
    @Test func `a body over the limit is refused and drained, and the connection goes on`() throws {
        let loop = try RunningLoop { $0.bodyLimitBytes = 1000 }
        let client = try loop.connect()
        try client.request("POST", "/echo", body: [UInt8](repeating: 1, count: 1_000_000))
        let reply = try client.reply()
        #expect(reply.status == 413)
        #expect(reply.headers["Content-Type"] == "application/problem+json")
        let document = try #require(JSONSerialization.jsonObject(with: Data(reply.body)) as? [String: Any])
        #expect(document["type"] as? String == "/problems/body_too_large")
        #expect(document["status"] as? Int == 413)
        #expect(document["instance"] as? String == reply.headers["X-Request-Id"])
        try client.request("POST", "/echo", body: [UInt8](repeating: 2, count: 1000))
        #expect(try client.reply().body.count == 1000)
        try client.request("POST", "/echo", body: [UInt8](repeating: 2, count: 1001))
        #expect(try client.reply().status == 413)
    }

    @Test(arguments: [(4, 5), (5, 4), (0, 4), (4, 0), (.max, 4)])
    func `a body that is not as long as announced is refused`(announced: Int, sent: Int) throws {
        let loop = try RunningLoop()
        let client = try loop.connect()
        try client.request("POST", "/echo", body: [UInt8](repeating: 1, count: sent), contentLength: announced)
        #expect(try client.reply().status == 400)
        #expect(loop.handler.handled.isEmpty)
        try client.request("POST", "/echo", body: [1])
        #expect(try client.reply().status == 200)
    }

    @Test(arguments: ["x", "-1", "+4", "4 ", "99999999999999999999", "0x4"])
    func `a content length that is no number is refused`(length: String) throws {
        let loop = try RunningLoop()
        let client = try loop.connect()
        try client.send(FastCGIClient.head("POST", "/echo", contentLength: length) + FastCGIClient.input([1, 2, 3, 4]))
        #expect(try client.reply().status == 400)
    }

    @Test(arguments: ["/%zz", "/%", "/%4", "/a%00b", "/%ff", "", "echo", "/echo?a=%0g", "/echo?%00=1"])
    func `a target that cannot be decoded is refused`(target: String) throws {
        let loop = try RunningLoop()
        #expect(try loop.ask("GET", target).status == 400)
        #expect(loop.handler.handled.isEmpty)
    }

    @Test func `parameters beyond the limit are refused, those at the limit taken`() throws {
        let loop = try RunningLoop()
        let longest = 61_440 - FastCGIClient.head("GET", "/echo", contentLength: "0").count
        let taken = try loop.connect()
        try taken.request("GET", "/echo", headers: ["HTTP_X_LONG": String(repeating: "a", count: longest)])
        #expect(try taken.reply().status == 200)
        #expect((loop.handler.handled.first?.headers["x-long"]?.utf8.count ?? 0) == longest)

        let refused = try loop.connect()
        let pairs = FastCGIClient.pair("HTTP_X_LONG", String(repeating: "a", count: 2_000_000))
        // The other side stops reading, so that sending may fail; the answer is there none the less.
        try? refused.send(FastCGIClient.begin() + FastCGIClient.stream(4, pairs))
        #expect(try refused.reply().status == 431)
        #expect(try loop.ask("GET", "/echo").status == 200)
    }

    /// Beginnings that no sound client makes.
    static let malformed: [[UInt8]] = [
        [UInt8](repeating: 0, count: 64),
        [UInt8](repeating: 0xFF, count: 64),
        Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8),
        FastCGIClient.record(9, FastCGIClient.pair("FCGI_MPXS_CONNS", ""), number: 0),
        FastCGIClient.record(4, FastCGIClient.pair("A", "b")),
        FastCGIClient.record(2, []),
        FastCGIClient.record(1, [0, 1, 1]),
        FastCGIClient.begin(role: 3) + FastCGIClient.record(4, []),
        FastCGIClient.begin(number: 0),
        FastCGIClient.begin() + FastCGIClient.begin(),
        FastCGIClient.begin() + FastCGIClient.begin(number: 2),
        FastCGIClient.begin() + FastCGIClient.record(5, [1]),
        // Lengths of names and values: 2³¹ − 1 each, whose sum and 2 is 0 in 32 bits; beyond the record; cut off; NUL.
        FastCGIClient.begin() + FastCGIClient.stream(4, [UInt8](repeating: 0xFF, count: 8) + [1, 2, 3]),
        FastCGIClient.begin() + FastCGIClient.stream(4, [3, 3, 0x41]),
        FastCGIClient.begin() + FastCGIClient.stream(4, [0x80, 0]),
        FastCGIClient.begin() + FastCGIClient.stream(4, [1]),
        FastCGIClient.begin() + FastCGIClient.stream(4, [1, 2, 0x41, 0, 0x42]),
        FastCGIClient.begin() + FastCGIClient.stream(4, [0, 1, 0x41]),
        FastCGIClient.begin() + FastCGIClient.record(2, []),
    ]

    @Test(arguments: malformed.indices)
    func `malformed records end their connection and nothing else`(index: Int) throws {
        let loop = try RunningLoop()
        let client = try loop.connect()
        try client.send(Self.malformed[index])
        #expect(try client.isClosed())
        #expect(try loop.ask("GET", "/echo").status == 200)
        #expect(loop.handler.handled.count == 1)
    }

    @Test func `a broken record in the body is answered, then the connection closed`() throws {
        let loop = try RunningLoop()
        let client = try loop.connect()
        try client.send(FastCGIClient.head("POST", "/echo", contentLength: "4") + FastCGIClient.begin())
        #expect(try client.reply().status == 400)
        #expect(try client.isClosed())
    }

    @Test func `an abort in the body ends the request`() throws {
        let loop = try RunningLoop()
        let client = try loop.connect()
        try client.send(FastCGIClient.head("POST", "/echo", contentLength: "4") + FastCGIClient.record(2, []))
        #expect(try client.isClosed())
        #expect(loop.handler.handled.isEmpty)
    }

    @Test func `clients that stall or drip hold up nobody and are ended in time`() throws {
        let loop = try RunningLoop { $0.receiveTimeoutSeconds = 0.4 }
        let inHeader = try loop.connect()
        try inHeader.send([1, 1, 0])
        let inParameters = try loop.connect()
        try inParameters.send(FastCGIClient.begin())
        let inBody = try loop.connect()
        try inBody.send(FastCGIClient.head("POST", "/echo", contentLength: "4") + FastCGIClient.record(5, [1]))
        let silent = try loop.connect()
        for _ in 0..<3 { #expect(try loop.ask("POST", "/echo", body: [1]).status == 200) }
        let dripping = try loop.connect()
        try dripping.send(FastCGIClient.head("POST", "/echo", contentLength: "1000"))
        // Each byte comes well before a timeout of its own would end it.
        for _ in 0..<100 {
            guard (try? dripping.send(FastCGIClient.record(5, [1]))) != nil else { break }
            usleep(20_000)
        }
        #expect(try dripping.reply().status == 408)
        #expect(try inBody.reply().status == 408)
        #expect(try inBody.isClosed())
        #expect(try inHeader.isClosed())
        #expect(try inParameters.isClosed())
        // A connection on which nothing has begun may stay.
        try silent.request("GET", "/echo")
        #expect(try silent.reply().status == 200)
    }

    @Test func `a client that takes no answer is given up`() throws {
        let loop = try RunningLoop { $0.sendTimeoutSeconds = 0.2 }
        let client = try loop.connect()
        try client.request("GET", "/big?bytes=5000000")
        #expect(loop.eventually { loop.log.contains { $0.contains("answer not taken") } })
        #expect(try loop.ask("GET", "/echo").status == 200)
    }

    @Test func `a client that takes its answer slowly holds up nobody and gets all of it`() throws {
        let loop = try RunningLoop()
        let slow = try loop.connect()
        try slow.request("GET", "/big?bytes=5000001")
        #expect(loop.eventually { loop.handler.handled.count == 1 })
        // The answer is far beyond what a socket holds, and nobody reads it.
        for _ in 0..<20 { #expect(try loop.ask("POST", "/echo", body: [1]).body == [1]) }
        let reply = try slow.reply()
        #expect(reply.status == 200)
        #expect(reply.hasEnded)
        #expect(reply.body.count == 5_000_001)
        #expect(reply.body.allSatisfy { $0 == 0x61 })
        // The connection goes on.
        try slow.request("POST", "/echo", body: [2])
        #expect(try slow.reply().body == [2])
    }

    @Test func `a client that vanishes in the middle of its answer holds up nobody`() throws {
        let loop = try RunningLoop()
        let client = try loop.connect()
        try client.request("GET", "/big?bytes=5000000")
        #expect(loop.eventually { loop.handler.handled.count == 1 })
        client.vanish()
        #expect(loop.eventually { loop.log.contains { $0.contains("answer not taken") } })
        #expect(try loop.ask("GET", "/echo").status == 200)
    }

    @Test func `clients that vanish at any byte hold up nobody`() throws {
        let loop = try RunningLoop()
        let request = FastCGIClient.head("POST", "/echo", contentLength: "4") + FastCGIClient.input([1, 2, 3, 4])
        for length in 0...request.count {
            let client = try loop.connect()
            try client.send(Array(request.prefix(length)))
            client.vanish()
        }
        #expect(try loop.ask("POST", "/echo", body: [9]).body == [9])
    }

    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func `damaged requests never end the loop`(seed: UInt64) throws {
        let loop = try RunningLoop { $0.receiveTimeoutSeconds = 0.05 }
        var random = SeededGenerator(seed: seed)
        let sound =
            FastCGIClient.head("POST", "/echo?a=b", contentLength: "300")
            + FastCGIClient.input([UInt8](repeating: 7, count: 300))
        for _ in 0..<250 {
            var damaged = sound
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                switch Int.random(in: 0..<4, using: &random) {
                case 0: damaged[Int.random(in: damaged.indices, using: &random)] = .random(in: 0...255, using: &random)
                case 1: damaged.remove(at: Int.random(in: damaged.indices, using: &random))
                case 2:
                    damaged.insert(
                        .random(in: 0...255, using: &random),
                        at: Int.random(in: damaged.indices, using: &random)
                    )
                default: damaged.removeLast(Int.random(in: 0..<damaged.count / 2, using: &random))
                }
            }
            let client = try loop.connect()
            try? client.send(damaged)
            if Bool.random(using: &random) { client.vanish() } else { _ = try client.reply() }
        }
        #expect(try loop.ask("POST", "/echo", body: [9]).body == [9], "seed \(seed)")
    }
}
