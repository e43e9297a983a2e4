import CFastCGI
import Glibc

/// One request and its answer, as libfcgi sees them; the only place that touches the fields libfcgi calls private.
///
/// libfcgi's own accept loop lets an idle kept-alive connection, or a stalled client, hold a process. Here it gets the
/// parameters of a request through a pipe, when ``RequestReader`` has them complete, so that it never waits; then its
/// `ipcFd` is set to the connection, where it writes the answer. It is told `detached`, since it would else linger up
/// to two seconds when it closes, and it never gets to close the connection, which belongs to the event loop.
package final class FastCGIExchange {
    /// Whether the web server wants the connection kept open after the answer.
    package let keepsConnection: Bool
    private let request: UnsafeMutablePointer<FCGX_Request>
    /// Whether a write failed: the client is gone or takes nothing.
    private(set) var hasFailed = false

    /// Reads a request's parameters; nil if libfcgi refuses them.
    ///
    /// - Parameters:
    ///   - opening: what its opening record says.
    ///   - parameters: the contents of its parameter records.
    ///   - connection: where the answer goes.
    ///   - pipe: through which libfcgi gets the parameters.
    package init?(
        opening: RequestReader.RequestOpening,
        parameters: [UInt8],
        connection: Int32,
        through pipe: ParameterPipe
    ) {
        guard let readEnd = pipe.fill(Self.records(opening: opening, parameters: parameters)) else { return nil }
        request = .allocate(capacity: 1)
        keepsConnection = opening.keepsConnection
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
        request.pointee.ipcFd = connection
    }

    deinit {
        // Without a descriptor, so that libfcgi frees its memory and closes nothing.
        request.pointee.ipcFd = -1
        FCGX_Free(request, 0)
        request.deallocate()
    }

    /// The parameters in order; what is not UTF-8 in them is replaced by U+FFFD.
    package var parameters: [(name: String, value: String)] {
        var pairs: [(name: String, value: String)] = []
        guard var entry = request.pointee.envp else { return pairs }
        while let text = entry.pointee {
            let bytes = UnsafeRawBufferPointer(start: text, count: strlen(text))
            let name = bytes.prefix { $0 != UInt8(ascii: "=") }
            pairs.append(
                (
                    String(decoding: name, as: UTF8.self),
                    String(decoding: bytes.dropFirst(name.count + 1), as: UTF8.self)
                )
            )
            entry += 1
        }
        return pairs
    }

    /// Sends bytes of the answer; after a failure, nothing.
    package func send(_ bytes: UnsafeRawBufferPointer) {
        guard !hasFailed, let start = bytes.baseAddress, let count = Int32(exactly: bytes.count), count > 0 else {
            return
        }
        if FCGX_PutStr(start.assumingMemoryBound(to: CChar.self), count, request.pointee.out) != count {
            hasFailed = true
        }
    }

    /// Gives up the answer: the client takes it too slowly.
    package func fail() { hasFailed = true }

    /// Ends the answer; whether all of it went out.
    package func finish() -> Bool {
        // A stream that failed would be waited for once more.
        guard !hasFailed else { return false }
        // The order matters: the last stream to close sends the record that ends the request.
        if FCGX_FClose(request.pointee.err) != 0 { hasFailed = true }
        if FCGX_FClose(request.pointee.out) != 0 { hasFailed = true }
        return !hasFailed
    }

    /// The records from which libfcgi reads the parameters.
    private static func records(opening: RequestReader.RequestOpening, parameters: [UInt8]) -> [UInt8] {
        let number = [UInt8(opening.number >> 8), UInt8(opening.number & 0xFF)]
        var records: [UInt8] = [1, 1] + number + [0, 8, 0, 0, 0, 1, opening.keepsConnection ? 1 : 0, 0, 0, 0, 0, 0]
        records.reserveCapacity(parameters.count + 40)
        if !parameters.isEmpty {
            // They fit one record: RequestReader.maximumParameterBytes is below 64 KiB.
            records += [1, 4] + number + [UInt8(parameters.count >> 8), UInt8(parameters.count & 0xFF), 0, 0]
            records += parameters
        }
        return records + [1, 4] + number + [0, 0, 0, 0]
    }
}

/// The pipe through which libfcgi reads parameters that are complete already; empty between requests.
package final class ParameterPipe {
    private var ends: (read: Int32, write: Int32)?

    package init() {}

    deinit {
        if let ends {
            close(ends.read)
            close(ends.write)
        }
    }

    /// Puts records into the pipe and gives the end to read them from; nil when the system refuses.
    package func fill(_ records: [UInt8]) -> Int32? {
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
    package func forget() {
        if let ends { close(ends.write) }
        ends = nil
    }
}

/// Prepares libfcgi; once in a process, before anything else here.
package func prepareFastCGI() { FCGX_Init() }
