/// Writes JSON bytes, compact, in the order it is told.
///
/// Commas are put where they belong. Doubles are written in the shortest form that reads back to the same bits;
/// integral values without a fraction, −0 as 0, NaN and the infinities as null.
package struct JSONWriter {
    /// What has been written so far.
    package private(set) var bytes: [UInt8]
    private var needsComma = false

    package init(reservingCapacity capacity: Int = 1024) {
        bytes = []
        bytes.reserveCapacity(capacity)
    }

    /// Writes an object whose members the closure writes.
    package mutating func object(_ writeMembers: (inout JSONWriter) -> Void) {
        separate()
        bytes.append(UInt8(ascii: "{"))
        needsComma = false
        writeMembers(&self)
        bytes.append(UInt8(ascii: "}"))
        needsComma = true
    }

    /// Writes an array whose elements the closure writes.
    package mutating func array(_ writeElements: (inout JSONWriter) -> Void) {
        separate()
        bytes.append(UInt8(ascii: "["))
        needsComma = false
        writeElements(&self)
        bytes.append(UInt8(ascii: "]"))
        needsComma = true
    }

    /// Writes an array with an element for each item.
    package mutating func array<Items: Sequence>(_ items: Items, _ write: (inout JSONWriter, Items.Element) -> Void) {
        array { writer in
            for item in items { write(&writer, item) }
        }
    }

    /// Writes the name of the member whose value comes next.
    package mutating func name(_ name: String) {
        separate()
        appendQuoted(name)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    package mutating func null() { append("null") }

    package mutating func bool(_ value: Bool) { append(value ? "true" : "false") }

    package mutating func integer(_ value: Int) { append(String(value)) }

    /// Writes a double; one that is not finite becomes null.
    package mutating func double(_ value: Double) {
        guard value.isFinite else { return null() }
        guard value != 0 else { return append("0") }
        let text = value.description
        append(text.hasSuffix(".0") ? String(text.dropLast(2)) : text)
    }

    package mutating func string(_ value: String) {
        separate()
        appendQuoted(value)
        needsComma = true
    }

    /// Writes bytes that are a JSON value already.
    package mutating func raw(_ value: [UInt8]) {
        separate()
        bytes.append(contentsOf: value)
        needsComma = true
    }

    /// Writes the members of an object that was written before into the one that is open.
    package mutating func members(ofObject object: [UInt8]) {
        let inside = object.dropFirst().dropLast()
        guard !inside.isEmpty else { return }
        separate()
        bytes.append(contentsOf: inside)
        needsComma = true
    }

    private mutating func append(_ text: String) {
        separate()
        bytes.append(contentsOf: text.utf8)
        needsComma = true
    }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
    }

    /// Appends a string with the escapes RFC 8259 demands, and no others.
    private mutating func appendQuoted(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                bytes.append(UInt8(ascii: "\\"))
                bytes.append(byte)
            case 0x08: bytes.append(contentsOf: "\\b".utf8)
            case 0x09: bytes.append(contentsOf: "\\t".utf8)
            case 0x0A: bytes.append(contentsOf: "\\n".utf8)
            case 0x0C: bytes.append(contentsOf: "\\f".utf8)
            case 0x0D: bytes.append(contentsOf: "\\r".utf8)
            case 0x00..<0x20:
                bytes.append(contentsOf: "\\u00".utf8)
                bytes.append(hexadecimalDigits[Int(byte >> 4)])
                bytes.append(hexadecimalDigits[Int(byte & 15)])
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}

/// Members of objects: a name and its value at once.
extension JSONWriter {
    package mutating func member(_ name: String, _ value: String) {
        self.name(name)
        string(value)
    }

    package mutating func member(_ name: String, _ value: Double) {
        self.name(name)
        double(value)
    }

    package mutating func member(_ name: String, _ value: Int) {
        self.name(name)
        integer(value)
    }

    package mutating func member(_ name: String, _ value: Bool) {
        self.name(name)
        bool(value)
    }

    /// Writes the number, or null.
    package mutating func member(_ name: String, orNull value: Double?) {
        self.name(name)
        if let value { double(value) } else { null() }
    }

    /// Writes the string, or null.
    package mutating func member(_ name: String, orNull value: String?) {
        self.name(name)
        if let value { string(value) } else { null() }
    }

    /// Writes the member, or nothing when there is no value.
    package mutating func member(_ name: String, ifPresent value: Double?) {
        if let value { member(name, value) }
    }

    /// Writes the member, or nothing when there is no value.
    package mutating func member(_ name: String, ifPresent value: String?) {
        if let value { member(name, value) }
    }

    /// Writes the member, or nothing when there is no value.
    package mutating func member(_ name: String, ifPresent value: Bool?) {
        if let value { member(name, value) }
    }

    /// Writes a map sorted by name, so that equal maps give equal bytes.
    package mutating func member(_ name: String, map: [String: Double]) {
        self.name(name)
        object { writer in
            for (key, value) in map.sorted(by: { $0.key < $1.key }) { writer.member(key, value) }
        }
    }

    /// Writes a map sorted by name, so that equal maps give equal bytes.
    package mutating func member(_ name: String, map: [String: String]) {
        self.name(name)
        object { writer in
            for (key, value) in map.sorted(by: { $0.key < $1.key }) { writer.member(key, value) }
        }
    }
}

private let hexadecimalDigits = Array("0123456789abcdef".utf8)
