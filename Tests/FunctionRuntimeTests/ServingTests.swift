import Foundation
import FunctionRuntime
import Testing

@Suite("Event loop, sound clients")
struct ServingTests {
    @Test func `a request is answered with its length and its id`() throws {
        let loop = try RunningLoop()
        let client = try loop.connect()
        try client.request(
            "POST",
            "/echo?a=1%2B1&b=x+y&b=2",
            headers: ["HTTP_X_REQUEST_ID": "abc-1", "HTTP_ACCEPT_LANGUAGE": "de", "HTTP_PROXY": "evil"],
            body: Array("hello".utf8)
        )
        let reply = try client.reply()

        #expect(reply.status == 200)
        #expect(reply.text == "hello")
        #expect(reply.headers["Content-Length"] == "5")
        #expect(reply.headers["X-Request-Id"] == "abc-1")
        #expect(reply.hasEnded)
        let request = try #require(loop.handler.handled.first)
        #expect(request.method == "POST")
        #expect(request.path == "/echo")
        #expect(request.query.map(\.name) == ["a", "b", "b"])
        #expect(request.query.map(\.value) == ["1+1", "x y", "2"])
        #expect(request.headers["accept-language"] == "de")
        #expect(request.headers["content-type"] == "application/json")
        #expect(request.headers["proxy"] == nil)
        #expect(request.requestID == "abc-1")
    }

    @Test func `a kept connection serves one request after the other, and requests sent together`() throws {
        let loop = try RunningLoop()
        let client = try loop.connect()
        for number in 0..<3 {
            try client.request("POST", "/echo", body: Array("number \(number)".utf8))
            #expect(try client.reply().text == "number \(number)")
        }
        let one = FastCGIClient.head("POST", "/echo", contentLength: "1") + FastCGIClient.input([0x31])
        let two = FastCGIClient.head("POST", "/echo", contentLength: "1") + FastCGIClient.input([0x32])
        try client.send(one + two)
        #expect(try client.reply().text == "1")
        #expect(try client.reply().text == "2")
    }

    @Test func `a connection not to be kept is closed after the answer`() throws {
        let loop = try RunningLoop()
        let client = try loop.connect()
        try client.request("GET", "/echo", keep: false)
        #expect(try client.reply().status == 200)
        #expect(try client.isClosed())
    }

    @Test func `idle connections hold up nobody`() throws {
        let loop = try RunningLoop()
        let idle = try (0..<20).map { _ in try loop.connect() }
        let kept = try loop.connect()
        try kept.request("GET", "/echo")
        #expect(try kept.reply().status == 200)
        #expect(try loop.ask("GET", "/echo").status == 200)
        #expect(idle.count == 20)
    }

    @Test func `a body of a megabyte comes back whole, and the connection goes on`() throws {
        let loop = try RunningLoop()
        let client = try loop.connect()
        let body = (0..<1_048_577).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        // The answer does not fit the socket's buffers, so that it has to be read while it is sent.
        for _ in 0..<2 {
            try client.request("POST", "/echo", body: body)
            #expect(try client.reply().body == body)
        }
    }

    @Test func `bytes that come one at a time make a request`() throws {
        let loop = try RunningLoop()
        let client = try loop.connect()
        for byte in FastCGIClient.head("POST", "/echo", contentLength: "2") + FastCGIClient.input([0x6F, 0x6B]) {
            try client.send([byte])
        }
        #expect(try client.reply().text == "ok")
    }

    @Test func `borrowed bytes are sent, and HEAD gets their number only`() throws {
        let loop = try RunningLoop()
        #expect(try loop.ask("GET", "/big?bytes=300000").body.count == 300_000)
        let head = try loop.ask("HEAD", "/big?bytes=300000")
        #expect(head.body.isEmpty)
        #expect(head.headers["Content-Length"] == "300000")
        #expect(loop.handler.handled.last?.method == "HEAD")
    }

    @Test func `a header that would split the response is refused, and the runtime's own are not overridden`() throws {
        let loop = try RunningLoop()
        let reply = try loop.ask("GET", "/split")
        #expect(reply.headers["X-Good"] == "1")
        #expect(reply.headers["X-Bad"] == nil)
        #expect(reply.headers["Set-Cookie"] == nil)
        #expect(reply.headers["Content-Length"] == "0")
    }

    @Test func `a handler's nonsense status becomes a problem that tells nothing`() throws {
        let loop = try RunningLoop()
        let reply = try loop.ask("GET", "/nonsense")
        #expect(reply.status == 500)
        #expect(reply.headers["Content-Type"] == "application/problem+json")
        #expect(reply.text.contains("/problems/internal"))
    }

