import Glibc

/// The one connection of a process's thread: made when first needed, made anew when lost.
///
/// What may be repeated without harm is repeated once on a fresh connection; everything else is tried once, on a
/// connection that gave a sign of life just before. While the server is away, attempts to connect keep a distance, so
/// that a busy process does not spend its time on them.
final class PostgresSession {
    private let url: String
    private let applicationName: String
    private var current: PostgresConnection?
    private var pause = ReconnectPause()

    init(url: String, applicationName: String) {
        self.url = url
        self.applicationName = applicationName
    }

    /// Whether statements may be sent again when it is unknown if they were carried out.
    enum Repetition {
        /// They only read, or doing them twice is doing them once.
        case harmless
        /// Twice is not once.
        case harmful
    }

    /// Runs statements as one transaction in one round trip; see ``PostgresConnection/run(_:tenant:afterwards:)``.
    func run(
        _ calls: [StatementCall],
        tenant: String? = nil,
        repetition: Repetition,
        afterwards: [StatementCall] = []
    ) throws(RepositoryError) -> [StatementResult] {
        do {
            // A read finds out by failing, and is repeated; what must not be repeated looks first.
            if repetition == .harmful, let current, !current.isAlive() { self.current = nil }
            return try runOnce(calls, tenant: tenant, afterwards: afterwards)
        } catch {
            guard case .connectionLost(_, let nothingDone) = error, repetition == .harmless || nothingDone, pause.isOver
            else { throw error.repositoryError }
        }
        do {
            return try runOnce(calls, tenant: tenant, afterwards: afterwards)
        } catch {
            throw error.repositoryError
        }
    }

    /// Runs reads for any number of tenants in one round trip; see ``PostgresConnection/run(_:)``.
    func run(_ reads: [PostgresConnection.Read]) throws(RepositoryError) -> [StatementResult] {
        do {
            return try runOnce(reads)
        } catch {
            guard case .connectionLost = error, pause.isOver else { throw error.repositoryError }
        }
        do {
            return try runOnce(reads)
        } catch {
            throw error.repositoryError
        }
    }

    private func runOnce(_ reads: [PostgresConnection.Read]) throws(WireFault) -> [StatementResult] {
        do {
            return try connected().run(reads)
        } catch {
            if case .connectionLost = error { current = nil }
            throw error
        }
    }

    private func runOnce(
        _ calls: [StatementCall],
        tenant: String?,
        afterwards: [StatementCall]
    ) throws(WireFault) -> [StatementResult] {
        do {
            return try connected().run(calls, tenant: tenant, afterwards: afterwards)
        } catch {
            if case .connectionLost = error { current = nil }
            throw error
        }
    }

    /// The connection, made if there is none.
    func connected() throws(WireFault) -> PostgresConnection {
        if let current { return current }
        guard pause.isOver else { throw .connectionLost(pause.reason, nothingDone: true) }
        do {
            let connection = try PostgresConnection(url: url, applicationName: applicationName)
            current = connection
            return connection
        } catch {
            pause.begin(because: error.repositoryError)
            throw error
        }
    }

    /// Forgets the notifications that have arrived on a channel: what they tell is about to be looked for anyway.
    func discardNotifications(of channel: String) {
        guard let current, current.isListening(to: channel) else { return }
        // A dead connection is found out by the statements that follow.
        _ = try? current.takeNotifications(of: channel)
    }

    /// Lets go of a connection found dead.
    func drop() { current = nil }
}

/// The distance between attempts to connect: after a failure none is made for a moment, and the failure is told again.
struct ReconnectPause {
    private var end: ContinuousClock.Instant?
    private(set) var reason = ""

    /// Long enough that attempts cost little, short against the five seconds in which service must be back.
    static let length = Duration.milliseconds(200)

    var isOver: Bool {
        guard let end else { return true }
        return ContinuousClock.now >= end
    }

    mutating func begin(because error: RepositoryError) {
        end = ContinuousClock.now + Self.length
        if case .unavailable(let underlying) = error { reason = underlying }
    }
}
