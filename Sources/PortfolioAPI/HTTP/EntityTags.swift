/// Entity tags and what a caller holds of them (RFC 9110 §8.8.3 and §13.1.2).
package enum EntityTag {
    /// Whether an `If-None-Match` header names a tag, given without quotes; compared weakly, as the header wants it.
    package static func matches(_ header: String?, _ tag: String) -> Bool {
        guard let header else { return false }
        return header.split(separator: ",").map(trimmed).contains { candidate in
            if candidate == "*" { return true }
            let strong = candidate.hasPrefix("W/") ? candidate.dropFirst(2) : candidate
            return strong == "\"\(tag)\""
        }
    }

    /// A tag made of a body's bytes: FNV-1a, 64 bits, and the length.
    package static func digest(of bytes: [UInt8]) -> String {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        return String(hash, radix: 16) + "-" + String(bytes.count, radix: 16)
    }
}
