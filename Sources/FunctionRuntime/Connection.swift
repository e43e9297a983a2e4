import Glibc

/// A connection from the web server, and the request on it.
final class Connection {
    /// What happens on a connection.
    enum Stage {
        /// Kept alive, or new: no byte of a request is there.
        case idle
        /// A request is coming in.
        case reading
        /// The request is complete and waits for something outside.
        case parked(ParkedRequest)
    }

    /// The socket, told from an earlier one of the same number.
    let token: Poller.Token
    var stage = Stage.idle
    var reader = RequestReader()
    /// The request and its answer at libfcgi; there once the parameters are complete.
    var exchange: FastCGIExchange?
    /// What the parameters say; there together with the exchange.
    var head: RequestHead?
    /// When the request's first byte came, or the last answer ended.
    var since: MonotonicTime

    var descriptor: Int32 { token.descriptor }

    var isIdle: Bool { if case .idle = stage { true } else { false } }

    init(token: Poller.Token, now: MonotonicTime) {
        self.token = token
        since = now
    }

    deinit { close(descriptor) }

    /// Makes ready for the next request.
    func becomeIdle(now: MonotonicTime) {
        stage = .idle
        reader = RequestReader()
        exchange = nil
        head = nil
        since = now
    }
}
