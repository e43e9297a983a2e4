/// A request's headers by lower-case name; a value becomes a string only when somebody asks for it.
///
/// Most requests carry a dozen headers of which a handler reads two or three, so they are kept as the bytes that came.
public struct RequestHeaders: Sendable, Equatable, ExpressibleByDictionaryLiteral {
    private struct Entry: Sendable {
        var nameStart: Int
        var valueStart: Int
        var end: Int
    }

    private var bytes: [UInt8] = []
    private var entries: [Entry] = []

    /// Makes headers of names, in lower case, and values.
    public init(_ values: [String: String] = [:]) {
        for (name, value) in values { append(name: name, value: value.utf8) }
    }

    /// Makes headers of names, in lower case, and values; of a name that comes twice the first value counts.
    public init(dictionaryLiteral elements: (String, String)...) {
        for (name, value) in elements { append(name: name, value: value.utf8) }
    }

    /// The value of a header, given by its name in lower case; what is not UTF-8 in it is replaced by U+FFFD.
    public subscript(name: String) -> String? {
        var name = name
        return name.withUTF8 { value(named: $0) }
    }

    /// Whether the same names have the same values.
    public static func == (left: RequestHeaders, right: RequestHeaders) -> Bool { left.dictionary == right.dictionary }

    private var dictionary: [String: String] {
        entries.reduce(into: [:]) { values, entry in
            let name = String(decoding: bytes[entry.nameStart..<entry.valueStart], as: UTF8.self)
            if values[name] == nil { values[name] = text(of: entry) }
        }
    }

    private func value(named wanted: UnsafeBufferPointer<UInt8>) -> String? {
        // The first counts, as in libfcgi's own lookup.
        for entry in entries where entry.valueStart - entry.nameStart == wanted.count {
            if bytes[entry.nameStart..<entry.valueStart].elementsEqual(wanted) { return text(of: entry) }
        }
        return nil
    }

    private func text(of entry: Entry) -> String {
        String(decoding: bytes[entry.valueStart..<entry.end], as: UTF8.self)
    }

    /// Takes in a header under its name in lower case.
    mutating func append(name: String, value: some Sequence<UInt8>) {
        let nameStart = bytes.count
        bytes.append(contentsOf: name.utf8)
        let valueStart = bytes.count
        bytes.append(contentsOf: value)
        entries.append(Entry(nameStart: nameStart, valueStart: valueStart, end: bytes.count))
    }

    /// Makes room for so many headers of so many bytes in all.
    mutating func reserve(entries entryCount: Int, bytes byteCount: Int) {
        entries.reserveCapacity(entryCount)
        bytes.reserveCapacity(byteCount)
    }

    /// Takes in a header under its FastCGI name without `HTTP_`: capitals and underscores.
    mutating func append(parameter name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) {
        let nameStart = bytes.count
        for byte in name {
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): bytes.append(byte | 0x20)
            case UInt8(ascii: "_"): bytes.append(UInt8(ascii: "-"))
            default: bytes.append(byte)
            }
        }
        let valueStart = bytes.count
        bytes.append(contentsOf: value)
        entries.append(Entry(nameStart: nameStart, valueStart: valueStart, end: bytes.count))
    }
}
