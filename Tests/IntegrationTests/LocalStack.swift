import Foundation
import Glibc
import TestSupport
import Testing

/// Everything that runs on the shared stack, one test after the other: some of them stop its database or kill its workers.
@Suite("Through the real parts", .serialized)
enum RealParts {}

/// The real stack on ports and in a directory of its own: PostgreSQL, nginx, functions and workers.
///
/// Started once for the whole test process, and stopped when it exits.
final class LocalStack: @unchecked Sendable {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// The stack that most tests share: a lease of one second, so that fault tests need not wait.
    static let shared: Result<LocalStack, any Error> = Result {
        let stack = try LocalStack(environment: [
            "PORTFOLIO_LEASE_SECONDS": "1", "PORTFOLIO_RENEWAL_SECONDS": "0.3", "PORTFOLIO_POLL_SECONDS": "0.2",
        ])
        atexit { if case .success(let stack) = LocalStack.shared { stack.stop() } }
        return stack
    }

    let port: Int
    let runDirectory: URL
    private let environment: [String: String]

    init(environment extra: [String: String] = [:]) throws {
        port = try Self.freePort()
        runDirectory = FileManager.default.temporaryDirectory.appending(path: "portfolio-it-\(getpid())-\(port)")
        var environment = ProcessInfo.processInfo.environment
        environment["PORTFOLIO_HTTP_PORT"] = String(port)
        environment["PORTFOLIO_GRPC_PORT"] = String(try Self.freePort())
        environment["PORTFOLIO_RUN_DIR"] = runDirectory.path
        environment["PORTFOLIO_BIN_DIR"] = Bundle.main.bundleURL.path
        environment.merge(extra) { _, new in new }
        self.environment = environment
        let up = try run("up")
        guard up.status == 0 else { throw HTTPFailure(description: "make up failed:\n\(up.output)") }
    }

    func stop() { _ = try? run("down") }

    /// Runs a command of the stack's script.
    @discardableResult
    func run(_ arguments: String...) throws -> Command {
        try Command.run(
            ["bash", Self.root.appending(path: "deploy/local/stack").path] + arguments,
            environment: environment
        )
    }

    func client() -> HTTPClient { HTTPClient(port: port) }

    /// Runs a statement as the database's owner; rows as `a|b` lines.
    func query(_ statement: String) throws -> [String] {
        let url = "postgresql://postgres@/portfolio?host=\(runDirectory.path)/sockets"
        let output = try Command.run(["psql", "-XAtq", "-d", url, "-c", statement])
        guard output.status == 0 else { throw HTTPFailure(description: output.output) }
        return output.output.split(separator: "\n").map(String.init)
    }

    /// Steers the stack's processes: `supervise("stop", "postgres")`.
    @discardableResult
    func supervise(_ arguments: String...) throws -> Command {
        try Command.run(["supervisorctl", "-c", "\(runDirectory.path)/etc/supervisord.conf"] + arguments)
    }

    /// The processes that `status` lists: name and pid of each.
    func processes() throws -> [(name: String, pid: pid_t)] {
        let output = try run("status").output
        return output.split(separator: "\n").compactMap { line in
            guard let range = line.range(of: #"pid (\d+)"#, options: .regularExpression),
                let pid = pid_t(line[range].dropFirst(4))
            else { return nil }
            return (line.split(separator: " ").first.map(String.init) ?? "", pid)
        }
    }

    /// The processes that a process started and that still run.
    func children(of parent: pid_t) -> [pid_t] {
        let path = "/proc/\(parent)/task/\(parent)/children"
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        return text.split(separator: " ").compactMap { pid_t($0) }
    }

    /// What a process was started as, or calls itself; empty when it has gone.
    func commandLine(of pid: pid_t) -> String {
        ((try? String(contentsOfFile: "/proc/\(pid)/cmdline", encoding: .utf8)) ?? "")
            .replacingOccurrences(of: "\0", with: " ")
    }

    /// Waits until the stack says that it can serve.
    func waitUntilReady() throws {
        for _ in 0..<200 {
            if (try? client().get("/readyz").status) == 200 { return }
            usleep(100_000)
        }
        throw HTTPFailure(description: "not ready after 20 s")
    }

    /// Waits for the end of optimizations and checks that each completed, and ended once: by the outbox, whose rows are
    /// written in the transactions that end jobs.
    func expectEndedOnce(_ ids: [String]) throws {
        #expect(Set(ids).count == ids.count, "an id came twice")
        let list = ids.map { "'\($0)'" }.joined(separator: ",")
        var open = ids.count
        for _ in 0..<600 where open > 0 {
            let ended = "SELECT count(*) FROM queries.portfolio_optimizations WHERE status = 'completed'"
            let counted = try? query("\(ended) AND optimization_id IN (\(list))").first.flatMap { Int($0) }
            open = ids.count - (counted ?? 0)
            if open > 0 { usleep(200_000) }
        }
        #expect(open == 0, "\(open) of \(ids.count) did not complete")
        let once = "SELECT subject FROM events.outbox WHERE subject IN (\(list)) GROUP BY subject HAVING count(*) = 1"
        #expect(try query(once).count == ids.count)
    }

    static func freePort() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 ? getsockname(descriptor, $0, &length) : -1
            }
        }
        guard status == 0 else { throw HTTPFailure(description: "no free port") }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}

extension HTTPClient {
    /// Posts an optimization and waits for its end; the final document.
    func optimize(_ body: String, waitSeconds: Int = 30) throws -> [String: Any] {
        let accepted = try post("/api/v1/optimizations", body)
        guard accepted.status == 202, let id = accepted.json["optimization_id"] as? String else {
            throw HTTPFailure(description: "\(accepted.status): \(accepted.text)")
        }
        return try result(of: id, waitSeconds: waitSeconds)
    }

    /// Waits for the end of an optimization; the final document.
    func result(of id: String, waitSeconds: Int = 30) throws -> [String: Any] {
        let answer = try get("/api/v1/optimizations/\(id)", ["Prefer": "wait=\(waitSeconds)"])
        guard answer.status == 200 else { throw HTTPFailure(description: "\(answer.status): \(answer.text)") }
        return answer.json
    }
}
