internal import Glibc
internal import Synchronization

private let terminationAsked = Atomic<Bool>(false)

/// Turns SIGTERM and SIGINT into a flag: the worker ends its current job, gives the others back, and leaves.
package enum TerminationSignal {
    /// Installs the handler; call it once, before any thread starts.
    ///
    /// Without `SA_RESTART`, so that a wait for the database returns at once.
    package static func install() {
        // The flag is made here: making it in the handler could wait for itself.
        _ = terminationAsked.load(ordering: .relaxed)
        var action = sigaction()
        action.__sigaction_handler.sa_handler = { _ in terminationAsked.store(true, ordering: .relaxed) }
        sigemptyset(&action.sa_mask)
        sigaction(SIGTERM, &action, nil)
        sigaction(SIGINT, &action, nil)
    }

    /// Whether the worker was told to leave.
    package static var wasAsked: Bool { terminationAsked.load(ordering: .relaxed) }

    /// Runs something with the signals blocked: threads that it starts never take them from the main thread.
    static func blocked(_ body: () -> Void) {
        var signals = sigset_t()
        var before = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGTERM)
        sigaddset(&signals, SIGINT)
        pthread_sigmask(SIG_BLOCK, &signals, &before)
        body()
        pthread_sigmask(SIG_SETMASK, &before, nil)
    }
}
