package import Glibc

/// How much a log line matters.
package enum LogLevel: String, CaseIterable, Comparable, Sendable {
    case debug, info, warning, error

    private var rank: Int {
        switch self {
        case .debug: 0
        case .info: 1
        case .warning: 2
        case .error: 3
        }
    }

    package static func < (left: LogLevel, right: LogLevel) -> Bool { left.rank < right.rank }
}

/// A value of an extra field of a log line.
package enum LogValue: Sendable, Equatable, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral {
    case text(String)
    case integer(Int)
    /// A number; NaN and infinities are written as null.
    case number(Double)
    case boolean(Bool)

    package init(stringLiteral value: String) { self = .text(value) }
    package init(integerLiteral value: Int) { self = .integer(value) }
}

/// Writes one JSON object a line to standard error: `time`, `level`, `function`, `request_id`, `message`, other fields.
///
/// Whoever calls it sees to it that no query string, body, token or address with a password is among the fields. Safe
/// from any thread: a line is one `write`.
package struct Log: Sendable {
    /// The program's name.
    package var function: String
    /// Lines below this level are not written.
    package var minimumLevel: LogLevel
    /// Where lines go.
    package var descriptor: Int32

    /// A string beyond this many bytes is cut, so that a caller cannot fill the disk with one request.
    package static let longestText = 4096

    package init(function: String, minimumLevel: LogLevel = .info, descriptor: Int32 = STDERR_FILENO) {
        self.function = function
        self.minimumLevel = minimumLevel
        self.descriptor = descriptor
    }

    /// Writes a line, if its level is wanted.
    package func write(
        _ level: LogLevel,
        _ message: String,
        requestID: String? = nil,
        _ fields: [(name: String, value: LogValue)] = []
    ) {
        guard level >= minimumLevel else { return }
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let line = line(level, message, requestID: requestID, fields, at: now)
        // A log that cannot be written must not stop the function; there is nobody left to tell.
        line.withUnsafeBytes { bytes in
            var written = 0
            while written < bytes.count {
                let count = Glibc.write(descriptor, bytes.baseAddress?.advanced(by: written), bytes.count - written)
                if count < 0 && errno == EINTR { continue }
                guard count > 0 else { return }
                written += count
            }
        }
    }

    /// Writes a line of level debug.
    package func debug(_ message: String, requestID: String? = nil, _ fields: [(name: String, value: LogValue)] = []) {
        write(.debug, message, requestID: requestID, fields)
    }

    /// Writes a line of level info.
    package func info(_ message: String, requestID: String? = nil, _ fields: [(name: String, value: LogValue)] = []) {
        write(.info, message, requestID: requestID, fields)
    }

    /// Writes a line of level warning.
    package func warning(_ message: String, requestID: String? = nil, _ fields: [(name: String, value: LogValue)] = [])
    {
        write(.warning, message, requestID: requestID, fields)
    }

    /// Writes a line of level error.
    package func error(_ message: String, requestID: String? = nil, _ fields: [(name: String, value: LogValue)] = []) {
        write(.error, message, requestID: requestID, fields)
    }

    /// Makes a line, with its line feed.
    package func line(
        _ level: LogLevel,
        _ message: String,
        requestID: String?,
        _ fields: [(name: String, value: LogValue)],
        at time: timespec
    ) -> [UInt8] {
        var line: [UInt8] = []
        line.reserveCapacity(256)
        line.append(contentsOf: "{\"time\":\"".utf8)
        line.append(contentsOf: Self.timestamp(time).utf8)
        line.append(contentsOf: "\",\"level\":\"".utf8)
        line.append(contentsOf: level.rawValue.utf8)
        line.append(contentsOf: "\",\"function\":".utf8)
        line.appendQuoted(Self.cut(function))
        if let requestID {
            line.append(contentsOf: ",\"request_id\":".utf8)
            line.appendQuoted(Self.cut(requestID))
        }
        line.append(contentsOf: ",\"message\":".utf8)
        line.appendQuoted(Self.cut(message))
        for field in fields {
            line.append(UInt8(ascii: ","))
            line.appendQuoted(Self.cut(field.name))
            line.append(UInt8(ascii: ":"))
            switch field.value {
            case .text(let text): line.appendQuoted(Self.cut(text))
            case .integer(let integer): line.append(contentsOf: String(integer).utf8)
            case .number(let number): line.append(contentsOf: (number.isFinite ? number.description : "null").utf8)
            case .boolean(let boolean): line.append(contentsOf: (boolean ? "true" : "false").utf8)
            }
        }
        line.append(contentsOf: "}\n".utf8)
        return line
    }

    private static func cut(_ text: String) -> Substring {
        guard text.utf8.count > longestText else { return text[...] }
        // By scalars, at most 4 bytes each: a single Character may be arbitrarily long.
        return Substring(text.unicodeScalars.prefix(longestText / 4))
    }

    /// RFC 3339 in UTC with milliseconds.
    private static func timestamp(_ time: timespec) -> String {
        var seconds = time.tv_sec
        var parts = tm()
        gmtime_r(&seconds, &parts)
        func digits(_ value: Int, _ count: Int) -> String {
            let text = String(value)
            return String(repeating: "0", count: max(0, count - text.utf8.count)) + text
        }
        let year = digits(Int(parts.tm_year) + 1900, 4)
        let date = "\(year)-\(digits(Int(parts.tm_mon) + 1, 2))-\(digits(Int(parts.tm_mday), 2))"
        let clock = "\(digits(Int(parts.tm_hour), 2)):\(digits(Int(parts.tm_min), 2)):\(digits(Int(parts.tm_sec), 2))"
        return "\(date)T\(clock).\(digits(Int(time.tv_nsec) / 1_000_000, 3))Z"
    }
}
