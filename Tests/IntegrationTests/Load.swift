import Foundation
import Glibc
import TestSupport

/// Callers that read and submit on kept connections until they are told to stop, and what became of their requests.
final class Load: @unchecked Sendable {
    /// What became of the requests.
    struct Tally {
        /// How often each status came.
        var statuses: [Int: Int] = [:]
        /// Requests without an answer, in words.
        var failures: [String] = []
        /// The optimizations that were accepted.
        var accepted: [String] = []

        /// Answers that are no success.
        var refusals: [Int: Int] { statuses.filter { !(200...299).contains($0.key) } }
    }

    private let port: Int
    private let lock = NSLock()
    private let threads = DispatchGroup()
    private var tally = Tally()
    private var isStopped = false

    /// A small mandate, so that the workers keep up.
    static let smallRequest =
        #"{"portfolio_id":"port-123456","optimization_type":"mean_variance","#
        + #""objective":"minimize_risk","constraints":{"max_position_size":0.25}}"#

    /// Starts callers: some read `path` from its source, some submit, some ask for frontiers and wait for them, one asks
    /// for the health.
    init(
        port: Int,
        reading path: String,
        readers: Int,
        submitters: Int,
        askers: Int = 0,
        pauseMicroseconds: UInt32 = 2000
    ) {
        self.port = port
        for _ in 0..<askers {
            start { client in
                // New ones and such as were asked for before.
                let body = #"{"points":\#(Int.random(in: 2...60))}"#
                let answer = try client.post("/api/v1/portfolios/port-123456/efficient-frontier", body)
                usleep(pauseMicroseconds * 5)
                return answer
            }
        }
        for _ in 0..<readers {
            start { client in
                let answer = try client.get(path, ["Cache-Control": "no-cache"])
                usleep(pauseMicroseconds)
                return answer
            }
        }
        for _ in 0..<submitters {
            start { client in
                let answer = try client.post("/api/v1/optimizations", Self.smallRequest)
                usleep(pauseMicroseconds * 10)
                return answer
            }
        }
        start { client in
            let answer = try client.get("/healthz")
            usleep(pauseMicroseconds * 10)
            return answer
        }
    }

    /// How many requests were answered so far.
    var answered: Int { lock.withLock { tally.statuses.values.reduce(0, +) } }

    /// Tells the callers to stop, waits for them, and says what became of their requests.
    func stop() -> Tally {
        lock.withLock { isStopped = true }
        threads.wait()
        return lock.withLock { tally }
    }

    private func start(_ request: @escaping @Sendable (HTTPClient) throws -> HTTPResponse) {
        threads.enter()
        Thread.detachNewThread { [self] in
            let client = HTTPClient(port: port)
            while !lock.withLock({ isStopped }) { record(request, client) }
            threads.leave()
        }
    }

    private func record(_ request: (HTTPClient) throws -> HTTPResponse, _ client: HTTPClient) {
        do {
            let answer = try Self.answer(to: request, client)
            lock.withLock {
                tally.statuses[answer.status, default: 0] += 1
                if answer.status == 202, let id = answer.json["optimization_id"] as? String {
                    tally.accepted.append(id)
                }
            }
        } catch {
            lock.withLock { tally.failures.append("\(error)") }
        }
    }

    /// A server may close a kept connection at any time, so a caller that finds its own closed asks once more on a new
    /// one (RFC 9112, section 9.3.1); a new one that fails is a failure.
    private static func answer(
        to request: (HTTPClient) throws -> HTTPResponse,
        _ client: HTTPClient
    ) throws -> HTTPResponse {
        let wasConnected = client.isConnected
        do {
            return try request(client)
        } catch {
            guard wasConnected else { throw error }
            return try request(client)
        }
    }
}
