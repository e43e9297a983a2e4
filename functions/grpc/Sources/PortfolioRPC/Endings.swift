import Foundation
package import PortfolioCalls
import Synchronization

/// Wakes calls that wait for a job's end.
///
/// A waiting call costs no thread: one listens for all.
package final class Endings: Sendable {
    /// A call waits for news at most so long before it looks for itself: a notification may be lost.
    static let recheck = Duration.seconds(1)
    /// How long the listener waits before it looks after calls whose time is up.
    private static let tick = 0.25

    private struct Waiter {
        var job: String
        var lookAgainAt: ContinuousClock.Instant
        var continuation: CheckedContinuation<Void, Never>?
        var isWoken = false
    }

    private struct State {
        var waiters: [UInt64: Waiter] = [:]
        var nextTicket: UInt64 = 0
    }

    private let state = Mutex(State())

    /// Starts to listen on the database of the settings.
    package init(_ settings: CallSettings) {
        let thread = Thread { [weak self] in
            let jobs = EndedJobs(settings)
            while let self { self.take(jobs.next(timeoutSeconds: Self.tick)) }
        }
        thread.name = "endings"
        thread.start()
    }

    /// A place among those that wait for a job; what ends from now on wakes it.
    struct Ticket: Sendable { fileprivate let number: UInt64 }

    /// Takes a place.
    ///
    /// Whoever does looks once more before waiting, so that no ending falls between.
    func ticket(for job: String) -> Ticket {
        state.withLock { state in
            state.nextTicket += 1
            state.waiters[state.nextTicket] = Waiter(job: job, lookAgainAt: .now + Self.recheck)
            return Ticket(number: state.nextTicket)
        }
    }

    /// Waits until the job may have ended, until the call is cancelled, until `end` or for ``recheck``, whichever is first.
    func wait(_ ticket: Ticket, until end: ContinuousClock.Instant) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isDue = state.withLock { state in
                    guard var waiter = state.waiters[ticket.number], !waiter.isWoken else { return true }
                    waiter.lookAgainAt = min(end, .now + Self.recheck)
                    waiter.continuation = continuation
                    state.waiters[ticket.number] = waiter
                    return false
                }
                if isDue { continuation.resume() }
            }
        } onCancel: {
            wake(ticket)
        }
        state.withLock { $0.waiters[ticket.number]?.isWoken = false }
    }

    /// Ends a wait early.
    func wake(_ ticket: Ticket) { wake { number, _ in number == ticket.number } }

    /// Gives a place back.
    func leave(_ ticket: Ticket) { _ = state.withLock { $0.waiters.removeValue(forKey: ticket.number) } }

    private func take(_ news: EndedJobs.News) {
        let now = ContinuousClock.now
        switch news {
        case .anything: wake { _, _ in true }
        case .ended(let jobs):
            let ended = Set(jobs)
            wake { _, waiter in ended.contains(waiter.job) || waiter.lookAgainAt <= now }
        }
    }

    private func wake(where isDue: (UInt64, Waiter) -> Bool) {
        let continuations = state.withLock { state in
            var woken: [CheckedContinuation<Void, Never>] = []
            for (number, waiter) in state.waiters where isDue(number, waiter) {
                state.waiters[number]?.isWoken = true
                state.waiters[number]?.continuation = nil
                if let continuation = waiter.continuation { woken.append(continuation) }
            }
            return woken
        }
        for continuation in continuations { continuation.resume() }
    }
}
