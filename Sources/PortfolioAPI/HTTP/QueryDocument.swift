import FunctionRuntime
import JSON

/// A query as the document that a body would be: `?points=50&max_position_size=0.1` is
/// `{"points":50,"constraints":{"max_position_size":0.1}}`, and is read by the same readers, with the same faults.
struct QueryDocument {
    /// Parameters that are members of the document itself.
    let own: [String]
    /// Parameters that are members of its parts.
    let sections: [String: [String]]

    /// Writes the query of a request down.
    ///
    /// A value that is a JSON number, `true` or `false` is one; every other is a text.
    ///
    /// - Throws: ``RequestError/invalid(_:)`` for a parameter that is not known, or stands twice.
    func document(of request: FunctionRequest) throws(RequestError) -> [UInt8] {
        let parts = sections.sorted { $0.key < $1.key }
        let query = QueryParameters(request, known: own + parts.flatMap(\.value))
        try query.check()
        var writer = JSONWriter()
        writer.object { writer in
            for name in own { Self.write(query.text(name), as: name, &writer) }
            for (section, names) in parts where names.contains(where: { query.text($0) != nil }) {
                writer.name(section)
                writer.object { writer in
                    for name in names { Self.write(query.text(name), as: name, &writer) }
                }
            }
        }
        return writer.bytes
    }

    private static func write(_ text: String?, as name: String, _ writer: inout JSONWriter) {
        guard let text else { return }
        writer.name(name)
        switch text {
        case "true": writer.bool(true)
        case "false": writer.bool(false)
        default: if isNumber(text) { writer.raw(Array(text.utf8)) } else { writer.string(text) }
        }
    }

    /// Whether a text is a number as JSON has it.
    private static func isNumber(_ text: String) -> Bool {
        guard text.utf8.allSatisfy({ "0123456789.eE+-".utf8.contains($0) }) else { return false }
        return (try? JSONDocument(parsing: Array(text.utf8)))?.root.kind == .number
    }
}
