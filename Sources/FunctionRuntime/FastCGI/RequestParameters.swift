import CFastCGI
import Glibc

/// The parameters of one request as libfcgi reads them: its `NAME=value` strings, as long as this lives.
///
/// libfcgi's own accept loop lets an idle kept-alive connection, or a stalled client, hold a process, and its writer
/// blocks while a client does not read. So it gets the parameters of a request through a pipe, when ``RequestReader``
/// has them complete, and never waits; the answer's records are written by ``OutgoingAnswer``. This is the only place
/// that touches the fields libfcgi calls private: it is told `detached`, since it would else linger up to two seconds
/// when it closes, and it never sees the connection, which belongs to the event loop.
final class RequestParameters: Sequence {
    typealias Element = (name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer)

    private let request: UnsafeMutablePointer<FCGX_Request>

    /// Reads a request's parameters; nil if libfcgi refuses them.
    ///
    /// - Parameters:
    ///   - opening: what its opening record says.
    ///   - contents: the contents of its parameter records.
    ///   - pipe: through which libfcgi gets the parameters.
    init?(opening: RequestReader.RequestOpening, contents: [UInt8], through pipe: ParameterPipe) {
        guard let readEnd = pipe.fill(Self.records(opening: opening, contents: contents)) else { return nil }
        request = .allocate(capacity: 1)
        FCGX_InitRequest(request, -1, FCGI_FAIL_ACCEPT_ON_INTR)
        request.pointee.ipcFd = readEnd
        request.pointee.keepConnection = 1
        request.pointee.detached = 1
        guard FCGX_Accept_r(request) == 0 else {
            // libfcgi has closed the pipe.
            pipe.forget()
            request.deallocate()
            return nil
        }
    }

    deinit {
        // Without a descriptor, so that libfcgi frees its memory and closes nothing.
        request.pointee.ipcFd = -1
        FCGX_Free(request, 0)
        request.deallocate()
    }

    /// Goes through the parameters in order; their bytes are there as long as this object lives.
    func makeIterator() -> Iterator { Iterator(entry: request.pointee.envp) }

    /// Splits each string at its first equals sign.
    struct Iterator: IteratorProtocol {
        fileprivate var entry: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?

        mutating func next() -> Element? {
            guard let current = entry, let text = current.pointee else { return nil }
            entry = current + 1
            let length = strlen(text)
            let nameLength = strchr(text, Int32(UInt8(ascii: "="))).map { $0 - text } ?? length
            let valueStart = Swift.min(nameLength + 1, length)
            return (
                UnsafeRawBufferPointer(start: text, count: nameLength),
                UnsafeRawBufferPointer(start: text + valueStart, count: length - valueStart)
            )
        }
    }

    /// The records from which libfcgi reads the parameters.
    private static func records(opening: RequestReader.RequestOpening, contents: [UInt8]) -> [UInt8] {
        let number = (high: UInt8(opening.number >> 8), low: UInt8(opening.number & 0xFF))
        var records: [UInt8] = []
        records.reserveCapacity(contents.count + 40)
        records.append(contentsOf: [1, 1, number.high, number.low, 0, 8, 0, 0])
        records.append(contentsOf: [0, 1, opening.keepsConnection ? 1 : 0, 0, 0, 0, 0, 0])
        if !contents.isEmpty {
            // They fit one record: RequestReader.maximumParameterBytes is below 64 KiB.
            let length = (high: UInt8(contents.count >> 8), low: UInt8(contents.count & 0xFF))
            records.append(contentsOf: [1, 4, number.high, number.low, length.high, length.low, 0, 0])
            records.append(contentsOf: contents)
        }
        records.append(contentsOf: [1, 4, number.high, number.low, 0, 0, 0, 0])
        return records
    }
}

/// The pipe through which libfcgi reads parameters that are complete already; empty between requests.
final class ParameterPipe {
    private var ends: (read: Int32, write: Int32)?

    deinit {
        if let ends {
            close(ends.read)
            close(ends.write)
        }
    }

    /// Puts records into the pipe and gives the end to read them from; nil when the system refuses.
    func fill(_ records: [UInt8]) -> Int32? {
        if ends == nil {
            var pair: [Int32] = [-1, -1]
            guard cfastcgi_pipe(&pair) == 0 else { return nil }
            ends = (pair[0], pair[1])
        }
        guard let ends else { return nil }
        let written = records.withUnsafeBytes { Glibc.write(ends.write, $0.baseAddress, $0.count) }
        guard written == records.count else {
            // Part of a request must not come before the next one.
            close(ends.read)
            forget()
            return nil
        }
        return ends.read
    }

    /// Drops the pipe, whose read end is closed already.
    func forget() {
        if let ends { close(ends.write) }
        ends = nil
    }
}

/// Prepares libfcgi; once in a process, before anything else here.
func prepareFastCGI() { FCGX_Init() }
