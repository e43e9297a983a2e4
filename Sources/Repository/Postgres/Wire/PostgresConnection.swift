import CPostgreSQL
import Glibc

/// One connection to the server, with what the server knows of it: prepared statements, tenant, channels.
///
/// The connection stays in libpq's pipeline mode. Statements sent together cost one round trip and are one transaction;
/// each is prepared on its first use, in the same round trip. For one thread at a time.
final class PostgresConnection {
    private let handle: OpaquePointer
    private var preparedStatements: Set<String> = []
    private var channels: Set<String> = []
    /// The tenant whose rows the server lets this connection see; nil when none is set or it is not known.
    var tenant: String?

    /// Connects, within the time limits of `PostgresConnection.limits` unless the URL names others.
    init(url: String, applicationName: String) throws(WireFault) {
        // Later entries win: what the URL says beats our defaults.
        var keywords: [UnsafeMutablePointer<CChar>?] = []
        var values: [UnsafeMutablePointer<CChar>?] = []
        for (keyword, value) in Self.limits + [("application_name", applicationName), ("dbname", url)] {
            keywords.append(strdup(keyword))
            values.append(strdup(value))
        }
        defer { (keywords + values).forEach { free($0) } }
        let constantKeywords = keywords.map { UnsafePointer<CChar>($0) } + [nil]
        let constantValues = values.map { UnsafePointer<CChar>($0) } + [nil]
        guard let handle = PQconnectdbParams(constantKeywords, constantValues, 1) else {
            throw .connectionLost("out of memory", nothingDone: true)
        }
        guard PQstatus(handle) == CONNECTION_OK, PQenterPipelineMode(handle) == 1 else {
            let message = String(cString: PQerrorMessage(handle))
            PQfinish(handle)
            throw .connectionLost(message, nothingDone: true)
        }
        PQsetNoticeProcessor(handle, { _, _ in }, nil)  // libpq would print notices to standard error
        self.handle = handle
    }

    deinit { PQfinish(handle) }

    /// How long a connection may take to come about, and to be found dead: seconds, `tcp_user_timeout` milliseconds.
    private static let limits = [
        ("connect_timeout", "3"), ("keepalives", "1"), ("keepalives_idle", "10"), ("keepalives_interval", "3"),
        ("keepalives_count", "3"), ("tcp_user_timeout", "15000"), ("client_encoding", "UTF8"),
    ]

    /// Runs statements as one transaction, in one round trip; returns a result for each.
    ///
    /// They see the rows of `tenant`; nil is for roles that see every tenant's. The statements of `afterwards` are a
    /// second transaction in the same round trip, whose failure is not told (notifications, figures); they run even
    /// when the first one failed.
    func run(
        _ calls: [StatementCall],
        tenant: String?,
        afterwards: [StatementCall] = []
    ) throws(WireFault) -> [StatementResult] {
        var calls = calls
        let changesTenant = tenant != nil && tenant != self.tenant
        if changesTenant { calls.insert(Self.setTenant(.text(tenant)), at: 0) }
        let awaited = try send(calls)
        let awaitedAfterwards = afterwards.isEmpty ? [] : try send(afterwards)

        var results: [StatementResult]
        do {
            results = try receive(awaited)
        } catch {
            if case .connectionLost = error { throw error }
            if !awaitedAfterwards.isEmpty { _ = try? receive(awaitedAfterwards) }
            if changesTenant { self.tenant = nil }  // rolled back with the rest
            throw error
        }
        if changesTenant {
            self.tenant = tenant
            results.removeFirst()
        }
        if !awaitedAfterwards.isEmpty { _ = try? receive(awaitedAfterwards) }
        return results
    }

    static let setTenant = Statement("wire.setTenant", "SELECT set_config('portfolio.tenant', $1, false)")

    /// What the server was asked, in the order it will answer.
    enum Awaited {
        case preparation(of: String)
        case rows
    }

    /// Sends statements and the mark that ends their transaction.
    func send(_ calls: [StatementCall]) throws(WireFault) -> [Awaited] {
        var awaited: [Awaited] = []
        var preparedNow: Set<String> = []
        for call in calls {
            let name = call.statement.name
            if !preparedStatements.contains(name), preparedNow.insert(name).inserted {
                let types = call.parameters.map(\.type)
                guard PQsendPrepare(handle, name, call.statement.sql, Int32(types.count), types) == 1 else {
                    throw lost()
                }
                awaited.append(.preparation(of: name))
            }
            guard sendExecution(of: call) else { throw lost() }
            awaited.append(.rows)
        }
        guard PQpipelineSync(handle) == 1 else { throw lost() }
        return awaited
    }

    /// Sends a prepared statement with its values, in binary both ways.
    private func sendExecution(of call: StatementCall) -> Bool {
        let count = call.parameters.count
        let lengths = call.parameters.map { Int32(clamping: $0.bytes?.count ?? 0) }
        let formats = [Int32](repeating: 1, count: count)
        var values = [UnsafePointer<CChar>?](repeating: nil, count: count)
        /// Pins the values from `index` on, so that matrices go to libpq without a copy.
        func send(from index: Int) -> Bool {
            guard index < count else {
                return PQsendQueryPrepared(handle, call.statement.name, Int32(count), values, lengths, formats, 1) == 1
            }
            guard let bytes = call.parameters[index].bytes else { return send(from: index + 1) }
            return bytes.withUnsafeBytes { buffer in
                // An empty value is not null: it needs an address, whichever.
                values[index] = (buffer.baseAddress ?? Self.emptyValue).assumingMemoryBound(to: CChar.self)
                return send(from: index + 1)
            }
        }
        return send(from: 0)
    }

