import Foundation
import Glibc
import TestSupport
import Testing

extension RealParts {
    /// Processes are killed and the database goes away; nothing accepted is lost and nothing is finished twice.
    @Suite("Faults")
    struct FaultTests {
        let stack: LocalStack
        let client: HTTPClient

        init() throws {
            stack = try LocalStack.shared.get()
            client = stack.client()
        }

        /// How many processes are killed: a setting, since the long run takes minutes.
        private static let kills =
            ProcessInfo.processInfo.environment["PORTFOLIO_FAULT_KILLS"].flatMap { Int($0) } ?? 20

        /// What may be killed.
        private enum Victim: CaseIterable { case worker, function, nginxWorker, databaseBackend }

        /// The processes of a kind that run now.
        private func processes(_ victim: Victim) throws -> [pid_t] {
            let supervised = try stack.processes()
            func children(of name: String) -> [pid_t] {
                supervised.first { $0.name == name }.map { stack.children(of: $0.pid) } ?? []
            }
            switch victim {
            case .worker: return supervised.filter { $0.name.hasPrefix("worker:") }.map(\.pid)
            case .function:
                return supervised.filter { $0.name.contains(":") && !$0.name.hasPrefix("worker:") }.map(\.pid)
            case .nginxWorker: return children(of: "nginx")
            case .databaseBackend:
                return children(of: "postgres").filter { stack.commandLine(of: $0).contains(" portfolio_") }
            }
        }

        @Test func `processes killed at random lose no job and finish none twice`() throws {
            var generator = SeededGenerator(seed: 20)
            var accepted: [String] = []
            var killed = 0
            for round in 0..<Self.kills {
                for _ in 0..<6 {
                    // What is not accepted may fail: the process that would have accepted it is gone.
                    let answer = try? stack.client().post("/api/v1/optimizations", Load.smallRequest)
                    if answer?.status == 202, let id = answer?.json["optimization_id"] as? String {
                        accepted.append(id)
                    }
                }
                usleep(UInt32.random(in: 0..<40_000, using: &generator))
                let victim = Victim.allCases[round % Victim.allCases.count]
                guard let pid = try processes(victim).randomElement(using: &generator) else { continue }
                if kill(pid, SIGKILL) == 0 { killed += 1 }
            }
            // A process that was just being started again is killed the next time.
            #expect(killed > Self.kills * 3 / 4)
            #expect(accepted.count > Self.kills)
            try stack.expectEndedOnce(accepted)
        }

        @Test func `a database restarted five times under load loses nothing accepted`() throws {
            let before = try client.optimize(Load.smallRequest)
            let id = try #require(before["optimization_id"] as? String)
            let load = Load(
                port: stack.port,
                reading: "/api/v1/optimizations/\(id)",
                readers: 2,
                submitters: 4,
                pauseMicroseconds: 5000
            )
            for _ in 0..<5 {
                let answered = load.answered
                #expect(try stack.supervise("restart", "postgres").status == 0)
                for _ in 0..<200 where load.answered < answered + 50 { usleep(20_000) }
            }
            let tally = load.stop()
            #expect(tally.failures.isEmpty, "\(tally.failures.prefix(3))")
            #expect(Set(tally.refusals.keys).isSubset(of: [503]), "\(tally.statuses)")
            #expect(tally.accepted.count > 20, "\(tally.statuses)")
            try stack.expectEndedOnce(tally.accepted)
            try stack.waitUntilReady()
        }

        @Test func `while the database is away every answer is a 503, and afterwards the service goes on`() throws {
            let before = try client.optimize(RealParts.OptimizationJourneyTests.seedRequest)
            let id = try #require(before["optimization_id"] as? String)
            #expect(try stack.supervise("stop", "postgres").status == 0)
            let reads = try client.get("/api/v1/optimizations/\(id)")
            let writes = try client.post("/api/v1/optimizations", RealParts.OptimizationJourneyTests.seedRequest)
            let ready = try client.get("/readyz")
            let alive = try client.get("/healthz")
            #expect(try stack.supervise("start", "postgres").status == 0)
            for answer in [reads, writes, ready] {
                #expect(answer.status == 503, "\(answer.text)")
                #expect(answer.headers["retry-after"] != nil)
            }
            #expect(alive.status == 200)

            try stack.waitUntilReady()
            #expect(try client.get("/api/v1/optimizations/\(id)").status == 200)
            #expect(
                try client.optimize(RealParts.OptimizationJourneyTests.seedRequest)["status"] as? String == "completed"
            )
        }

        @Test func `readers link neither the solver nor Foundation`() throws {
            let binaries = Bundle.main.bundleURL
            for name in ["get-optimization", "health", "create-optimization", "efficient-frontier"] {
                let listed = try Command.run(["ldd", binaries.appending(path: name).path])
                #expect(listed.status == 0, "\(listed.output)")
                for library in ["openblas", "lapack", "Foundation", "grpc"] {
                    #expect(!listed.output.contains(library), "\(name) links \(library)")
                }
            }
        }

        @Test func `two stacks run side by side`() throws {
            let other = try LocalStack(environment: ["PORTFOLIO_DEMO": "0"])
            defer { other.stop() }
            #expect(other.port != stack.port)
            #expect(try other.client().get("/readyz").status == 200)
            #expect(try other.client().get("/api/v1/portfolios/port-123456").status == 404)
            #expect(try client.get("/api/v1/portfolios/port-123456").status == 200)
            other.stop()
            #expect(!FileManager.default.fileExists(atPath: other.runDirectory.path))
        }
    }
}
