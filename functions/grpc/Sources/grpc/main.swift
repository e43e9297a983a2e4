// portfolio_optimization.v1 over gRPC, with health and reflection. Serves on an inherited listening socket (fd 0), like
// every function; the computing happens in functions/worker.
import Dispatch
import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import NIOPosix
import PortfolioCalls
import PortfolioRPC
import Synchronization

/// Calls that may be with the database at once.
let databaseThreads = 8
/// Far above nginx's limit: a request beyond it is refused there, with words.
let longestMessage = 16 << 20
/// Connections that may wait to be accepted, as at the other functions' sockets: a burst of calls is a burst of connections.
let longestQueue: Int32 = 511

let settings: CallSettings
do {
    settings = try CallSettings.load()
} catch {
    FileHandle.standardError.write(Data("configuration refused: \(error)\n".utf8))
    exit(78)  // EX_CONFIG: a restart would not help
}
let draining = Atomic(false)
let isDraining: @Sendable () -> Bool = { draining.load(ordering: .relaxed) }
let runner = CallRunner(settings, threads: databaseThreads)
let endings = Endings(settings)
let loops = MultiThreadedEventLoopGroup(numberOfThreads: 1)
let server = GRPCServer(
    transport: .http2NIOPosix(
        listeningSocketDescriptor: Int(STDIN_FILENO),
        transportSecurity: .plaintext,
        config: .defaults { $0.rpc.maxRequestPayloadSize = longestMessage },
        eventLoopGroup: loops
    ),
    services: [
        OptimizationService(
            runner: runner,
            endings: endings,
            isDraining: isDraining,
            log: { settings.logError($0, requestID: $1) }
        ),
        HealthService(runner: runner, isDraining: isDraining),
        try ReflectionService(),
    ]
)

signal(SIGTERM, SIG_IGN)
let termination = DispatchSource.makeSignalSource(signal: SIGTERM, queue: .global())
termination.setEventHandler {
    draining.store(true, ordering: .relaxed)
    server.beginGracefulShutdown()
    // A client that keeps its connection open must not keep the process.
    DispatchQueue.global().asyncAfter(deadline: .now() + settings.drainSeconds) { exit(0) }
}
termination.resume()
// Calls run where their connections are read: passing each between threads costs as much as all the rest of it.
try await withTaskExecutorPreference(LoopExecutor(loops.next())) {
    async let serving: Void = server.serve()
    // The transport listens with a queue of its own, of 128 connections, whatever the socket had.
    _ = try await server.listeningAddress
    _ = listen(STDIN_FILENO, longestQueue)
    try await serving
}
