/// The media types this service speaks.
package enum MediaType {
    package static let json = "application/json"
    package static let csv = "text/csv"
    package static let npy = "application/x-npy"
    package static let svg = "image/svg+xml"
    package static let problem = "application/problem+json"
}

/// What an `Accept` header asks for (RFC 9110 §12.5.1).
package struct AcceptHeader {
    private struct Range {
        package var type: Substring
        package var subtype: Substring
        package var quality: Double
    }

    private let ranges: [Range]

    /// Reads a header value; elements without the form of a media range are passed over.
    package init(_ value: String?) {
        ranges = (value ?? "").lowercased().split(separator: ",").compactMap { element in
            let parts = element.split(separator: ";", omittingEmptySubsequences: false).map(trimmed)
            let names = (parts.first ?? "").split(separator: "/", omittingEmptySubsequences: false)
            guard names.count == 2, let type = names.first, let subtype = names.last, !type.isEmpty, !subtype.isEmpty
            else { return nil }
            let quality = parts.dropFirst().first { $0.hasPrefix("q=") }.map { Double($0.dropFirst(2)) ?? 0 } ?? 1
            return Range(type: type, subtype: subtype, quality: quality)
        }
    }

    /// Whether a media type may be sent; without a header everything may.
    package func accepts(_ mediaType: String) -> Bool { quality(of: mediaType) > 0 }

    /// The media type that is wanted most, the first of those wanted alike; nil when none may be sent.
    package func preferred(of mediaTypes: [String]) -> String? {
        var best: (mediaType: String, quality: Double)?
        for mediaType in mediaTypes {
            let quality = quality(of: mediaType)
            if quality > best?.quality ?? 0 { best = (mediaType, quality) }
        }
        return best?.mediaType
    }

    /// How much a media type is wanted, from 0, not at all, to 1.
    private func quality(of mediaType: String) -> Double {
        guard !ranges.isEmpty else { return 1 }
        let names = mediaType.split(separator: "/")
        // The most specific range decides: `application/json;q=0, */*` excludes JSON.
        let specificity = { (range: Range) -> Int? in
            if range.type == "*" { return range.subtype == "*" ? 0 : nil }
            guard range.type == names.first else { return nil }
            if range.subtype == "*" { return 1 }
            return range.subtype == names.last ? 2 : nil
        }
        let matching = ranges.compactMap { range in specificity(range).map { (specificity: $0, quality: range.quality) }
        }
        guard let best = matching.map(\.specificity).max() else { return 0 }
        return matching.filter { $0.specificity == best }.map(\.quality).max() ?? 0
    }
}

/// A `Content-Type` header: the media type, lower case, and whether its character set is UTF-8.
package struct ContentType {
    /// Type and subtype, lower case.
    package let mediaType: String
    /// Whether the text is UTF-8, as it is without a `charset`.
    package let isUTF8: Bool

    /// Reads a header value; nil without one.
    package init?(_ value: String?) {
        guard let parts = value?.lowercased().split(separator: ";", omittingEmptySubsequences: false).map(trimmed),
            let name = parts.first, !name.isEmpty
        else { return nil }
        mediaType = String(name)
        let charset = parts.dropFirst().first { $0.hasPrefix("charset=") }.map { $0.dropFirst("charset=".count) }
        isUTF8 = charset.map { ["utf-8", "\"utf-8\"", "utf8"].contains($0) } ?? true
    }
}

/// A text without the spaces and tabs around it.
package func trimmed(_ text: Substring) -> Substring {
    let isBlank = { (character: Character) in character == " " || character == "\t" }
    let start = text.drop(while: isBlank)
    guard let last = start.lastIndex(where: { !isBlank($0) }) else { return "" }
    return start[...last]
}
