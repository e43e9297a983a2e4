import Foundation
import Glibc
import TestSupport
import Testing

extension RealParts {
    @Suite("Parked requests")
    struct ParkedTests {
        let stack: LocalStack
        let client: HTTPClient

        init() throws {
            stack = try LocalStack.shared.get()
            client = stack.client()
        }

        private static let waiterCount = 400
        private static let jobCount = 20
        private static let residentLimitKiB = 40 * 1024

        /// The memory that a process has in use.
        private func residentKiB(_ pid: pid_t) throws -> Int {
            let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
            let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") })
            return try #require(line.split(separator: " ").dropFirst().first.flatMap { Int($0) })
        }

        @Test func `four hundred wait in one small process, and all are answered`() throws {
            try stack.supervise("stop", "worker:*")
            try stack.supervise("stop", "get-optimization:get-optimization-1")
            defer {
                _ = try? stack.supervise("start", "get-optimization:get-optimization-1")
                _ = try? stack.supervise("start", "worker:*")
            }
            let ids = try (0..<Self.jobCount).map { _ in
                let accepted = try client.post("/api/v1/optimizations", Load.smallRequest)
                return try #require(accepted.json["optimization_id"] as? String, "\(accepted.text)")
            }
            let processes = try stack.processes().filter { $0.name.hasPrefix("get-optimization:") }
            let pid = try #require(processes.first?.pid)
            let waiters = try (0..<Self.waiterCount).map { number in
                let waiter = stack.client()
                let path = "/api/v1/optimizations/\(ids[number % ids.count])"
                try waiter.begin("GET", path, headers: ["Prefer": "wait=60"])
                return waiter
            }
            var open = 0
            for _ in 0..<200 where open < Self.waiterCount {
                usleep(50_000)
                open = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").count
            }
            #expect(open > Self.waiterCount, "\(open) descriptors")
            #expect(try residentKiB(pid) < Self.residentLimitKiB, "while they wait")
            try stack.supervise("start", "worker:*")
            for waiter in waiters {
                let answer = try waiter.finish()
                #expect(answer.status == 200 && answer.json["status"] as? String == "completed", "\(answer.text)")
            }
            #expect(try residentKiB(pid) < Self.residentLimitKiB, "after all were answered")
        }
    }
}
