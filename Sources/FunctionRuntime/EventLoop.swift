import CFastCGI
import Glibc

/// Serves requests in one thread: waits for the listener, the connections, what wakes parked requests, and the end.
///
/// A connection is read only as far as bytes are there, so a client that stalls holds up nobody. A handler runs when
/// its request is complete; it answers, or parks the request. Told to stop, the loop accepts nothing more, closes idle
/// connections, and lets requests that have begun end within the configured time.
package final class EventLoop {
    let configuration: FunctionConfiguration
    let handler: any FunctionHandler
    let log: Log
    let poller: Poller
    var parked: ParkedRequestTable
    var connections: [Poller.Token: Connection] = [:]
    /// The connections on which a request is coming in or an answer is waiting for its reader: few, so that looking for
    /// the slow ones is cheap.
    var timedTokens: Set<Poller.Token> = []
    /// The requests of this turn that share a round trip, and what finishes each.
    var gathered: [(token: Poller.Token, finish: () -> FunctionOutcome)] = []
    /// When what is still open ends; nil until the loop is told to stop.
    private(set) var drainDeadline: MonotonicTime?
    let parameterPipe = ParameterPipe()

    private let listener: Int32
    private let stopDescriptor: Int32
    private var isListening = false
    /// Not before this moment is the listener watched again, after the system had no room for a connection.
    private var listensAgain: MonotonicTime?
    /// Generation 0 is for the listener, the stop descriptor and the wake source.
    private var lastGeneration: UInt32 = 0
    private var lastWakeCheck: MonotonicTime
    /// When a request last was complete, or was answered.
    var lastServed = MonotonicTime.now()
    /// The wake source's descriptor as far as it is watched; nil when the source may have been replaced.
    private var watchedWakes: Int32?
    private var input = [UInt8](repeating: 0, count: 64 * 1024)

    /// How long a new connection is waited for to bring its request when the process is to end: the web server sends one
    /// as soon as it is connected.
    static let newConnectionSeconds = 0.25

    /// The longest wait of one turn: how soon a lost wake source is asked again.
    private static let turnSeconds = 1.0

    /// Makes a loop.
    ///
    /// - Parameters:
    ///   - handler: answers the requests.
    ///   - configuration: limits and times.
    ///   - listener: the listening socket; becomes non-blocking, for all processes that share it.
    ///   - stopDescriptor: turns readable when the loop is to end; what is readable is read.
    ///   - log: where a line for each request goes.
    /// - Throws: ``SystemCallError``.
    package init(
        handler: any FunctionHandler,
        configuration: FunctionConfiguration,
        listener: Int32,
        stopDescriptor: Int32,
        log: Log
    ) throws(SystemCallError) {
        self.handler = handler
        self.configuration = configuration
        self.listener = listener
        self.stopDescriptor = stopDescriptor
        self.log = log
        poller = try Poller()
        parked = ParkedRequestTable(limit: configuration.maximumParkedRequests)
        lastWakeCheck = .now()
        prepareFastCGI()
        // Another process may take a connection between the event and the accept, which would then block.
        guard cfastcgi_set_nonblocking(listener) == 0, cfastcgi_set_nonblocking(stopDescriptor) == 0 else {
            throw SystemCallError(call: "fcntl", code: errno)
        }
        guard poller.watch(Poller.Token(descriptor: stopDescriptor, generation: 0)) else {
            throw SystemCallError(call: "epoll_ctl", code: errno)
        }
    }

    /// Serves until told to stop, and until what had begun by then has ended.
    package func run() throws(SystemCallError) {
        while drainDeadline == nil || !connections.isEmpty {
            resumeListening()
            watchWakeSource()
            for token in try poller.wait(milliseconds: waitMilliseconds()) { handle(token) }
            finishGathered()
            let now = MonotonicTime.now()
            perform(parked.tick(now: now))
            endSlow(now: now)
            checkWakeSourceInTime(now: now)
            leaveWhenIdle(now: now)
        }
    }

    private func handle(_ token: Poller.Token) {
        guard token.generation == 0 else {
            guard let connection = connections[token] else { return }
            if case .answering(let answering) = connection.stage { proceed(connection, answering) }
            if connections[token] != nil { read(connection) }
            return
        }
        switch token.descriptor {
        case listener: accept()
        case stopDescriptor: stop()
        default: takeWakes(from: token.descriptor)
        }
    }

    /// Until the next moment at which something is due, rounded up, so that the loop does not spin just before it.
    private func waitMilliseconds() -> Int32 {
        let now = MonotonicTime.now()
        var due = now.adding(seconds: Self.turnSeconds)
        if let parkedDue = parked.nextDue { due = min(due, parkedDue) }
        for token in timedTokens {
            if let connection = connections[token] { due = min(due, deadline(of: connection)) }
        }
        return Int32(max(0, due.seconds(since: now) * 1000).rounded(.up))
    }

    // MARK: Connections

    private func accept() {
        // Events of one turn come together: the stop, or a full table, may have come before this one.
        guard isListening else { return }
        if connections.count >= configuration.maximumConnections, !closeLongestIdle() { return stopListening() }
        let socket = cfastcgi_accept(listener)
        guard socket >= 0 else {
            switch errno {
            case EMFILE, ENFILE, ENOBUFS, ENOMEM:
                // The listener stays readable: without room for a connection, waiting for it would spin.
                if !closeLongestIdle() {
                    stopListening()
                    listensAgain = .now().adding(seconds: Self.turnSeconds)
                }
            default: break  // another process was faster, or the client has gone
            }
            return
        }
        lastGeneration = lastGeneration == .max ? 1 : lastGeneration + 1
        let token = Poller.Token(descriptor: socket, generation: lastGeneration)
        let connection = Connection(token: token, now: .now())
        guard poller.watch(token) else { return }
        connections[token] = connection
        // The request's bytes are mostly there by now; reading waits for nothing.
        read(connection)
    }

    private func stopListening() {
        poller.forget(listener)
        isListening = false
    }

    private func resumeListening() {
        guard !isListening, drainDeadline == nil else { return }
        if let listensAgain, listensAgain > .now() { return }
        // One that is idle by now makes room for a new one.
        guard connections.count < configuration.maximumConnections || connections.values.contains(where: \.isIdle)
        else {
            return
        }
        listensAgain = nil
        isListening = poller.watchExclusively(Poller.Token(descriptor: listener, generation: 0))
    }

    private func closeLongestIdle() -> Bool {
        let idle = connections.values.filter { $0.isIdle }
        guard let oldest = idle.min(by: { $0.since < $1.since }) else { return false }
        drop(oldest)
        return true
    }

    /// Closes a connection and frees what belongs to its request.
    func drop(_ connection: Connection) {
        parked.remove(connection.token.value)
        timedTokens.remove(connection.token)
        connections[connection.token] = nil
        poller.forget(connection.descriptor)
    }

    /// Takes in the bytes that are there.
    private func read(_ connection: Connection) {
        let count = input.withUnsafeMutableBytes {
            recv(connection.descriptor, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT))
        }
        if count < 0, errno == EAGAIN || errno == EINTR { return }
        switch connection.stage {
        case .parked, .gathered:
            // The end of the stream, an abort, or what must not come now: the client waits no longer either way.
            return abandon(connection)
        case .answering(let answering): return end(connection, answering, isTaken: false)
        case .idle, .reading: break
        }
        guard count > 0 else { return abandon(connection) }
        // The array is not touched again before this returns: nothing below reads from a connection.
        input.withUnsafeBytes { take(UnsafeRawBufferPointer(rebasing: $0[..<count]), on: connection) }
    }

    // MARK: The end

    private func stop() {
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = bytes.withUnsafeMutableBytes { Glibc.read(stopDescriptor, $0.baseAddress, $0.count) }
        if count < 0, errno == EAGAIN || errno == EINTR { return }
        // A descriptor that has ended stays readable.
        if count <= 0 { poller.forget(stopDescriptor) }
        beginDraining()
    }

    /// Ends the process's work when nobody has asked for anything for as long as configured.
    private func leaveWhenIdle(now: MonotonicTime) {
        guard configuration.idleSeconds > 0, now >= lastServed.adding(seconds: configuration.idleSeconds),
            connections.values.allSatisfy(\.isIdle)
        else { return }
        beginDraining()
        finishGathered()
    }

    private func beginDraining() {
        guard drainDeadline == nil else { return }
        log.info("stopping", [("connections", .integer(connections.count)), ("parked", .integer(parked.count))])
        let deadline = MonotonicTime.now().adding(seconds: configuration.drainSeconds)
        drainDeadline = deadline
        if isListening { stopListening() }
        parked.drain(until: deadline)
        for connection in connections.values where connection.isIdle {
            // A request may have come in this very moment; the web server would take it for lost.
            read(connection)
            guard connection.isIdle else { continue }
            // On a new connection one is on its way, and may be a POST, which nobody sends twice.
            if connection.isNew { timedTokens.insert(connection.token) } else { drop(connection) }
        }
    }

    // MARK: What wakes parked requests

    private func watchWakeSource() {
        guard let descriptor = handler.wakeSource?.fileDescriptor, descriptor >= 0, descriptor != watchedWakes else {
            return
        }
        poller.keepWatching(Poller.Token(descriptor: descriptor, generation: 0))
        watchedWakes = descriptor
    }

    private func takeWakes(from descriptor: Int32) {
        guard let source = handler.wakeSource, source.fileDescriptor == descriptor else {
            // A source that was replaced and is still open.
            return poller.forget(descriptor)
        }
        takeWakes(from: source)
    }

    private func takeWakes(from source: any WakeSource) {
        let now = MonotonicTime.now()
        lastWakeCheck = now
        let keys = source.takeWokenKeys()
        // Taking them replaces a lost connection, which may come back under the old number: watch it anew.
        watchedWakes = nil
        perform(parked.wake(keys: keys, now: now))
    }

    /// Asks the source once a second even if nothing is readable, so that it can replace a lost connection.
    private func checkWakeSourceInTime(now: MonotonicTime) {
        guard now.seconds(since: lastWakeCheck) >= Self.turnSeconds, let source = handler.wakeSource else { return }
        takeWakes(from: source)
    }
}
