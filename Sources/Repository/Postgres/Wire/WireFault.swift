/// Why statements gave no answer, as the connection sees it.
enum WireFault: Error {
    /// The connection could not be had or is gone. Unless it is known that nothing was done, the statements may have been
    /// carried out.
    case connectionLost(String, nothingDone: Bool)
    /// The server gave up for now: a time limit, a lock, a full disk. Nothing was carried out; the connection is good.
    case gaveUp(String)
    /// The server refused a statement. Nothing was carried out; the connection is good.
    case refused(sqlState: String, message: String)

    /// Sorts an error by its SQLSTATE, when the server sent it in place of a statement's answer.
    ///
    /// Answers come in order and the commit after the last of them: an error in place of one means that nothing of the
    /// transaction was kept.
    init(sqlState: String, message: String) {
        switch sqlState {
        // Shutdown, crash and start of the server; 25006 is a standby, which becomes writable or goes away.
        case "57P01", "57P02", "57P03", "57P05", "25006", "25P03":
            self = .connectionLost("\(sqlState) \(message)", nothingDone: true)
        case _ where sqlState.hasPrefix("08"):
            self = .connectionLost("\(sqlState) \(message)", nothingDone: true)
        // Time limits of statements and locks, deadlock and serialization: the same statements may succeed later.
        case "57014", "55P03", "40P01", "40001": self = .gaveUp("\(sqlState) \(message)")
        // Out of disk, memory or connections.
        case _ where sqlState.hasPrefix("53"): self = .gaveUp("\(sqlState) \(message)")
        default: self = .refused(sqlState: sqlState, message: message)
        }
    }

    /// The same, as callers of the repositories see it.
    var repositoryError: RepositoryError {
        switch self {
        case .connectionLost(let message, _), .gaveUp(let message): .unavailable(underlying: message)
        case .refused(let sqlState, let message): .refused(sqlState: sqlState, message: message)
        }
    }
}
