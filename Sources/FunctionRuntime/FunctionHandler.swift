/// What a function does with its requests; called on one thread, one request at a time.
public protocol FunctionHandler: AnyObject {
    /// Answers a request at once, or parks it until something outside has happened.
    func handle(_ request: FunctionRequest) -> FunctionOutcome

    /// What may wake parked requests; asked anew in every turn of the loop, since a connection may be replaced.
    var wakeSource: (any WakeSource)? { get }
}

extension FunctionHandler {
    /// Nothing: for handlers that park no request, or are content with the recheck once a second.
    public var wakeSource: (any WakeSource)? { nil }
}

/// What a handler made of a request.
public enum FunctionOutcome {
    /// The answer.
    case answer(FunctionResponse)
    /// Not before the loop has heard every request that is there: what all of them need is then asked for in one round
    /// trip, by whichever of these closures is called first. Each is called once, in the order of the requests.
    case gather(() -> FunctionOutcome)
    /// Not yet: the request stays open and costs no process.
    case park(ParkedRequest)
}

/// A request that waits for something outside: it is asked again when its key is woken, and once a second.
public struct ParkedRequest {
    /// What a ``WakeSource`` calls this request by: a job's id.
    public var key: String
    /// How long it may wait, in seconds.
    public var waitSeconds: Double
    /// Asks whether there is an answer by now.
    public var recheck: () -> FunctionResponse?
    /// Makes the answer when the time is up.
    public var expire: () -> FunctionResponse

    /// Makes a waiting request.
    public init(
        key: String,
        waitSeconds: Double,
        recheck: @escaping () -> FunctionResponse?,
        expire: @escaping () -> FunctionResponse
    ) {
        self.key = key
        self.waitSeconds = waitSeconds
        self.recheck = recheck
        self.expire = expire
    }
}

/// A file descriptor that turns readable when parked requests may have an answer: a LISTEN connection.
public protocol WakeSource: AnyObject {
    /// The descriptor to watch, or nil while there is none (the one-second recheck goes on alone).
    var fileDescriptor: Int32? { get }

    /// Takes in what has arrived and names the keys to wake; nil wakes all (a lost connection was replaced).
    func takeWokenKeys() -> [String]?
}
