/// Why statements gave no answer, as the connection sees it.
enum WireFault: Error {
    /// The connection could not be had or is gone; whether the statements were carried out is unknown.
    case connectionLost(String)
    /// The server gave up for now: a time limit, a lock, a full disk. Nothing was carried out; the connection is good.
    case gaveUp(String)
    /// The server refused a statement. Nothing was carried out; the connection is good.
    case refused(sqlState: String, message: String)

    /// Sorts a server's error by its SQLSTATE.
    init(sqlState: String, message: String) {
        switch sqlState {
        // Shutdown, crash and start of the server; 25006 is a standby, which becomes writable or goes away.
        case "57P01", "57P02", "57P03", "57P05", "25006", "25P03": self = .connectionLost("\(sqlState) \(message)")
        case _ where sqlState.hasPrefix("08"): self = .connectionLost("\(sqlState) \(message)")
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
        case .connectionLost(let message), .gaveUp(let message): .unavailable(underlying: message)
        case .refused(let sqlState, let message): .refused(sqlState: sqlState, message: message)
        }
    }
}
