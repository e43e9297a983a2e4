/// The `wait` of a `Prefer` header (RFC 7240 §4.3): how long a caller is ready to wait for the end.
package struct WaitPreference: Equatable {
    /// The longest wait granted; the proxy's read timeout is a little above it.
    package static let longest = 60

    /// Seconds granted, 1…60.
    package let seconds: Int

    /// Reads a header value; nil when it asks for no wait.
    ///
    /// A preference that makes no sense is passed over, as the standard has it; a longer wait is cut to the longest.
    package init?(_ header: String?) {
        guard let header else { return nil }
        for preference in header.split(separator: ",") {
            let token = preference.split(separator: ";", omittingEmptySubsequences: false).first.map(trimmed) ?? ""
            let pair = token.split(separator: "=", omittingEmptySubsequences: false).map(trimmed)
            guard pair.count == 2, pair.first?.lowercased() == "wait", let value = pair.last else { continue }
            let digits = value.hasPrefix("\"") && value.hasSuffix("\"") ? value.dropFirst().dropLast() : value
            guard !digits.isEmpty, digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
            else { continue }
            // More digits than an Int holds is a long wait as well.
            let wanted = Int(digits) ?? Self.longest
            guard wanted > 0 else { continue }
            seconds = min(wanted, Self.longest)
            return
        }
        return nil
    }

    /// The value of `Preference-Applied`.
    package var applied: String { "wait=\(seconds)" }
}
