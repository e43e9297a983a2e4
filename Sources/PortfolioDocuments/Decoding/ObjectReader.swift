import JSON
import PortfolioModel

/// The names an object may have.
struct FieldNames {
    /// Those that are read.
    var known: [String]
    /// Those that a GET adds and a PUT therefore passes over: what was read can be put back as it is.
    var readOnly: [String] = []
}

/// Reads the members of one object: each read reports what is wrong with its field and returns nil.
///
/// A member that is null counts as absent, unless its reader says otherwise.
struct ObjectReader {
    /// Where the object stands.
    let pointer: String
    /// Where faults go.
    let faults: FaultCollector
    private let value: JSONValue

    /// Begins to read an object: reports anything else, and every member whose name is not to be there.
    init?(_ value: JSONValue, at pointer: String, _ names: FieldNames, _ faults: FaultCollector) {
        guard value.kind == .object else {
            faults.report(.wrongType, at: pointer, "\(label(pointer)) must be an object, not \(value.described)")
            return nil
        }
        self.value = value
        self.pointer = pointer
        self.faults = faults
        for member in value.members where !names.known.contains(member.name) && !names.readOnly.contains(member.name) {
            guard !faults.isFull else { return }
            reportSurplus(member.name, names)
        }
    }

    private func reportSurplus(_ name: String, _ names: FieldNames) {
        let hint = nearestName(to: name, among: names.known).map { "; did you mean \($0)?" } ?? ""
        faults.report(.unknownField, at: path(name), "unknown field \(shortened(name))\(hint)")
    }

    /// The pointer to a member.
    func path(_ name: String) -> String { pointer + "/" + pointerToken(name) }

    /// A member that is there and not null.
    func optional(_ name: String) -> JSONValue? {
        guard let member = value[name], !member.isNull else { return nil }
        return member
    }

    /// A member as it is: nil when absent, a null value when null.
    func asGiven(_ name: String) -> JSONValue? { value[name] }

    /// A member that must be there.
    func required(_ name: String) -> JSONValue? {
        if let member = optional(name) { return member }
        faults.report(.missingField, at: path(name), "\(name) is required")
        return nil
    }

    /// A number of a range, or nil when absent.
    func number(_ name: String, _ range: NumberRange) -> Double? {
        optional(name).flatMap { readNumber($0, range, name, at: path(name), faults) }
    }

    /// A number that must be there.
    func requiredNumber(_ name: String, _ range: NumberRange) -> Double? {
        required(name).flatMap { readNumber($0, range, name, at: path(name), faults) }
    }

    /// True or false, or nil when absent.
    func bool(_ name: String) -> Bool? {
        guard let member = optional(name) else { return nil }
        if let value = member.bool { return value }
        faults.report(.wrongType, at: path(name), "\(name) must be true or false, not \(member.described)")
        return nil
    }

    /// Text of 1 to ``DocumentLimits/nameLength`` characters, or nil when absent.
    func text(_ name: String) -> String? { optional(name).flatMap { readText($0, name) } }

    /// Text that must be there.
    func requiredText(_ name: String) -> String? { required(name).flatMap { readText($0, name) } }

    private func readText(_ member: JSONValue, _ name: String) -> String? {
        guard let text = member.string else {
            faults.report(.wrongType, at: path(name), "\(name) must be a string, not \(member.described)")
            return nil
        }
        let length = text.unicodeScalars.count
        guard (1...DocumentLimits.nameLength).contains(length) else {
            let demand = "must have 1 to \(DocumentLimits.nameLength) characters"
            faults.report(.invalidText, at: path(name), "\(name) \(demand), not \(length)")
            return nil
        }
        return text
    }

    /// An identifier that must be there.
    func requiredIdentifier(_ name: String, _ kind: IdentifierKind) -> String? {
        required(name).flatMap { readIdentifier($0, kind, name, at: path(name), faults) }
    }

    /// An RFC 3339 moment that must be there.
    func requiredTimestamp(_ name: String) -> Timestamp? {
        guard let member = required(name) else { return nil }
        if let text = member.string, let timestamp = Timestamp(rfc3339: text) { return timestamp }
        let demand = "must be an RFC 3339 time such as 2025-06-20T14:30:00Z"
        faults.report(.invalidTime, at: path(name), "\(name) \(demand), not \(member.described)")
        return nil
    }

