import CFastCGI
import Glibc

/// An answer on its way to the web server: the records of FastCGI 1.0, section 3.3, sent as far as the socket takes them.
///
/// Neither copies the body nor waits: a client that takes its answer slowly costs the process a few hundred bytes. An
/// answer whose body fits a record, as most do, is one system call.
struct OutgoingAnswer {
    /// What a call of ``send(to:)`` came to.
    enum Progress: Equatable {
        case done
        /// The socket takes no more for now.
        case waiting
        /// The client is gone.
        case failed
    }

    /// The most content that a record is given: below the 65,535 of the format, and a multiple of 8.
    static let maximumContentBytes = 65_528

    private enum RecordType {
        static let output: UInt8 = 6
        static let end: UInt8 = 3
    }

    /// How many bytes the body has.
    let bodyBytes: Int
    private let number: UInt16
    private let body: FunctionResponse.Body
    /// What of the header did not go into a record yet.
    private var header: ArraySlice<UInt8>
    /// How many bytes of the body went into records.
    private var framedBodyBytes = 0
    /// The record being sent: what goes before its part of the body, and what goes after it.
    private var before: [UInt8]
    private var part = 0..<0
    private var after: [UInt8] = []
    /// How many bytes of the record were sent.
    private var sent = 0
    private var isLastRecord = false

    /// Frames an answer.
    ///
    /// - Parameters:
    ///   - header: status line and headers in CGI's form, with the empty line that ends them.
    ///   - body: the body; `.empty` for an answer without.
    ///   - number: the request's number on its connection.
    init(header: [UInt8], body: FunctionResponse.Body, number: UInt16) {
        self.body = body
        self.number = number
        self.header = header[...]
        bodyBytes = body.count
        before = []
        frameRecord()
    }

    /// Sends what the socket takes.
    mutating func send(to socket: Int32) -> Progress {
        while true {
            switch sendRecord(to: socket) {
            case .done:
                if isLastRecord { return .done }
                frameRecord()
            case .waiting: return .waiting
            case .failed: return .failed
            }
        }
    }

    /// Makes the next record: the rest of the header, if any, and as much of the body as fits.
    private mutating func frameRecord() {
        let headerPart = header.prefix(Self.maximumContentBytes)
        header = header.dropFirst(headerPart.count)
        let end = min(bodyBytes, framedBodyBytes + Self.maximumContentBytes - headerPart.count)
        part = framedBodyBytes..<end
        framedBodyBytes = end
        sent = 0
        before.removeAll(keepingCapacity: true)
        before.reserveCapacity(8 + headerPart.count)
        let length = headerPart.count + part.count
        appendRecordHeader(to: &before, RecordType.output, length: length)
        before.append(contentsOf: headerPart)
        isLastRecord = header.isEmpty && end == bodyBytes
        if isLastRecord {
            // The end of the output, then the end of the request: status 0, complete.
            appendRecordHeader(to: &after, RecordType.output, length: 0)
            appendRecordHeader(to: &after, RecordType.end, length: 8)
            after.append(contentsOf: repeatElement(0, count: 8))
        }
    }

    private func appendRecordHeader(to bytes: inout [UInt8], _ type: UInt8, length: Int) {
        bytes.append(1)
        bytes.append(type)
        bytes.append(UInt8(number >> 8))
        bytes.append(UInt8(number & 0xFF))
        bytes.append(UInt8(length >> 8))
        bytes.append(UInt8(length & 0xFF))
        bytes.append(0)
        bytes.append(0)
    }

    private mutating func sendRecord(to socket: Int32) -> Progress {
        let total = before.count + part.count + after.count
        while sent < total {
            let count = sendOnce(to: socket)
            if count >= 0 {
                sent += count
            } else if errno != EINTR {
                return errno == EAGAIN || errno == ENOBUFS ? .waiting : .failed
            }
        }
        return .done
    }

    /// One system call for what of the record is left; how many bytes it took, or -1.
    private func sendOnce(to socket: Int32) -> Int {
        body.withBytes { bytes in
            before.withUnsafeBytes { before in
                after.withUnsafeBytes { after in
                    let part = bytes.baseAddress.map { $0 + self.part.lowerBound }
                    return cfastcgi_send(
                        socket,
                        before.baseAddress,
                        before.count,
                        part,
                        self.part.count,
                        after.baseAddress,
                        after.count,
                        sent
                    )
                }
            }
        }
    }
}

extension FunctionResponse.Body {
    /// How many bytes there are.
    var count: Int {
        switch self {
        case .empty: 0
        case .bytes(let bytes): bytes.count
        case .borrowed(let bytes, _): bytes.count
        }
    }

    /// Lends the bytes for a call.
    func withBytes<Result>(_ use: (UnsafeRawBufferPointer) -> Result) -> Result {
        switch self {
        case .empty: use(UnsafeRawBufferPointer(start: nil, count: 0))
        case .bytes(let bytes): bytes.withUnsafeBytes(use)
        case .borrowed(let bytes, let owner): withExtendedLifetime(owner) { use(bytes) }
        }
    }
}
