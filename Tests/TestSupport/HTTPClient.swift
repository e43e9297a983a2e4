import Foundation
import Glibc

/// A response as it came over the wire.
package struct HTTPResponse {
    package var status: Int
    package var headers: [String: String]
    package var body: [UInt8]

    package var text: String { String(decoding: body, as: UTF8.self) }

    /// The body as a JSON object; empty when it is none.
    package var json: [String: Any] {
        (try? JSONSerialization.jsonObject(with: Data(body))) as? [String: Any] ?? [:]
    }
}

/// What went wrong below HTTP.
package struct HTTPFailure: Error, CustomStringConvertible {
    package var description: String

    package init(description: String) { self.description = description }
}

/// A plain HTTP/1.1 client on a socket of its own: nothing is retried, followed, cached or decoded behind a test's back.
package final class HTTPClient {
    private let port: UInt16
    private var descriptor: Int32 = -1
    private var pending: [UInt8] = []

    package init(port: Int) { self.port = UInt16(port) }

    deinit { close() }

    package func close() {
        if descriptor >= 0 { Glibc.close(descriptor) }
        descriptor = -1
        pending = []
    }

    package func get(_ path: String, _ headers: [String: String] = [:]) throws -> HTTPResponse {
        try send("GET", path, headers: headers)
    }

    package func put(_ path: String, _ body: String, type: String = "application/json") throws -> HTTPResponse {
        try send("PUT", path, headers: ["Content-Type": type], body: Array(body.utf8))
    }

    package func post(_ path: String, _ body: String = "", type: String = "application/json") throws -> HTTPResponse {
        try send("POST", path, headers: ["Content-Type": type], body: Array(body.utf8))
    }

    /// Whether there is a connection from an earlier request.
    package var isConnected: Bool { descriptor >= 0 }

    /// Sends a request and reads its response; opens the connection when there is none.
    package func send(
        _ method: String,
        _ path: String,
        headers: [String: String] = [:],
        body: [UInt8]? = nil
    ) throws -> HTTPResponse {
        try begin(method, path, headers: headers, body: body)
        return try finish(method)
    }

    /// Sends a request without reading its response: for many that wait at once.
    package func begin(
        _ method: String,
        _ path: String,
        headers: [String: String] = [:],
        body: [UInt8]? = nil
    ) throws {
        var head = "\(method) \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        for (name, value) in headers { head += "\(name): \(value)\r\n" }
        if let body { head += "Content-Length: \(body.count)\r\n" }
        head += "\r\n"
        try connect()
        do {
            try write(Array(head.utf8) + (body ?? []))
        } catch {
            close()
            throw error
        }
    }

    /// Reads the response to a request that was begun.
    package func finish(_ method: String = "GET") throws -> HTTPResponse {
        do {
            return try readResponse(hasBody: method != "HEAD")
        } catch {
            close()
            throw error
        }
    }

    private func connect() throws {
        guard descriptor < 0 else { return }
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var timeout = timeval(tv_sec: 90, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        var noDelay: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &noDelay, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0 else {
            let reason = String(cString: strerror(errno))
            close()
            throw HTTPFailure(description: "connect to port \(port): \(reason)")
        }
    }

    private func write(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, 0x4000) }
            guard count > 0 else { throw HTTPFailure(description: "send: \(String(cString: strerror(errno)))") }
            sent += count
        }
    }

    private func fill() throws {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        guard count > 0 else {
            throw HTTPFailure(description: count == 0 ? "connection closed" : String(cString: strerror(errno)))
        }
        pending += buffer[0..<count]
    }

    private func line() throws -> String {
        while true {
            if let end = pending.firstIndex(of: 10) {
                let text = String(decoding: pending[..<end], as: UTF8.self)
                pending.removeSubrange(...end)
                return text.hasSuffix("\r") ? String(text.dropLast()) : text
            }
            try fill()
        }
    }

    private func take(_ count: Int) throws -> [UInt8] {
        while pending.count < count { try fill() }
        defer { pending.removeSubrange(..<count) }
        return Array(pending[..<count])
    }

    private func readResponse(hasBody: Bool) throws -> HTTPResponse {
        let statusLine = try line().split(separator: " ")
        guard statusLine.count >= 2, let status = Int(statusLine[1]) else {
            throw HTTPFailure(description: "no status line: \(statusLine)")
        }
        var headers: [String: String] = [:]
        while case let text = try line(), !text.isEmpty {
            let parts = text.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else { continue }
            headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
        }
        var body: [UInt8] = []
        if !hasBody || status == 204 || status == 304 {
            body = []
        } else if headers["transfer-encoding"]?.lowercased() == "chunked" {
            while let size = Int(try line(), radix: 16), size > 0 {
                body += try take(size)
                _ = try line()
            }
            _ = try line()
        } else if let length = headers["content-length"].flatMap({ Int($0) }) {
            body = try take(length)
        }
        if headers["connection"]?.lowercased() == "close" { close() }
        return HTTPResponse(status: status, headers: headers, body: body)
    }
}
