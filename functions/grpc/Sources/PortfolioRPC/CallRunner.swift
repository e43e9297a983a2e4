import NIOPosix
package import PortfolioCalls
import Synchronization

/// Runs blocking calls on threads of their own, each with a database connection, so that they never hold up the server.
package final class CallRunner: Sendable {
    private let pool: NIOThreadPool
    private let idle: Mutex<[Desk]>

    /// A set of calls that one thread at a time uses.
    private final class Desk: @unchecked Sendable {
        let calls: ServiceCalls
        init(_ settings: CallSettings) { calls = ServiceCalls(settings) }
    }

    /// Starts the threads.
    ///
    /// - Parameters:
    ///   - settings: where the database is.
    ///   - threads: how many calls may be with the database at once.
    package init(_ settings: CallSettings, threads: Int) {
        pool = NIOThreadPool(numberOfThreads: threads)
        idle = Mutex((0..<threads).map { _ in Desk(settings) })
        pool.start()
    }

    /// Runs a call on a thread that is free.
    ///
    /// - Throws: what the call throws, or `CancellationError` when the server is being stopped.
    func run<Value: Sendable>(_ call: @escaping @Sendable (ServiceCalls) throws -> Value) async throws -> Value {
        try await pool.runIfActive { [self] in
            // There are as many desks as threads.
            guard let desk = idle.withLock({ $0.popLast() }) else { throw CancellationError() }
            defer { idle.withLock { $0.append(desk) } }
            return try call(desk.calls)
        }
    }

    /// Does work on a thread that is free: what takes long with large messages.
    ///
    /// - Throws: what the work throws, or `CancellationError` when the server is being stopped.
    func work<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await pool.runIfActive(work)
    }
}