    @Test func `a request's log line names its path, not its query`() throws {
        let loop = try RunningLoop()
        _ = try loop.ask("GET", "/echo?token=geheim")
        #expect(loop.eventually { loop.log.contains { $0.contains("\"path\":\"/echo\"") } })
        let line = try #require(loop.log.first { $0.contains("\"message\":\"request\"") })
        let fields = try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        #expect(fields["status"] as? Int == 200)
        #expect(fields["method"] as? String == "GET")
        #expect(fields["function"] as? String == "test")
        #expect((fields["request_id"] as? String)?.count == 32)
        #expect(fields["ms"] is Double)
        #expect(!loop.log.contains { $0.contains("geheim") })
    }

    @Test func `beyond the limit of connections the one idle longest makes room`() throws {
        let loop = try RunningLoop { $0.maximumConnections = 2 }
        let first = try loop.connect()
        try first.request("GET", "/echo")
        _ = try first.reply()
        let second = try loop.connect()
        try second.request("GET", "/echo")
        _ = try second.reply()
        let third = try loop.connect()
        try third.request("GET", "/echo")
        #expect(try third.reply().status == 200)
        #expect(try first.isClosed())
        try second.request("GET", "/echo")
        #expect(try second.reply().status == 200)
    }

    @Test func `requests that are ready together share a round trip, and each gets its own answer`() throws {
        let loop = try RunningLoop()
        let clients = try (0..<5).map { _ in try loop.connect() }
        for client in clients {
            try client.request("GET", "/echo")
            #expect(try client.reply().status == 200)
        }
        let sleeper = try loop.connect()
        try sleeper.request("GET", "/sleep?microseconds=300000")
        // The loop is busy meanwhile, so that all of these are there when it looks again.
        #expect(loop.eventually { loop.handler.handled.last?.path == "/sleep" })
        for (number, client) in clients.enumerated() { try client.request("GET", "/gather?text=\(number)") }
        for (number, client) in clients.enumerated() { #expect(try client.reply().text == String(number)) }
        #expect(loop.handler.gatherings == [5])
        // One that leaves before its answer takes nobody along.
        try sleeper.request("GET", "/sleep?microseconds=300000")
        #expect(loop.eventually { loop.handler.handled.last?.path == "/sleep" })
        try clients[0].request("GET", "/gather?text=gone")
        try clients[1].request("GET", "/gather?text=here")
        clients[0].vanish()
        #expect(try clients[1].reply().text == "here")
    }

    @Test func `when no connection is idle a new one waits for its turn`() throws {
        let loop = try RunningLoop { $0.maximumConnections = 1 }
        let parked = try loop.connect()
        try parked.request("GET", "/park?key=k")
        #expect(loop.eventually { loop.handler.handled.count == 1 })
        let waiting = try loop.connect()
        try waiting.request("GET", "/echo")
        loop.handler.finish("k", "done")
        loop.handler.wakes.wake("k")
        #expect(try parked.reply().text == "done")
        #expect(try waiting.reply().status == 200)
    }
}

@Suite("Event loop, parked requests and the end")
struct ParkingTests {
    @Test func `two hundred parked requests are answered by their wakes`() throws {
        let loop = try RunningLoop()
        let clients = try (0..<200).map { number in
            let client = try loop.connect()
            try client.request("GET", "/park?key=job-\(number)&wait=60")
            return client
        }
        #expect(loop.eventually { loop.handler.handled.count == 200 })
        #expect(try loop.ask("GET", "/echo").status == 200)  // those that wait hold up nobody
        for number in 0..<200 {
            loop.handler.finish("job-\(number)", "result \(number)")
            loop.handler.wakes.wake("job-\(number)")
        }
        for (number, client) in clients.enumerated() { #expect(try client.reply().text == "result \(number)") }
        // The connections go on.
        try clients[7].request("GET", "/echo")
        #expect(try clients[7].reply().status == 200)
    }

    @Test func `a result without a wake is found by asking again`() throws {
        let loop = try RunningLoop()
        let client = try loop.connect()
        try client.request("GET", "/park?key=k")
        #expect(loop.eventually { loop.handler.handled.count == 1 })
        loop.handler.finish("k", "late")
        #expect(try client.reply().text == "late")
    }

    @Test func `a request whose time is up says so`() throws {
        let loop = try RunningLoop()
        #expect(try loop.ask("GET", "/park?key=k&wait=0.05").status == 202)
        #expect(try loop.ask("GET", "/park?key=k&wait=nan").status == 202)
        #expect(try loop.ask("GET", "/park?key=k&wait=-5").status == 202)
    }

    @Test func `a client that vanishes frees its place`() throws {
        let loop = try RunningLoop { $0.maximumParkedRequests = 1 }
        let first = try loop.connect()
        try first.request("GET", "/park?key=k")
        #expect(loop.eventually { loop.handler.handled.count == 1 })
        let refused = try loop.ask("GET", "/park?key=k")
        #expect(refused.status == 503)
        #expect(refused.headers["Retry-After"] == "1")
        first.vanish()
        #expect(loop.eventually { loop.log.contains { $0.contains("\"status\":499") } })
        let rechecks = loop.handler.rechecks
        loop.handler.wakes.wake("k")
        #expect(try loop.ask("GET", "/park?key=other&wait=0.05").status == 202)
        #expect(loop.handler.rechecks == rechecks)
    }

    @Test func `an abort record frees a parked request, and so does a request beside it`() throws {
        let loop = try RunningLoop { $0.maximumParkedRequests = 1 }
        for (index, disturbance) in [FastCGIClient.record(2, []), FastCGIClient.begin(number: 2)].enumerated() {
            let client = try loop.connect()
            try client.request("GET", "/park?key=k")
            #expect(loop.eventually { loop.handler.handled.count == index + 1 })
            try client.send(disturbance)
            #expect(try client.isClosed())
        }
        let together = try loop.connect()
        let request = FastCGIClient.head("GET", "/park?key=k", contentLength: "") + FastCGIClient.input([])
        try together.send(request + request)
        #expect(try together.isClosed())
        #expect(try loop.ask("GET", "/park?key=k&wait=0").status == 202)
    }

    @Test func `told to stop, the loop answers what waits and closes what is idle`() throws {
        let loop = try RunningLoop { $0.drainSeconds = 0.3 }
        let idle = try loop.connect()
        try idle.request("GET", "/echo")
        _ = try idle.reply()
        let woken = try loop.connect()
        try woken.request("GET", "/park?key=k")
        let expiring = try loop.connect()
        try expiring.request("GET", "/park?key=never&wait=60")
        let halfway = try loop.connect()
        try halfway.send(FastCGIClient.head("POST", "/echo", contentLength: "4"))
        #expect(loop.eventually { loop.handler.handled.count == 3 })
        loop.stop()
        #expect(try idle.isClosed())
        try halfway.send(FastCGIClient.input(Array("last".utf8)))
        #expect(try halfway.reply().text == "last")
        loop.handler.finish("k", "done")
        loop.handler.wakes.wake("k")
        #expect(try woken.reply().text == "done")
        #expect(try expiring.reply().status == 202)
        #expect(loop.hasEnded())
    }

    @Test func `told to stop, the loop waits for the request of a connection just made`() throws {
        let loop = try RunningLoop()
        let new = try loop.connect()
        // It has been accepted by the time that a later one is answered.
        #expect(try loop.ask("GET", "/echo").status == 200)
        loop.stop()
        #expect(loop.eventually { loop.log.contains { $0.contains("stopping") } })
        try new.request("POST", "/echo", body: [1, 2, 3])
        #expect(try new.reply().body == [1, 2, 3])
        #expect(loop.hasEnded())
    }

    @Test func `a loop that may leave when idle does so, but not while somebody waits`() throws {
        let loop = try RunningLoop { $0.idleSeconds = 0.2 }
        let kept = try loop.connect()
        try kept.request("GET", "/echo")
        #expect(try kept.reply().status == 200)
        let parked = try loop.connect()
        try parked.request("GET", "/park?key=k&wait=60")
        #expect(loop.eventually { loop.handler.rechecks > 1 })  // two seconds, ten times the idle time
        loop.handler.finish("k", "done")
        loop.handler.wakes.wake("k")
        #expect(try parked.reply().text == "done")
        #expect(loop.hasEnded())
        #expect(try kept.isClosed())
    }

    @Test func `a loop without requests stops at once`() throws {
        let loop = try RunningLoop { $0.drainSeconds = 600 }
        let idle = try loop.connect()
        try idle.request("GET", "/echo")
        #expect(try idle.reply().status == 200)
        loop.stop()
        #expect(loop.hasEnded())
        #expect(try idle.isClosed())
    }
}