    /// A day that must be there.
    func requiredDate(_ name: String) -> CalendarDate? {
        required(name).flatMap { readDate($0, name, at: path(name), faults) }
    }

    /// A currency code that must be there, or nil when absent.
    func currency(_ name: String, isRequired: Bool) -> String? {
        guard let member = isRequired ? required(name) : optional(name) else { return nil }
        if let text = member.string, text.utf8.count == 3, text.utf8.allSatisfy({ (65...90).contains($0) }) {
            return text
        }
        let demand = "must be three capital letters of ISO 4217 such as USD"
        faults.report(.invalidText, at: path(name), "\(name) \(demand), not \(member.described)")
        return nil
    }

    /// One of an enumeration's names, which must be there unless a default is given.
    func choice<Choice: RawRepresentable & CaseIterable>(
        _ name: String,
        _: Choice.Type,
        default fallback: Choice? = nil
    ) -> Choice? where Choice.RawValue == String {
        if let fallback, optional(name) == nil { return fallback }
        guard let member = required(name) else { return nil }
        guard let text = member.string else {
            faults.report(.wrongType, at: path(name), "\(name) must be a string, not \(member.described)")
            return nil
        }
        if let choice = Choice(rawValue: text) { return choice }
        let offered = Choice.allCases.map(\.rawValue)
        let list = offered.joined(separator: ", ")
        let hint = nearestName(to: text, among: offered).map { "; did you mean \($0)?" } ?? ""
        let message = "\(name) must be one of \(list), not \(member.described)\(hint)"
        faults.report(.unknownValue, at: path(name), message)
        return nil
    }

    /// The elements of an array of at most `limit`, or nil when absent.
    func array(_ name: String, limit: Int) -> [JSONValue]? { optional(name).flatMap { elements($0, name, limit) } }

    /// The elements of an array that must be there.
    func requiredArray(_ name: String, limit: Int) -> [JSONValue]? {
        required(name).flatMap { elements($0, name, limit) }
    }

    private func elements(_ member: JSONValue, _ name: String, _ limit: Int) -> [JSONValue]? {
        guard member.kind == .array else {
            faults.report(.wrongType, at: path(name), "\(name) must be an array, not \(member.described)")
            return nil
        }
        guard member.count <= limit else {
            let message = "\(name) may have at most \(limit) elements, not \(member.count)"
            faults.report(.tooMany, at: path(name), message)
            return nil
        }
        return member.elements
    }

    /// A map from instruments to numbers of a range, or nil when absent.
    func instrumentMap(_ name: String, _ range: NumberRange) -> [String: Double]? {
        numberMap(name, of: "instrument", range) { [faults] key, place in
            checkIdentifier(key, .instrument, "an instrument in \(name)", at: place, faults)
        }
    }

    /// A map from the name of a sector or an asset class to a number of a range, or nil when absent.
    func groupMap(_ name: String, _ range: NumberRange) -> [String: Double]? {
        numberMap(name, of: "name", range) { [faults] key, place in
            guard !(1...DocumentLimits.nameLength).contains(key.unicodeScalars.count) else { return }
            let demand = "must have 1 to \(DocumentLimits.nameLength) characters"
            faults.report(.invalidText, at: place, "a name in \(name) \(demand)")
        }
    }

    private func numberMap(
        _ name: String,
        of what: String,
        _ range: NumberRange,
        _ check: (_ key: String, _ place: String) -> Void
    ) -> [String: Double]? {
        guard let member = optional(name) else { return nil }
        guard member.kind == .object else {
            let message = "\(name) must be an object of \(what) to number, not \(member.described)"
            faults.report(.wrongType, at: path(name), message)
            return nil
        }
        guard member.count <= DocumentLimits.universe else {
            let message = "\(name) may have at most \(DocumentLimits.universe) entries, not \(member.count)"
            faults.report(.tooMany, at: path(name), message)
            return nil
        }
        var map: [String: Double] = [:]
        for entry in member.members {
            let place = path(name) + "/" + pointerToken(entry.name)
            check(entry.name, place)
            let label = "\(name).\(shortened(entry.name))"
            map[entry.name] = readNumber(entry.value, range, label, at: place, faults)
        }
        return map
    }
}
