import GRPCCore
import PortfolioCalls

/// Calls that may have to wait for a job: asked once, then again whenever there may be news, until time is up.
struct WaitingCalls: Sendable {
    /// A call waits no longer than this, whatever its deadline: the proxy's patience ends a little later.
    static let longest = Duration.seconds(60)

    let runner: CallRunner
    let endings: Endings
    /// Whether the server is being stopped: a call's cancellation then means nothing, and waits end.
    let isDraining: @Sendable () -> Bool

    /// Waits for an answer.
    ///
    /// - Parameters:
    ///   - time: how long to wait, at most ``longest``.
    ///   - cancellation: tells that nobody waits for the answer any more.
    ///   - first: the call.
    ///   - again: looks for the answer of a job once more.
    ///   - abandon: what to do of a job that is waited for no more, since the call was cancelled or its deadline passed.
    /// - Returns: the answer; nil when there is none yet and time is up.
    /// - Throws: the problem that the call ended with, or that nobody waits for it any more.
    func answer(
        within time: Duration,
        _ cancellation: ServerContext.RPCCancellationHandle,
        first: @escaping @Sendable (ServiceCalls) throws -> CallOutcome,
        again: @escaping @Sendable (ServiceCalls, String) -> CallOutcome,
        abandon: (@Sendable (ServiceCalls, String) -> Void)? = nil
    ) async throws -> CallAnswer? {
        let end = ContinuousClock.now + min(max(time, .zero), Self.longest)
        switch try await ask(first) {
        case .settled(let answer): return answer
        case .waiting(let id):
            let ticket = endings.ticket(for: id)
            defer { endings.leave(ticket) }
            return try await withRPCCancellationHandler {
                while true {
                    let outcome = try await ask { again($0, id) }
                    if case .settled(let answer) = outcome { return answer }
                    guard ContinuousClock.now < end, !isDraining() else { return nil }
                    if cancellation.isCancelled {
                        // By a task of its own: this one may be cancelled, too.
                        if let abandon { Task { try? await runner.run { abandon($0, id) } } }
                        throw RPCError(code: .cancelled, message: "The call was cancelled.")
                    }
                    await endings.wait(ticket, until: end)
                }
            } onCancelRPC: {
                endings.wake(ticket)
            }
        }
    }

    private enum Settlement {
        case settled(CallAnswer)
        case waiting(String)
    }

    private func ask(_ call: @escaping @Sendable (ServiceCalls) throws -> CallOutcome) async throws -> Settlement {
        switch try await runner.run(call) {
        case .answer(let answer): .settled(answer)
        case .waiting(let id): .waiting(id)
        case .problem(let problem): throw problem
        }
    }
}
