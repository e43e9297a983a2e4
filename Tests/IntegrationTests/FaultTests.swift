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

        /// Ends of jobs by the outbox: one event each, written in the transaction that ends the job.
        private func eventCounts(of ids: [String]) throws -> [String: Int] {
            let list = ids.map { "'\($0)'" }.joined(separator: ",")
            let rows = try stack.query(
                "SELECT subject, count(*) FROM events.outbox WHERE subject IN (\(list)) GROUP BY subject"
            )
            var counts: [String: Int] = [:]
            for row in rows {
                let parts = row.split(separator: "|").map(String.init)
                if parts.count == 2, let count = Int(parts[1]) { counts[parts[0]] = count }
            }
            return counts
        }

        /// The workers' pids; waits while all of them are being started again.
        private func runningWorkers() throws -> [pid_t] {
            for _ in 0..<100 {
                let workers = try stack.processes().filter { $0.name.contains("worker") }.map(\.pid)
                if !workers.isEmpty { return workers }
                usleep(100_000)
            }
            return []
        }

        @Test func `twenty killed workers lose no job and finish none twice`() throws {
            var generator = SeededGenerator(seed: 20)
            var ids: [String] = []
            for _ in 0..<20 {
                for _ in 0..<10 {
                    let accepted = try client.post(
                        "/api/v1/optimizations",
                        RealParts.OptimizationJourneyTests.seedRequest
                    )
                    ids.append(try #require(accepted.json["optimization_id"] as? String, "\(accepted.text)"))
                }
                usleep(UInt32.random(in: 0..<40_000, using: &generator))
                let victim = try #require(try runningWorkers().randomElement(using: &generator), "no worker came back")
                kill(victim, SIGKILL)
            }
            for id in ids {
                let result = try client.result(of: id, waitSeconds: 60)
                #expect(result["status"] as? String == "completed", "\(id): \(result)")
            }
            let counts = try eventCounts(of: ids)
            #expect(Set(ids).count == ids.count)
            #expect(ids.allSatisfy { counts[$0] == 1 }, "\(counts.filter { $0.value != 1 }) of \(counts.count)")
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

            var recovered = false
            for _ in 0..<100 where !recovered {
                recovered = try client.get("/readyz").status == 200
                if !recovered { usleep(100_000) }
            }
            #expect(recovered)
            #expect(try client.get("/api/v1/optimizations/\(id)").status == 200)
            #expect(
                try client.optimize(RealParts.OptimizationJourneyTests.seedRequest)["status"] as? String == "completed"
            )
        }

        @Test func `readers link neither the solver nor Foundation`() throws {
            let binaries = Bundle.main.bundleURL
            for name in ["get-optimization", "health", "create-optimization"] {
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
