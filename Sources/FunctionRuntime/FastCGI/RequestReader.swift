/// Reads the FastCGI records of one request as they come in, and lets only sound ones through to libfcgi.
///
/// libfcgi reads with blocking calls: a client that stalls in the middle of a record, or sends a byte now and then,
/// would hold the whole process. It also adds the lengths of names and values in 32 bits, which lengths of bad will
/// overflow. So this state machine (bytes in, events out, no socket) takes the bytes that are there, checks each
/// record's form, hands over the parameters once they are complete, and keeps the body.
///
/// Multiplexing is refused: nginx has none, and FastCGI 1.0 leaves it to the application. Records are as in FastCGI
/// 1.0, section 3.3.
package struct RequestReader {
    /// What the bytes taken in so far amount to.
    package enum Event: Equatable {
        /// All bytes are taken; more have to come.
        case needsMore
        /// The parameters are complete: their contents, in the form name-value pairs have in records.
        case head(RequestOpening, parameters: [UInt8])
        /// The parameters are longer than ``maximumParameterBytes``. Nothing more can be read.
        case headTooLarge(RequestOpening)
        /// The body has ended.
        case complete
        /// The web server gave up the request.
        case aborted
        /// The records make no sense. Nothing more can be read.
        case malformed
    }

    /// What an opening record says.
    package struct RequestOpening: Equatable {
        /// The request's number on its connection.
        package var number: UInt16
        /// Whether the connection stays open after the answer.
        package var keepsConnection: Bool
    }

    /// The most that parameters may take, in bytes: more than nginx's own limit for headers (32 KiB), and with the
    /// records around it less than a pipe holds (64 KiB).
    package static let maximumParameterBytes = 60 * 1024

    private enum RecordType {
        package static let begin: UInt8 = 1
        package static let abort: UInt8 = 2
        package static let parameters: UInt8 = 4
        package static let input: UInt8 = 5
    }

    private enum Stage { case begin, parameters, body }

    private static let headerLength = 8
    private static let responderRole = 1
    private static let keepConnectionFlag: UInt8 = 1

    private var stage = Stage.begin
    private var opening: RequestOpening?
    /// The bytes of the record header, as far as they are there.
    private var header: [UInt8] = []
    private var contentLeft = 0
    private var paddingLeft = 0
    /// The content of the opening record, then of the parameter records.
    private var headContent: [UInt8] = []
    private var bodyLimit = 0

    /// The body as far as it is there; emptied once it is over the limit.
    private(set) var body: [UInt8] = []
    /// How many bytes of body came, those not kept included.
    private(set) var receivedBodyBytes = 0

    /// Whether nothing of a request has come in.
    package var isIdle: Bool { stage == .begin && header.isEmpty }

    /// Prepares for a body: beyond the limit it is still read, but not kept.
    package mutating func expectBody(announced: Int, limit: Int) {
        bodyLimit = limit
        if announced <= limit { body.reserveCapacity(announced) }
    }

    /// Takes the body out.
    package mutating func takeBody() -> [UInt8] {
        defer { body = [] }
        return body
    }

    /// Takes in bytes from `offset` on, up to the next event, and moves `offset` past them.
    package mutating func consume(_ bytes: UnsafeRawBufferPointer, from offset: inout Int) -> Event {
        while offset < bytes.count {
            if header.count < Self.headerLength {
                header.append(bytes[offset])
                offset += 1
                if header.count == Self.headerLength, let event = headerEvent() { return event }
            } else if contentLeft > 0 {
                let count = min(contentLeft, bytes.count - offset)
                keep(UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count]))
                contentLeft -= count
                offset += count
            } else {
                let count = min(paddingLeft, bytes.count - offset)
                paddingLeft -= count
                offset += count
            }
            if header.count == Self.headerLength, contentLeft == 0, paddingLeft == 0, let event = recordEvent() {
                return event
            }
        }
        return .needsMore
    }

    /// A record's header is complete: checks it against what may come now.
    private mutating func headerEvent() -> Event? {
        let type = header[1]
        let number = UInt16(header[2]) << 8 | UInt16(header[3])
        contentLeft = Int(header[4]) << 8 | Int(header[5])
        paddingLeft = Int(header[6])
        guard header[0] == 1, number != 0 else { return .malformed }
        if let opening {
            guard number == opening.number else { return .malformed }
            if type == RecordType.abort { return .aborted }
        }
        switch stage {
        case .begin:
            guard type == RecordType.begin, contentLeft == 8 else { return .malformed }
        case .parameters:
            guard type == RecordType.parameters else { return .malformed }
            if let opening, headContent.count + contentLeft > Self.maximumParameterBytes {
                return .headTooLarge(opening)
            }
        case .body:
            guard type == RecordType.input else { return .malformed }
        }
        return nil
    }

    private mutating func keep(_ content: UnsafeRawBufferPointer) {
        guard stage == .body else {
            headContent.append(contentsOf: content)
            return
        }
        receivedBodyBytes += content.count
        if receivedBodyBytes <= bodyLimit { body.append(contentsOf: content) } else { body = [] }
    }

    /// A record is complete, padding and all.
    private mutating func recordEvent() -> Event? {
        let number = UInt16(header[2]) << 8 | UInt16(header[3])
        let isEndOfStream = header[4] == 0 && header[5] == 0
        header.removeAll(keepingCapacity: true)
        switch stage {
        case .begin:
            guard Int(headContent[0]) << 8 | Int(headContent[1]) == Self.responderRole else { return .malformed }
            opening = RequestOpening(number: number, keepsConnection: headContent[2] & Self.keepConnectionFlag != 0)
            headContent = []
            stage = .parameters
        case .parameters:
            guard isEndOfStream, let opening else { return nil }
            guard Self.areSoundPairs(headContent) else { return .malformed }
            stage = .body
            defer { headContent = [] }
            return .head(opening, parameters: headContent)
        case .body:
            return isEndOfStream ? .complete : nil
        }
        return nil
    }

    /// Whether name-value pairs fill the content exactly, with no NUL in them, which a C string would end at.
    package static func areSoundPairs(_ content: [UInt8]) -> Bool {
        var rest = content[...]
        /// One byte below 128, or four whose first bit is set.
        func takeLength() -> Int? {
            guard let first = rest.popFirst() else { return nil }
            guard first & 0x80 != 0 else { return Int(first) }
            guard rest.count >= 3 else { return nil }
            defer { rest = rest.dropFirst(3) }
            return rest.prefix(3).reduce(Int(first & 0x7F)) { $0 << 8 | Int($1) }
        }
        while !rest.isEmpty {
            guard let name = takeLength(), let value = takeLength(), name > 0, name + value <= rest.count,
                !rest.prefix(name + value).contains(0)
            else { return false }
            rest = rest.dropFirst(name + value)
        }
        return true
    }
}
