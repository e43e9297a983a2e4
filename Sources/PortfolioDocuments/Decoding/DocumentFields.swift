import JSON
import PortfolioModel

/// The fields of one of our own documents: what is missing or of another kind is reported, what is unknown passed over.
struct DocumentFields {
    let value: JSONValue
    private let pointer: String
    private let faults: FaultCollector

    init(_ value: JSONValue, at pointer: String, _ faults: FaultCollector) {
        self.value = value
        self.pointer = pointer
        self.faults = faults
    }

    /// The pointer to a member.
    func path(_ name: String) -> String { pointer + "/" + pointerToken(name) }

    /// A member that is there and not null.
    func optional(_ name: String) -> DocumentFields? {
        guard let member = value[name], !member.isNull else { return nil }
        return DocumentFields(member, at: path(name), faults)
    }

    /// A member that must be there.
    func required(_ name: String) -> DocumentFields? {
        if let member = optional(name) { return member }
        faults.report(.missingField, at: path(name), "\(name) is missing")
        return nil
    }

    private func read<Value>(_ name: String, _ kind: String, _ value: (JSONValue) -> Value?) -> Value? {
        guard let member = required(name)?.value else { return nil }
        if let read = value(member) { return read }
        faults.report(.wrongType, at: path(name), "\(name) must be \(kind), not \(member.described)")
        return nil
    }

    func number(_ name: String) -> Double { read(name, "a number", \.double) ?? .nan }

    func optionalNumber(_ name: String) -> Double? { optional(name) == nil ? nil : read(name, "a number", \.double) }

    func integer(_ name: String) -> Int { read(name, "a whole number") { $0.double.flatMap { Int(exactly: $0) } } ?? 0 }

    func text(_ name: String) -> String { read(name, "a string", \.string) ?? "" }

    func optionalText(_ name: String) -> String? { optional(name) == nil ? nil : read(name, "a string", \.string) }

    func day(_ name: String) -> CalendarDate? {
        read(name, "a day such as 2025-06-20") { $0.string.flatMap { CalendarDate($0) } }
    }

    func bool(_ name: String) -> Bool { read(name, "true or false", \.bool) ?? false }

    /// One of an enumeration's names.
    func choice<Choice: RawRepresentable>(_ name: String, _: Choice.Type) -> Choice? where Choice.RawValue == String {
        read(name, "one of the names that this build knows") { $0.string.flatMap { Choice(rawValue: $0) } }
    }

    /// A map from names to numbers.
    func map(_ name: String) -> [String: Double] {
        map(name, "numbers", \.double)
    }

    /// A map from names to texts.
    func texts(_ name: String) -> [String: String] { map(name, "strings", \.string) }

    private func map<Value>(_ name: String, _ kind: String, _ value: (JSONValue) -> Value?) -> [String: Value] {
        guard let member = required(name) else { return [:] }
        guard member.value.kind == .object else {
            faults.report(.wrongType, at: path(name), "\(name) must be an object, not \(member.value.described)")
            return [:]
        }
        var entries: [String: Value] = [:]
        for entry in member.value.members {
            if let read = value(entry.value) {
                entries[entry.name] = read
            } else {
                let place = member.path(entry.name)
                faults.report(.wrongType, at: place, "\(name) must hold \(kind), not \(entry.value.described)")
            }
        }
        return entries
    }

    /// The elements of an array that must be there.
    func list<Element>(_ name: String, _ element: (DocumentFields) -> Element?) -> [Element] {
        guard let member = required(name) else { return [] }
        guard member.value.kind == .array else {
            faults.report(.wrongType, at: path(name), "\(name) must be an array, not \(member.value.described)")
            return []
        }
        return member.value.elements.enumerated().compactMap { index, value in
            element(DocumentFields(value, at: path(name) + "/\(index)", faults))
        }
    }
}
