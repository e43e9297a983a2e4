import Foundation
import TestSupport

/// Four hundred callers who wait in one process: what they cost it, and how soon after the end they have their answers.
struct ParkedWaiters: Scenario {
    let name = "parked-waiters"
    let summary = "400 callers wait in one get-optimization process"

    private static let waiterCount = 400

    func measure(_ site: Site) throws -> [Figure] {
        try site.supervise("stop", "worker:*")
        try site.supervise("stop", "get-optimization:get-optimization-1")
        defer {
            _ = try? site.supervise("start", "get-optimization:get-optimization-1")
            _ = try? site.supervise("start", "worker:*")
        }
        let status = try site.supervise("status", "get-optimization:get-optimization-0")
        guard let word = status.split(separator: " ").first(where: { $0.hasSuffix(",") }),
            let pid = Int(word.dropLast())
        else { throw HTTPFailure(description: status) }
        let before = try residentMiB(pid)
        let id = try site.submit(Site.tinyRequest, site.client)
        let waiters = try (0..<Self.waiterCount).map { _ in
            let waiter = site.client
            try waiter.begin("GET", "/api/v1/optimizations/\(id)", headers: ["Prefer": "wait=60"])
            return waiter
        }
        var open = 0
        while open <= Self.waiterCount {
            usleep(20_000)
            open = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").count
        }
        let parked = try residentMiB(pid)
        try site.supervise("start", "worker:worker-0")
        var first: ContinuousClock.Instant?
        for waiter in waiters {
            let answer = try waiter.finish()
            guard answer.json["status"] as? String == "completed" else { throw HTTPFailure(description: answer.text) }
            if first == nil { first = .now }
        }
        let spread = first.map { (ContinuousClock.now - $0).milliseconds } ?? 0
        return [
            Figure(name: "resident, nobody waits", value: before, unit: "MiB"),
            Figure(name: "resident, 400 wait", value: parked, unit: "MiB", goal: .atMost(40)),
            Figure(name: "resident, all answered", value: try residentMiB(pid), unit: "MiB", goal: .atMost(40)),
            Figure(name: "from the first answer to the last", value: spread, unit: "ms"),
        ]
    }

    private func residentMiB(_ pid: Int) throws -> Double {
        let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        guard let value = line?.split(separator: " ").dropFirst().first.flatMap({ Double($0) }) else {
            throw HTTPFailure(description: "no VmRSS of \(pid)")
        }
        return value / 1024
    }
}
