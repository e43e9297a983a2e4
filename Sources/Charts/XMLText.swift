/// A text as it may stand in XML, in an element or in a quoted attribute.
///
/// Markup is escaped, and what XML 1.0 has no character for becomes a replacement character.
func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "&": result += "&amp;"
        case "<": result += "&lt;"
        case ">": result += "&gt;"
        case "\"": result += "&quot;"
        case "'": result += "&#39;"
        case "\t", "\n", "\r": result += " "
        case "\u{0}"..<"\u{20}", "\u{7F}"..<"\u{A0}", "\u{FFFE}"..."\u{FFFF}": result += "\u{FFFD}"
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result
}

/// A number with a fixed count of decimals; without a minus sign where it rounds to zero.
func fixed(_ value: Double, decimals: Int) -> String {
    let scale = (0..<decimals).reduce(1.0) { power, _ in power * 10 }
    guard let scaled = Int64(exactly: (value * scale).rounded()) else { return "?" }
    let digits = String(scaled.magnitude)
    let padded = String(repeating: "0", count: max(0, decimals + 1 - digits.utf8.count)) + digits
    let sign = scaled < 0 ? "\u{2212}" : ""
    guard decimals > 0 else { return sign + padded }
    return sign + padded.dropLast(decimals) + "." + padded.suffix(decimals)
}

/// A length or a place in a drawing: to the hundredth, with a hyphen for minus as SVG wants it.
func coordinate(_ value: Double) -> String {
    let text = fixed(value, decimals: 2).replacingMinus()
    return text.hasSuffix(".00") ? String(text.dropLast(3)) : text
}

extension String {
    fileprivate func replacingMinus() -> String { first == "\u{2212}" ? "-" + dropFirst() : self }
}
