import Glibc

/// A connection from the web server, and the request on it.
final class Connection {
    /// What happens on a connection.
    enum Stage {
        /// Kept alive, or new: no byte of a request is there.
        case idle
        /// A request is coming in.
        case reading
        /// The request waits for what its handler asks for together with the others of this turn.
        case gathered
        /// The request is complete and waits for something outside.
        case parked(ParkedRequest)
        /// The answer goes out as fast as the client takes it.
        case answering(Answering)
    }

    /// An answer that the socket did not take at once.
    struct Answering {
        var answer: OutgoingAnswer
        var status: Int
        /// Whether the connection ends with this answer, whatever the web server wants.
        var isLast: Bool
    }

    /// The socket, told from an earlier one of the same number.
    let token: Poller.Token
    var stage = Stage.idle
    var reader = RequestReader()
    /// What the request's opening record says; there once its parameters are complete.
    var opening: RequestReader.RequestOpening?
    /// What the parameters say; there together with the opening.
    var head: RequestHead?
    /// When the request's first byte came, or the last answer ended.
    var since: MonotonicTime
    /// Whether no request has been answered on it yet.
    private(set) var isNew = true
    /// When the answer must have gone out; there while it goes.
    var answerDeadline: MonotonicTime?

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
        isNew = false
        reader = RequestReader()
        opening = nil
        head = nil
        answerDeadline = nil
        since = now
    }
}
