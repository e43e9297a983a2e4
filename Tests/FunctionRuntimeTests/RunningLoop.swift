import Foundation
import FunctionRuntime

/// Wakes parked requests by key through a pipe.
final class PipeWakeSource: WakeSource, @unchecked Sendable {
    private let ends: [Int32]
    private let lock = NSLock()
    private var keys: [String] = []

    init() {
        var pair: [Int32] = [-1, -1]
        pipe(&pair)
        ends = pair
    }

    deinit { for end in ends { close(end) } }

    var fileDescriptor: Int32? { ends[0] }

    func wake(_ key: String) {
        lock.withLock { keys.append(key) }
        _ = write(ends[1], "w", 1)
    }

    func takeWokenKeys() -> [String]? {
        lock.withLock {
            for _ in keys {
                var byte: UInt8 = 0
                _ = read(ends[0], &byte, 1)
            }
            defer { keys = [] }
            return keys
        }
    }
}

/// Answers a few paths in ways the tests need.
final class TestHandler: FunctionHandler, @unchecked Sendable {
    let wakes = PipeWakeSource()
    private let lock = NSLock()
    private var results: [String: String] = [:]
    private var recheckCount = 0
    private var requests: [FunctionRequest] = []
    private var gathering = 0
    private var gatheredTogether: [Int] = []

    var wakeSource: (any WakeSource)? { wakes }
    var handled: [FunctionRequest] { lock.withLock { requests } }
    var rechecks: Int { lock.withLock { recheckCount } }

    /// How many requests shared each round trip.
    var gatherings: [Int] { lock.withLock { gatheredTogether } }

    /// Puts down a result, as a worker would.
    func finish(_ key: String, _ result: String) { lock.withLock { results[key] = result } }

    func handle(_ request: FunctionRequest) -> FunctionOutcome {
        lock.withLock { requests.append(request) }
        switch request.path {
        case "/echo":
            return .answer(
                FunctionResponse(status: 200, headers: [("Content-Type", "text/plain")], body: .bytes(request.body))
            )
        case "/park":
            let key = request.queryValue("key") ?? ""
            return .park(
                ParkedRequest(
                    key: key,
                    waitSeconds: Double(request.queryValue("wait") ?? "") ?? 30,
                    recheck: { [self] in
                        lock.withLock {
                            recheckCount += 1
                            return results[key].map { FunctionResponse(status: 200, body: .bytes(Array($0.utf8))) }
                        }
                    },
                    expire: { FunctionResponse(status: 202) }
                )
            )
        case "/big":
            let bytes = [UInt8](repeating: 0x61, count: Int(request.queryValue("bytes") ?? "") ?? 0)
            let owner = NSData(data: Data(bytes))
            return .answer(
                FunctionResponse(
                    status: 200,
                    body: .borrowed(UnsafeRawBufferPointer(start: owner.bytes, count: owner.length), owner: owner)
                )
            )
        case "/sleep":
            usleep(useconds_t(request.queryValue("microseconds") ?? "") ?? 0)
            return .answer(FunctionResponse(status: 204))
        case "/gather":
            lock.withLock { gathering += 1 }
            let text = request.queryValue("text") ?? ""
            return .gather { [self] in
                lock.withLock {
                    if gathering > 0 { gatheredTogether.append(gathering) }
                    gathering = 0
                }
                return .answer(FunctionResponse(status: 200, body: .bytes(Array(text.utf8))))
            }
        case "/split":
            return .answer(
                FunctionResponse(
                    status: 200,
                    headers: [("X-Good", "1"), ("X-Bad", "a\r\nSet-Cookie: b"), ("Content-Length", "7")]
                )
            )
        case "/nonsense": return .answer(FunctionResponse(status: 7))
        default: return .answer(FunctionResponse(status: 404))
        }
    }
}

/// An event loop in a thread of its own, behind a unix socket in a folder of its own.
final class RunningLoop {
    let handler = TestHandler()
    let path: String
    private let folder: String
    private let listener: Int32
    private let stopEnds: [Int32]
    private let logEnds: [Int32]
    private let ended = DispatchSemaphore(value: 0)
    private let logLines = Lines()
    private var isStopped = false

    /// The log, filled by a thread that reads it.
    private final class Lines: @unchecked Sendable {
        private let lock = NSLock()
        private var text: [UInt8] = []
        func append(_ bytes: some Sequence<UInt8>) { lock.withLock { text.append(contentsOf: bytes) } }
        var all: [String] {
            lock.withLock { String(decoding: text, as: UTF8.self).split(separator: "\n").map(String.init) }
        }
    }

    init(_ change: (inout FunctionConfiguration) -> Void = { _ in }) throws {
        var template = Array("\(NSTemporaryDirectory())/loop-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw FastCGIClient.Failure(what: "mkdtemp") }
        folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        path = folder + "/socket"
        listener = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let socketPath = path
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: socketPath.utf8) }
        let socket = listener
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0, listen(socket, 512) == 0 else { throw FastCGIClient.Failure(what: "bind: \(errno)") }
        var pair: [Int32] = [-1, -1]
        pipe(&pair)
        stopEnds = pair
        pipe(&pair)
        logEnds = pair

        var configuration = FunctionConfiguration()
        configuration.functionName = "test"
        configuration.drainSeconds = 0.5
        change(&configuration)
        start(configuration)
    }

    private func start(_ configuration: FunctionConfiguration) {
        let (handler, listener, stop, log, ended) = (handler, listener, stopEnds[0], logEnds, ended)
        Thread.detachNewThread {
            do {
                try EventLoop(
                    handler: handler,
                    configuration: configuration,
                    listener: listener,
                    stopDescriptor: stop,
                    log: Log(function: "test", descriptor: log[1])
                ).run()
                ended.signal()
            } catch { print("loop: \(error)") }
            close(log[1])
        }
        let lines = logLines
        Thread.detachNewThread {
            var bytes = [UInt8](repeating: 0, count: 65_536)
            while true {
                let count = read(log[0], &bytes, bytes.count)
                guard count > 0 else { break }
                lines.append(bytes[..<count])
            }
            close(log[0])
        }
    }

    func connect() throws -> FastCGIClient { try FastCGIClient(path: path) }

    /// Asks one request on a connection of its own.
    func ask(_ method: String, _ target: String, body: [UInt8] = []) throws -> FastCGIClient.Reply {
        let client = try connect()
        try client.request(method, target, body: body, keep: false)
        return try client.reply()
    }

    /// Says stop; does not wait.
    func stop() {
        if !isStopped { _ = write(stopEnds[1], "s", 1) }
        isStopped = true
    }

    /// Waits for the loop's end; false if it did not come.
    func hasEnded() -> Bool { ended.wait(timeout: .now() + 20) == .success }

    /// The log so far.
    var log: [String] { logLines.all }

    /// Waits until something is so; false if it did not come about.
    func eventually(_ condition: () -> Bool) -> Bool {
        for _ in 0..<1000 {
            if condition() { return true }
            usleep(10_000)
        }
        return false
    }

    deinit {
        stop()
        close(listener)
        close(stopEnds[1])
        unlink(path)
        rmdir(folder)
    }
}
