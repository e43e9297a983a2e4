/// A request's way through the loop: bytes, parameters, body, handler, answer.
extension EventLoop {
    /// Takes in bytes of a connection: they may end a request, and begin the next.
    func take(_ bytes: UnsafeRawBufferPointer, on connection: Connection) {
        var offset = 0
        while offset < bytes.count {
            if case .idle = connection.stage {
                connection.stage = .reading
                connection.since = .now()
                readingTokens.insert(connection.token)
            }
            switch connection.reader.consume(bytes, from: &offset) {
            case .needsMore:
                break
            case .head(let opening, let parameters):
                guard open(connection, opening, parameters) else { return abandon(connection) }
            case .headTooLarge(let opening):
                // libfcgi takes a request without parameters, so that there is something to answer.
                guard open(connection, opening, []) else { return abandon(connection) }
                return refuse(connection, .headTooLarge(limit: RequestReader.maximumParameterBytes))
            case .malformed:
                return connection.exchange == nil ? abandon(connection) : refuse(connection, .brokenConnection)
            case .aborted:
                return abandon(connection)
            case .complete:
                serve(connection)
                guard connections[connection.token] != nil else { return }
                // What follows a parked request at once would be a second one beside it: multiplexing.
                if case .parked = connection.stage, offset < bytes.count { return abandon(connection) }
            }
        }
    }

    /// Reads the parameters, once they are complete.
    private func open(
        _ connection: Connection,
        _ opening: RequestReader.RequestOpening,
        _ parameters: [UInt8]
    ) -> Bool {
        guard
            let exchange = FastCGIExchange(
                opening: opening,
                parameters: parameters,
                connection: connection.descriptor,
                through: parameterPipe
            )
        else { return false }
        let head = RequestHead(parameters: exchange.parameters)
        connection.reader.expectBody(announced: head.announcedBodyBytes, limit: configuration.bodyLimitBytes)
        connection.exchange = exchange
        connection.head = head
        return true
    }

    /// The request is complete: answers or parks it.
    private func serve(_ connection: Connection) {
        readingTokens.remove(connection.token)
        guard let head = connection.head else { return abandon(connection) }
        let received = connection.reader.receivedBodyBytes
        // The length is checked before the limit: a lie about it is worth more to whoever looks for the fault.
        if let problem = head.problem { return answer(connection, problem) }
        if received != head.announcedBodyBytes {
            return answer(connection, .bodyLength(announced: head.announcedBodyBytes, received: received))
        }
        if received > configuration.bodyLimitBytes {
            return answer(connection, .bodyTooLarge(limit: configuration.bodyLimitBytes))
        }
        var request = head.request
        request.body = connection.reader.takeBody()
        switch handler.handle(request) {
        case .answer(let response):
            answer(connection, response)
        case .park(let waiting):
            let isParked = parked.park(
                connection.token.value,
                key: waiting.key,
                waitSeconds: waiting.waitSeconds,
                now: .now()
            )
            guard isParked else { return answer(connection, .tooManyWaiting) }
            connection.stage = .parked(waiting)
        }
    }

    /// Carries out what the table of parked requests says.
    func perform(_ actions: [ParkedRequestTable.Action]) {
        for action in actions {
            switch action {
            case .recheck(let id):
                guard let (connection, waiting) = parkedRequest(id), let response = waiting.recheck() else { continue }
                answer(connection, response)
            case .expire(let id):
                guard let (connection, waiting) = parkedRequest(id) else { continue }
                answer(connection, waiting.expire())
            }
        }
    }

    private func parkedRequest(_ id: ParkedRequestTable.ID) -> (Connection, ParkedRequest)? {
        guard let connection = connections[Poller.Token(value: id)], case .parked(let waiting) = connection.stage else {
            parked.remove(id)
            return nil
        }
        return (connection, waiting)
    }

    /// When a request that comes in must be complete.
    func readingDeadline(of connection: Connection) -> MonotonicTime {
        let deadline = connection.since.adding(seconds: configuration.receiveTimeoutSeconds)
        return min(deadline, drainDeadline ?? deadline)
    }

    /// Ends the requests that did not come in in time.
    func endSlowRequests(now: MonotonicTime) {
        for token in readingTokens {
            guard let connection = connections[token], readingDeadline(of: connection) <= now else { continue }
            if connection.exchange == nil { abandon(connection) } else { refuse(connection, .tooSlow) }
        }
    }

    // MARK: Answers

    private func answer(_ connection: Connection, _ problem: RuntimeProblem) {
        let requestID = connection.head?.request.requestID ?? ""
        answer(connection, problem.response(requestID: requestID))
    }

    /// Answers in the middle of a request; what still comes of it is not read, so the connection ends.
    private func refuse(_ connection: Connection, _ problem: RuntimeProblem) {
        let requestID = connection.head?.request.requestID ?? ""
        answer(connection, problem.response(requestID: requestID), closing: true)
    }

    private func answer(_ connection: Connection, _ given: FunctionResponse, closing: Bool = false) {
        guard let exchange = connection.exchange, let request = connection.head?.request else {
            return abandon(connection)
        }
        parked.remove(connection.token.value)
        var response = given
        if !(200...599).contains(response.status) {
            log.error("handler gave no status", requestID: request.requestID, [("status", .integer(response.status))])
            response = RuntimeProblem.internalFault.response(requestID: request.requestID)
        }
        let sent = ResponseWriter.send(
            response,
            to: exchange,
            method: request.method,
            requestID: request.requestID,
            deadline: MonotonicTime.now().adding(seconds: configuration.sendTimeoutSeconds)
        )
        let isSent = exchange.finish()
        for name in sent.refusedHeaders {
            log.error("refused a response header", requestID: request.requestID, [("header", .text(name))])
        }
        logRequest(
            connection,
            status: response.status,
            bodyBytes: sent.bodyBytes,
            outcome: isSent ? nil : "answer not taken"
        )
        if isSent, exchange.keepsConnection, !closing, drainDeadline == nil {
            readingTokens.remove(connection.token)
            connection.becomeIdle(now: .now())
        } else {
            drop(connection)
        }
    }

    /// The client has gone, or what it sends makes no sense: closes without an answer.
    func abandon(_ connection: Connection) {
        if connection.head != nil {
            // The status nginx logs for a client that did not wait.
            logRequest(connection, status: 499, bodyBytes: 0, outcome: "client gone")
        } else if !connection.isIdle {
            log.warning("connection closed in the middle of a request's parameters")
        }
        drop(connection)
    }

    /// The one line each request gets. Without its query, which may hold what is nobody's business.
    private func logRequest(_ connection: Connection, status: Int, bodyBytes: Int, outcome: String?) {
        guard let request = connection.head?.request, log.minimumLevel <= .info else { return }
        let microseconds = (MonotonicTime.now().seconds(since: connection.since) * 1_000_000).rounded()
        var fields: [(name: String, value: LogValue)] = [
            ("method", .text(request.method)), ("path", .text(request.path)), ("status", .integer(status)),
            ("ms", .number(microseconds / 1000)), ("bytes", .integer(bodyBytes)),
        ]
        if let outcome { fields.append(("outcome", .text(outcome))) }
        log.info("request", requestID: request.requestID, fields)
    }
}
