/// An answer's way out, and the line of the log that tells of it.
extension EventLoop {
    /// Answers with a problem of the runtime's own.
    func answer(_ connection: Connection, _ problem: RuntimeProblem) {
        let requestID = connection.head?.request.requestID ?? ""
        answer(connection, problem.response(requestID: requestID))
    }

    /// Answers in the middle of a request; what still comes of it is not read, so the connection ends.
    func refuse(_ connection: Connection, _ problem: RuntimeProblem) {
        let requestID = connection.head?.request.requestID ?? ""
        answer(connection, problem.response(requestID: requestID), closing: true)
    }

    /// Sends an answer as far as the client takes it at once; the rest goes out as it takes more.
    func answer(_ connection: Connection, _ given: FunctionResponse, closing: Bool = false) {
        guard let opening = connection.opening, let request = connection.head?.request else {
            return abandon(connection)
        }
        parked.remove(connection.token.value)
        var response = given
        if !(200...599).contains(response.status) {
            log.error("handler gave no status", requestID: request.requestID, [("status", .integer(response.status))])
            response = RuntimeProblem.internalFault.response(requestID: request.requestID)
        }
        let (header, refused) = ResponseWriter.header(
            of: response,
            bodyBytes: response.body.count,
            requestID: request.requestID
        )
        for name in refused {
            log.error("refused a response header", requestID: request.requestID, [("header", .text(name))])
        }
        let hasBody = ResponseWriter.hasBody(method: request.method, status: response.status)
        let answering = Connection.Answering(
            answer: OutgoingAnswer(header: header, body: hasBody ? response.body : .empty, number: opening.number),
            status: response.status,
            isLast: closing || !opening.keepsConnection
        )
        timedTokens.remove(connection.token)
        proceed(connection, answering)
    }

    /// Sends what the client takes now of its answer.
    func proceed(_ connection: Connection, _ given: Connection.Answering) {
        var answering = given
        switch answering.answer.send(to: connection.descriptor) {
        case .done: end(connection, answering, isTaken: true)
        case .failed: end(connection, answering, isTaken: false)
        case .waiting:
            connection.stage = .answering(answering)
            guard connection.answerDeadline == nil else { return }
            connection.answerDeadline = MonotonicTime.now().adding(seconds: configuration.sendTimeoutSeconds)
            timedTokens.insert(connection.token)
            poller.watchForRoom(connection.token)
        }
    }

    /// The answer has gone out, or will not.
    func end(_ connection: Connection, _ answering: Connection.Answering, isTaken: Bool) {
        logRequest(
            connection,
            status: answering.status,
            bodyBytes: answering.answer.bodyBytes,
            outcome: isTaken ? nil : "answer not taken"
        )
        guard isTaken, !answering.isLast, drainDeadline == nil else { return drop(connection) }
        if connection.answerDeadline != nil {
            timedTokens.remove(connection.token)
            poller.watchForRoomNoMore(connection.token)
        }
        lastServed = .now()
        connection.becomeIdle(now: lastServed)
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

    /// Writes the one line each request gets; without its query, which may hold what is nobody's business.
    private func logRequest(_ connection: Connection, status: Int, bodyBytes: Int, outcome: String?) {
        guard log.minimumLevel <= .info, let request = connection.head?.request else { return }
        let microseconds = (MonotonicTime.now().seconds(since: connection.since) * 1_000_000).rounded()
        var fields: [(name: String, value: LogValue)] = [
            ("method", .text(request.method)), ("path", .text(request.path)), ("status", .integer(status)),
            ("ms", .number(microseconds / 1000)), ("bytes", .integer(bodyBytes)),
        ]
        if let outcome { fields.append(("outcome", .text(outcome))) }
        log.info("request", requestID: request.requestID, fields)
    }
}
