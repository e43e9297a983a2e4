import Foundation
import Glibc
import TestSupport
import Testing

extension RealParts {
    @Suite("Restarts under load")
    struct RollingRestartTests {
        let stack: LocalStack
        let client: HTTPClient

        init() throws {
            stack = try LocalStack.shared.get()
            client = stack.client()
        }

        @Test func `every function and nginx are replaced under load, and no request fails`() throws {
            let result = try client.optimize(Load.smallRequest)
            let id = try #require(result["optimization_id"] as? String)
            let before = try stack.processes().filter { $0.name.contains(":") }.map(\.pid)
            let path = "/api/v1/optimizations/\(id)"
            let load = Load(port: stack.port, reading: path, readers: 4, submitters: 2, askers: 2)
            let restart = try stack.run("restart")
            try stack.supervise("signal", "HUP", "nginx")
            usleep(500_000)
            let tally = load.stop()
            let after = try stack.processes().filter { $0.name.contains(":") }.map(\.pid)

            #expect(restart.status == 0, "\(restart.output)")
            #expect(before.count == after.count && Set(before).isDisjoint(with: after), "\(before) → \(after)")
            #expect(tally.refusals.isEmpty && tally.failures.isEmpty, "\(tally.statuses) \(tally.failures)")
            #expect(tally.statuses[200, default: 0] > 500 && tally.statuses[202, default: 0] > 50, "\(tally.statuses)")
            try stack.expectEndedOnce(tally.accepted)
        }

        @Test func `one function alone can be named, and an unknown one is refused`() throws {
            func pids() throws -> [String: pid_t] {
                Dictionary(try stack.processes().map { ($0.name, $0.pid) }) { first, _ in first }
            }
            let before = try pids()
            let restart = try stack.run("restart", "health")
            let after = try pids()
            #expect(restart.status == 0, "\(restart.output)")
            let replaced = before.filter { after[$0.key] != $0.value }.keys.sorted()
            #expect(replaced == ["health:health-0", "health:health-1"])
            let refused = try stack.run("restart", "helth")
            #expect(refused.status != 0 && refused.output.contains("get-optimization"), "\(refused.output)")
        }
    }
}
