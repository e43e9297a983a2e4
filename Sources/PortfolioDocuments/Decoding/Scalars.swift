import JSON
import PortfolioModel

/// What an identifier names.
enum IdentifierKind {
    /// An instrument: `cash` and `other` mean something else in allocations.
    case instrument
    /// Anything else.
    case general
}

/// Reads a number of a range.
func readNumber(
    _ value: JSONValue,
    _ range: NumberRange,
    _ label: String,
    at pointer: String,
    _ faults: FaultCollector
) -> Double? {
    guard let number = value.double else {
        faults.report(.wrongType, at: pointer, "\(label) must be a number, not \(value.described)")
        return nil
    }
    guard range.contains(number) else {
        faults.report(.outOfRange, at: pointer, "\(label) must be \(range.demand), not \(decimal(number))")
        return nil
    }
    return number
}

/// Reads an identifier.
func readIdentifier(
    _ value: JSONValue,
    _ kind: IdentifierKind,
    _ label: String,
    at pointer: String,
    _ faults: FaultCollector
) -> String? {
    guard let text = value.string else {
        faults.report(.wrongType, at: pointer, "\(label) must be a string, not \(value.described)")
        return nil
    }
    return checkIdentifier(text, kind, label, at: pointer, faults) ? text : nil
}

/// Reports an identifier that breaks the rules; true when it keeps them.
@discardableResult
func checkIdentifier(
    _ text: String,
    _ kind: IdentifierKind,
    _ label: String,
    at pointer: String,
    _ faults: FaultCollector
) -> Bool {
    guard isIdentifier(text) else {
        let demand = "must be 1 to \(DocumentLimits.identifierLength) of letters, digits, '.', '_' and '-'"
        faults.report(.invalidIdentifier, at: pointer, "\(label) \(demand), not \"\(shortened(text))\"")
        return false
    }
    if kind == .instrument, text == "cash" || text == "other" {
        faults.report(.invalidIdentifier, at: pointer, "\(label) must not be \"\(text)\", which is reserved")
        return false
    }
    return true
}

/// Whether text is 1 to 36 ASCII letters, digits, `.`, `_` and `-`.
package func isIdentifier(_ text: String) -> Bool {
    let isAllowed = text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
    return isAllowed && (1...DocumentLimits.identifierLength).contains(text.utf8.count)
}

/// Reads a day.
func readDate(
    _ value: JSONValue,
    _ label: String,
    at pointer: String,
    _ faults: FaultCollector
) -> CalendarDate? {
    if let text = value.string, let date = CalendarDate(text) { return date }
    let demand = "must be a day such as 2025-06-20"
    faults.report(.invalidTime, at: pointer, "\(label) \(demand), not \(value.described)")
    return nil
}

/// Reads identifiers that must differ from one another.
func readDistinctIdentifiers(
    _ values: [JSONValue],
    _ kind: IdentifierKind,
    _ label: String,
    at pointer: String,
    _ faults: FaultCollector
) -> [String] {
    var identifiers: [String] = []
    identifiers.reserveCapacity(values.count)
    var seen: [String: Int] = [:]
    for (index, value) in values.enumerated() {
        let place = "\(pointer)/\(index)"
        guard let text = readIdentifier(value, kind, "\(label)[\(index)]", at: place, faults) else { continue }
        if let first = seen.updateValue(index, forKey: text) {
            faults.report(.duplicate, at: place, "\(label)[\(index)] repeats \(text), which is \(label)[\(first)]")
        }
        identifiers.append(text)
    }
    return identifiers
}

extension JSONValue {
    /// The value as a message shows it: scalars as they are, shortened; arrays and objects by their kind.
    var described: String {
        switch kind {
        case .null: "null"
        case .bool: bool == true ? "true" : "false"
        case .number: decimal(double ?? 0)
        case .string: "\"\(shortened(string ?? ""))\""
        case .array: "an array"
        case .object: "an object"
        }
    }
}

/// At most 40 code points of a text, without control characters.
///
/// Counted in code points, not in characters: one character may be as long as the body.
func shortened(_ text: String) -> String {
    let limit = 40
    let scalars = text.unicodeScalars
    let isLong = scalars.index(scalars.startIndex, offsetBy: limit + 1, limitedBy: scalars.endIndex) != nil
    let kept = scalars.prefix(isLong ? limit - 1 : limit).map { $0.properties.generalCategory == .control ? "?" : $0 }
    return String(String.UnicodeScalarView(kept)) + (isLong ? "…" : "")
}

/// A name as a token of an RFC 6901 pointer; one too long to be any field's is shortened.
func pointerToken(_ name: String) -> String {
    let longest = 64
    let name = name.utf8.count > longest ? shortened(name) : name
    guard name.utf8.contains(where: { $0 == UInt8(ascii: "~") || $0 == UInt8(ascii: "/") }) else { return name }
    return name.unicodeScalars.reduce(into: "") { token, scalar in
        switch scalar {
        case "~": token += "~0"
        case "/": token += "~1"
        default: token.unicodeScalars.append(scalar)
        }
    }
}

/// What a message calls the value at a pointer.
func label(_ pointer: String) -> String {
    pointer.isEmpty ? "the document" : String(pointer.dropFirst())
}
