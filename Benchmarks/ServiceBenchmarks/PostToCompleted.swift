import Foundation
import TestSupport

/// From sending a POST to holding the completed answer: submit, then read with a preference to wait.
struct PostToCompleted: Scenario {
    let clients: Int

    var name: String { "post-to-completed-\(clients)" }
    var summary: String { "POST of a five-name mandate until its answer is there, \(clients) at a time" }

    /// Milliseconds that each round trip took, filled by the clients' threads.
    private final class Times: @unchecked Sendable {
        private let lock = NSLock()
        private var milliseconds: [Double] = []
        private var failure: (any Error)?

        func add(_ times: [Double]) { lock.withLock { milliseconds += times } }
        func fail(_ error: any Error) { lock.withLock { failure = error } }
        func get() throws -> [Double] {
            try lock.withLock {
                if let failure { throw failure }
                return milliseconds
            }
        }
    }

    func measure(_ site: Site) throws -> [Figure] {
        let times = Times()
        let repetitions = (site.isQuick ? 100 : 600) / clients + 10
        let group = DispatchGroup()
        for _ in 0..<clients {
            group.enter()
            Thread.detachNewThread {
                do { times.add(try Self.roundTrips(site, repetitions)) } catch { times.fail(error) }
                group.leave()
            }
        }
        group.wait()
        let measured = try times.get()
        return [
            Figure(
                name: "p50",
                value: median(measured),
                unit: "ms",
                goal: .atMost(clients == 1 ? 10 : 40)
            ),
            Figure(name: "p95", value: percentile(0.95, of: measured), unit: "ms"),
            Figure(name: "round trips", value: Double(measured.count), unit: ""),
        ]
    }

    /// One client's round trips; the first tenth warms the worker's cache and the connections.
    private static func roundTrips(_ site: Site, _ repetitions: Int) throws -> [Double] {
        let client = site.client
        var times: [Double] = []
        for repetition in 0..<repetitions {
            let start = ContinuousClock.now
            let id = try site.submit(Site.tinyRequest, client)
            let answer = try client.get("/api/v1/optimizations/\(id)", ["Prefer": "wait=30"])
            let elapsed = ContinuousClock.now - start
            guard answer.json["status"] as? String == "completed" else { throw HTTPFailure(description: answer.text) }
            if repetition >= repetitions / 10 { times.append(elapsed.milliseconds) }
        }
        return times
    }
}
