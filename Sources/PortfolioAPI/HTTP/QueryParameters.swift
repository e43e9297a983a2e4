import FunctionRuntime
import PortfolioModel
import PortfolioService

/// The query of a request, read strictly: every fault is collected, and one unknown parameter refuses the request.
struct QueryParameters {
    private var values: [String: String] = [:]
    private(set) var faults: [Fault] = []

    /// Reads the query of a request that knows the parameters `known`.
    init(_ request: FunctionRequest, known: [String] = []) {
        for pair in request.query {
            if !known.contains(pair.name) {
                let offer = known.isEmpty ? "there are none here" : "known are \(known.joined(separator: ", "))"
                report("unknown_parameter", "there is no query parameter '\(shown(pair.name))'; \(offer)")
            } else if values.updateValue(pair.value, forKey: pair.name) != nil {
                report("duplicate_parameter", "the query parameter '\(pair.name)' stands twice")
            }
        }
    }

    /// Throws when there were faults.
    func check() throws(RequestError) {
        guard faults.isEmpty else { throw .invalid(faults) }
    }

    /// The text of a parameter; nil when it is not there.
    func text(_ name: String) -> String? { values[name] }

    /// A whole number of a range; nil when the parameter is not there or is at fault.
    mutating func integer(_ name: String, in range: ClosedRange<Int>) -> Int? {
        guard let text = values[name] else { return nil }
        guard let value = Int(text), range.contains(value), text.first != "+" else {
            report(
                "out_of_range",
                "the query parameter '\(name)' is a whole number from \(range.lowerBound) to \(range.upperBound), "
                    + "not '\(shown(text))'"
            )
            return nil
        }
        return value
    }

    /// A number above 0, in decimal notation; nil when the parameter is not there or is at fault.
    mutating func positiveNumber(_ name: String, atMost limit: Double) -> Double? {
        guard let text = values[name] else { return nil }
        // `Double` reads hexadecimals and "inf" as well.
        let isDecimal = text.utf8.allSatisfy { "0123456789.eE-".utf8.contains($0) }
        guard isDecimal, let value = Double(text), value > 0, value <= limit else {
            report(
                "out_of_range",
                "the query parameter '\(name)' is a number above 0 and at most \(limit), not '\(shown(text))'"
            )
            return nil
        }
        return value
    }

    /// A moment; nil when the parameter is not there or is at fault.
    mutating func timestamp(_ name: String) -> Timestamp? {
        guard let text = values[name] else { return nil }
        guard let moment = Timestamp(rfc3339: text) else {
            report(
                "invalid_time",
                "the query parameter '\(name)' is a time such as 2025-06-20T14:30:00Z, not '\(shown(text))'"
            )
            return nil
        }
        return moment
    }

    /// One of the named choices; nil when the parameter is not there or is at fault.
    mutating func choice(_ name: String, of choices: [String]) -> String? {
        guard let text = values[name] else { return nil }
        guard choices.contains(text) else {
            report(
                "unknown_value",
                "the query parameter '\(name)' is \(choices.joined(separator: " or ")), not '\(shown(text))'"
            )
            return nil
        }
        return text
    }

    /// An identifier as callers make them; nil when the parameter is not there or is at fault.
    mutating func identifier(_ name: String) -> String? {
        guard let text = values[name] else { return nil }
        guard Identifiers.isCallerMade(text) else {
            report("invalid_identifier", "the query parameter '\(name)' holds no identifier: '\(shown(text))'")
            return nil
        }
        return text
    }

    /// Identifiers separated by commas; nil when the parameter is not there or is at fault.
    mutating func identifiers(_ name: String, atMost limit: Int) -> [String]? {
        guard let text = values[name] else { return nil }
        let ids = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        guard ids.count <= limit else {
            report("too_many", "the query parameter '\(name)' names \(ids.count) instruments; the limit is \(limit)")
            return nil
        }
        for id in ids where !Identifiers.isCallerMade(id) {
            report("invalid_identifier", "the query parameter '\(name)' holds no identifier: '\(shown(id))'")
            return nil
        }
        return ids
    }

    /// Adds a fault; a query has no JSON pointer, so the message names the parameter.
    mutating func report(_ code: String, _ message: String) {
        faults.append(Fault(pointer: "", code: code, message: message))
    }

    /// A caller's text as a message may show it: short, printable ASCII.
    private func shown(_ text: String) -> String {
        let longest = 40
        let bytes = text.utf8.prefix(longest).map { (0x20..<0x7F).contains($0) ? $0 : UInt8(ascii: "?") }
        return String(decoding: bytes, as: UTF8.self) + (text.utf8.count > longest ? "…" : "")
    }
}