    /// An address for values without bytes; never read.
    private nonisolated(unsafe) static let emptyValue = UnsafeRawPointer(
        UnsafeMutableRawPointer.allocate(byteCount: 1, alignment: 1)
    )

    /// Takes in the answers of one transaction, up to its mark, and throws the first fault among them.
    func receive(_ awaited: [Awaited]) throws(WireFault) -> [StatementResult] {
        var results: [StatementResult] = []
        var fault: WireFault?
        for item in awaited {
            guard let answer = PQgetResult(handle) else { throw lost(after: fault) }
            let result = StatementResult(owning: answer)
            switch (PQresultStatus(answer), item) {
            case (PGRES_COMMAND_OK, .preparation(let name)): preparedStatements.insert(name)
            case (PGRES_COMMAND_OK, .rows), (PGRES_TUPLES_OK, .rows): results.append(result)
            case (PGRES_PIPELINE_ABORTED, _): break
            default: fault = fault ?? Self.fault(of: answer)
            }
            // A statement's answers end with a null; a lost connection shows here, as a further error.
            while let further = PQgetResult(handle) {
                let status = PQresultStatus(further)
                PQclear(further)
                if status == PGRES_FATAL_ERROR, PQstatus(handle) != CONNECTION_OK { throw lost(after: fault) }
            }
            guard PQstatus(handle) == CONNECTION_OK else { throw lost(after: fault) }
        }
        guard let mark = PQgetResult(handle) else { throw lost(after: fault) }
        let status = PQresultStatus(mark)
        // The commit happens at the mark: a deferred check or a full disk would show here.
        if status != PGRES_PIPELINE_SYNC {
            fault = fault ?? Self.fault(of: mark)
            if case .connectionLost(let message, _) = fault { fault = .connectionLost(message, nothingDone: false) }
        }
        PQclear(mark)
        if status != PGRES_PIPELINE_SYNC { try skipToMark(after: fault) }
        if let fault { throw fault }
        return results
    }

    /// Reads on to the mark after an error at the commit.
    private func skipToMark(after fault: WireFault?) throws(WireFault) {
        // An answer, its end, the mark: more than a few steps mean that the connection is out of step.
        for _ in 0..<4 {
            guard let answer = PQgetResult(handle) else {
                if PQstatus(handle) != CONNECTION_OK { throw lost(after: fault) }
                continue
            }
            defer { PQclear(answer) }
            if PQresultStatus(answer) == PGRES_PIPELINE_SYNC { return }
        }
        throw lost(after: fault)
    }

    private static func fault(of answer: OpaquePointer) -> WireFault {
        let stateField = Int32(UInt8(ascii: "C"))  // PG_DIAG_SQLSTATE
        let state = PQresultErrorField(answer, stateField).map { String(cString: $0) } ?? ""
        let message = PQresultErrorMessage(answer).map { String(cString: $0) } ?? ""
        // Without a state the error is libpq's own: the connection broke.
        return state.isEmpty
            ? .connectionLost(message, nothingDone: false) : WireFault(sqlState: state, message: message)
    }

    /// The connection is of no more use; `fault` is what the server said before.
    private func lost(after fault: WireFault? = nil) -> WireFault {
        if let fault, case .connectionLost = fault { return fault }
        return .connectionLost(String(cString: PQerrorMessage(handle)), nothingDone: false)
    }
}

// MARK: - Notifications and life signs

extension PostgresConnection {
    private static let listenStatements = [
        Channel.jobs: Statement("wire.listenForJobs", "LISTEN \(Channel.jobs)"),
        Channel.jobEnded: Statement("wire.listenForEnds", "LISTEN \(Channel.jobEnded)"),
    ]

    /// The socket, to wait on.
    var fileDescriptor: Int32 { PQsocket(handle) }

    /// Whether the connection already hears of a channel.
    func isListening(to channel: String) -> Bool { channels.contains(channel) }

    /// Hears of a channel from now on.
    func listen(to channel: String) throws(WireFault) {
        guard let statement = Self.listenStatements[channel] else { preconditionFailure("unknown channel \(channel)") }
        _ = try run([statement()], tenant: nil)
        channels.insert(channel)
    }

    /// The payloads of what has arrived on a channel, without waiting; throws when the connection is gone.
    func takeNotifications(of channel: String) throws(WireFault) -> [String] {
        guard isAlive() else { throw lost() }
        var payloads: [String] = []
        while let notification = PQnotifies(handle) {
            if String(cString: notification.pointee.relname) == channel {
                payloads.append(String(cString: notification.pointee.extra))
            }
            PQfreemem(notification)
        }
        return payloads
    }

    /// Takes in what has arrived, and tells whether the server is still there.
    ///
    /// Costs one system call when idle.
    func isAlive() -> Bool {
        // A server that left has said so and closed: its words come first, the end of the stream after them.
        for _ in 0..<8 {
            var descriptor = pollfd(fd: PQsocket(handle), events: Int16(POLLIN), revents: 0)
            if poll(&descriptor, 1, 0) <= 0 { break }
            guard PQconsumeInput(handle) == 1 else { return false }
        }
        return PQstatus(handle) == CONNECTION_OK
    }

    /// Waits until something arrives, at most so long.
    func waitForInput(milliseconds: Int32) {
        var descriptor = pollfd(fd: PQsocket(handle), events: Int16(POLLIN), revents: 0)
        _ = poll(&descriptor, 1, milliseconds)
    }
}

/// The channels of notifications.
enum Channel {
    /// A job may be claimable; no payload.
    static let jobs = "portfolio_jobs"
    /// A job ended; the payload is its id.
    static let jobEnded = "portfolio_job_ended"
}
