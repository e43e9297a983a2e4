/// A request's way through the loop: bytes, parameters, body, handler.
extension EventLoop {
    /// Takes in bytes of a connection: they may end a request, and begin the next.
    func take(_ bytes: UnsafeRawBufferPointer, on connection: Connection) {
        var offset = 0
        while offset < bytes.count {
            if case .idle = connection.stage {
                connection.stage = .reading
                connection.since = .now()
                timedTokens.insert(connection.token)
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
                return connection.head == nil ? abandon(connection) : refuse(connection, .brokenConnection)
            case .aborted:
                return abandon(connection)
            case .complete:
                serve(connection)
                guard connections[connection.token] != nil else { return }
                // What follows a request without an answer would be a second one beside it: multiplexing.
                if !connection.isIdle, offset < bytes.count { return abandon(connection) }
            }
        }
    }

    /// Reads the parameters, once they are complete.
    private func open(
        _ connection: Connection,
        _ opening: RequestReader.RequestOpening,
        _ contents: [UInt8]
    ) -> Bool {
        guard let parameters = RequestParameters(opening: opening, contents: contents, through: parameterPipe) else {
            return false
        }
        let head = RequestHead(reading: parameters)
        connection.reader.expectBody(announced: head.announcedBodyBytes, limit: configuration.bodyLimitBytes)
        connection.opening = opening
        connection.head = head
        return true
    }

    /// The request is complete: answers it, parks it, or has it wait for the end of the turn.
    private func serve(_ connection: Connection) {
        timedTokens.remove(connection.token)
        lastServed = .now()
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
        carryOut(handler.handle(request), on: connection)
    }

    /// Does what the handler made of a request.
    private func carryOut(_ outcome: FunctionOutcome, on connection: Connection) {
        switch outcome {
        case .answer(let response):
            answer(connection, response)
        case .gather(let finish):
            connection.stage = .gathered
            gathered.append((connection.token, finish))
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

    /// All requests that were there have been heard: finishes those that share a round trip.
    func finishGathered() {
        while !gathered.isEmpty {
            let turn = gathered
            gathered.removeAll(keepingCapacity: true)
            for (token, finish) in turn {
                let outcome = finish()
                // The client may have gone meanwhile.
                guard let connection = connections[token], case .gathered = connection.stage else { continue }
                carryOut(outcome, on: connection)
            }
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

    /// When a request must have begun or come in, or its answer gone out.
    func deadline(of connection: Connection) -> MonotonicTime {
        let seconds = connection.isIdle ? Self.newConnectionSeconds : configuration.receiveTimeoutSeconds
        let deadline = connection.answerDeadline ?? connection.since.adding(seconds: seconds)
        return min(deadline, drainDeadline ?? deadline)
    }

    /// Ends the requests that did not come in in time, and the answers that were not taken in time.
    func endSlow(now: MonotonicTime) {
        for token in timedTokens {
            guard let connection = connections[token], deadline(of: connection) <= now else { continue }
            if case .answering(let answering) = connection.stage {
                end(connection, answering, isTaken: false)
            } else if connection.head == nil {
                abandon(connection)
            } else {
                refuse(connection, .tooSlow)
            }
        }
    }
}
