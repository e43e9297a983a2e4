import Foundation

/// Speaks FastCGI from the web server's side, record by record, so that tests can also say what no web server would.
final class FastCGIClient {
    /// What came back for one request.
    struct Reply {
        var status = 0
        var headers: [String: String] = [:]
        var body: [UInt8] = []
        /// Whether the record that ends a request came.
        var hasEnded = false

        var text: String { String(decoding: body, as: UTF8.self) }
    }

    struct Failure: Error { var what: String }

    private(set) var descriptor: Int32

    /// Connects to a unix socket; reads give up after the time.
    init(path: String, patience: Int = 10) throws {
        descriptor = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let socket = descriptor
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else { throw Failure(what: "connect: \(errno)") }
        var time = timeval(tv_sec: patience, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { vanish() }

    /// Closes the connection without a word.
    func vanish() {
        if descriptor >= 0 { close(descriptor) }
        descriptor = -1
    }

    func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress?.advanced(by: sent), $0.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw Failure(what: "send: \(errno)") }
            sent += count
        }
    }

    /// Sends a sound request.
    func request(
        _ method: String,
        _ target: String,
        headers: [String: String] = [:],
        body: [UInt8] = [],
        contentLength: Int? = nil,
        keep: Bool = true
    ) throws {
        try send(
            Self.head(
                method,
                target,
                headers: headers,
                contentLength: (contentLength ?? body.count).description,
                keep: keep
            ) + Self.input(body)
        )
    }

    /// Reads until the request has ended or the connection is closed.
    func reply() throws -> Reply {
        var reply = Reply()
        var output: [UInt8] = []
        while let header = try read(8) {
            let length = Int(header[4]) << 8 | Int(header[5])
            guard let content = try read(length + Int(header[6])) else { break }
            switch header[1] {
            case 6: output += content.prefix(length)
            case 3: reply.hasEnded = true
            default: break
            }
            if reply.hasEnded { break }
        }
        let separator = Array("\r\n\r\n".utf8)
        guard let end = output.indices.first(where: { output[$0...].starts(with: separator) }) else { return reply }
        for line in String(decoding: output[..<end], as: UTF8.self).components(separatedBy: "\r\n") {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else { throw Failure(what: "no header: \(line)") }
            reply.headers[String(parts[0])] = parts[1].trimmingCharacters(in: .whitespaces)
        }
        reply.status = Int(reply.headers["Status"]?.prefix(3) ?? "") ?? 0
        reply.body = Array(output[(end + 4)...])
        return reply
    }

    /// Whether the other side has closed the connection, in reasonable time.
    func isClosed() throws -> Bool { try read(1) == nil }

    /// So many bytes, or nil at the end of the stream.
    private func read(_ count: Int) throws -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        var got = 0
        while got < count {
            let more = bytes.withUnsafeMutableBytes {
                recv(descriptor, $0.baseAddress?.advanced(by: got), count - got, 0)
            }
            if more < 0, errno != ECONNRESET { throw Failure(what: "recv: \(errno)") }
            if more <= 0 { return nil }
            got += more
        }
        return bytes
    }

    // MARK: Records

    static func record(_ type: UInt8, _ content: [UInt8], number: UInt16 = 1, padding: Int = 0) -> [UInt8] {
        [1, type, UInt8(number >> 8), UInt8(number & 255), UInt8(content.count >> 8), UInt8(content.count & 255)]
            + [UInt8(padding), 0] + content + [UInt8](repeating: 0, count: padding)
    }

    static func begin(keep: Bool = true, role: UInt8 = 1, number: UInt16 = 1) -> [UInt8] {
        record(1, [0, role, keep ? 1 : 0, 0, 0, 0, 0, 0], number: number)
    }

    static func pair(_ name: String, _ value: String) -> [UInt8] {
        func length(_ count: Int) -> [UInt8] {
            count < 128
                ? [UInt8(count)]
                : [UInt8(count >> 24 | 0x80), UInt8(count >> 16 & 255), UInt8(count >> 8 & 255), UInt8(count & 255)]
        }
        return length(name.utf8.count) + length(value.utf8.count) + Array(name.utf8) + Array(value.utf8)
    }

    static func stream(_ type: UInt8, _ content: [UInt8], number: UInt16 = 1, chunk: Int = 65_535) -> [UInt8] {
        var bytes: [UInt8] = []
        for start in stride(from: 0, to: content.count, by: chunk) {
            bytes += record(type, Array(content[start..<min(start + chunk, content.count)]), number: number, padding: 3)
        }
        return bytes + record(type, [], number: number)
    }

    static func input(_ body: [UInt8]) -> [UInt8] { stream(5, body) }

    static func head(
        _ method: String,
        _ target: String,
        headers: [String: String] = [:],
        contentLength: String,
        keep: Bool = true
    ) -> [UInt8] {
        let query = target.split(separator: "?", maxSplits: 1).dropFirst().first.map(String.init) ?? ""
        var content = pair("REQUEST_METHOD", method) + pair("REQUEST_URI", target) + pair("QUERY_STRING", query)
        content += pair("CONTENT_LENGTH", contentLength) + pair("CONTENT_TYPE", "application/json")
        for (name, value) in headers { content += pair(name, value) }
        return begin(keep: keep) + stream(4, content)
    }
}
