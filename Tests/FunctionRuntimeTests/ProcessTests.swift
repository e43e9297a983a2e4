import Foundation
import Testing

@Suite("A function as a process")
struct ProcessTests {
    /// What a process that has ended leaves behind.
    private struct End {
        var status: Int32
        var log: String
    }

    /// Starts the function; a listening socket is its standard input unless told otherwise.
    private final class Function {
        let path: String
        private let process = Process()
        private let errors = Pipe()

        init(environment: [String: String] = [:], listens: Bool = true) throws {
            path = "\(NSTemporaryDirectory())/echo-\(UUID().uuidString.prefix(8)).socket"
            let socket = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            let socketPath = path
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: socketPath.utf8) }
            let result = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            guard result == 0, !listens || listen(socket, 128) == 0 else {
                throw FastCGIClient.Failure(what: "bind: \(errno)")
            }
            // Test programs and functions are built into the same folder.
            let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
            process.executableURL = URL(fileURLWithPath: tests).deletingLastPathComponent()
                .appendingPathComponent("EchoFunction")
            process.environment = environment.merging(["PATH": "/usr/bin:/bin"]) { given, _ in given }
            process.standardInput = FileHandle(fileDescriptor: socket, closeOnDealloc: true)
            process.standardError = errors
            try process.run()
        }

        func signal(_ number: Int32) { kill(process.processIdentifier, number) }

        func end() -> End {
            let log = errors.fileHandleForReading.readDataToEndOfFile()
            process.waitUntilExit()
            return End(status: process.terminationStatus, log: String(decoding: log, as: UTF8.self))
        }

        deinit {
            if process.isRunning { kill(process.processIdentifier, SIGKILL) }
            unlink(path)
        }
    }

    @Test(arguments: [SIGTERM, SIGINT, SIGUSR1])
    func `a signal to stop lets what waits end, and the process ends with 0`(signal: Int32) throws {
        let function = try Function(environment: ["PORTFOLIO_DRAIN_SECONDS": "0.2"])
        let echo = try FastCGIClient(path: function.path)
        try echo.request("POST", "/echo", body: Array("hello".utf8))
        #expect(try echo.reply().text == "hello")
        let parked = try FastCGIClient(path: function.path)
        try parked.request("GET", "/park")
        // Connections are served in order: once this one is answered, the one before is parked.
        let after = try FastCGIClient(path: function.path)
        try after.request("GET", "/echo")
        #expect(try after.reply().status == 200)
        function.signal(signal)
        #expect(try parked.reply().status == 202)
        let end = function.end()
        #expect(end.status == 0)
        #expect(end.log.contains("\"function\":\"EchoFunction\""))
        #expect(end.log.contains("\"message\":\"stopped\""))
    }

    @Test func `a wrong configuration ends the process with a line for every fault`() throws {
        let end = try Function(environment: [
            "PORTFOLIO_BODY_LIMIT_BYTES": "4MB", "PORTFOLIO_BATCH_SIZE": "none", "PORTFOLIO_LOG_LEVEL": "info",
        ]).end()
        #expect(end.status == 78)
        let lines = end.log.split(separator: "\n")
        #expect(lines.count == 2)
        #expect(lines.allSatisfy { $0.contains("wrong configuration") && $0.hasPrefix("{") })
    }

    @Test func `a standard input that does not listen is told apart from a function without work`() throws {
        let end = try Function(listens: false).end()
        #expect(end.status == 1)
        #expect(end.log.contains("not a listening socket"))
    }
}
