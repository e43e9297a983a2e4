/// Something wrong with a document: where, what kind, and a sentence that names field and value.
package struct DocumentFault: Equatable, Sendable {
    /// The kinds of faults; the raw values are part of the interface.
    package enum Code: String, CaseIterable, Sendable {
        case wrongType = "wrong_type"
        case missingField = "missing_field"
        case unknownField = "unknown_field"
        case notSupported = "not_supported"
        case unknownValue = "unknown_value"
        case outOfRange = "out_of_range"
        case invalidIdentifier = "invalid_identifier"
        case invalidTime = "invalid_time"
        case invalidText = "invalid_text"
        case wrongLength = "wrong_length"
        case tooMany = "too_many"
        case duplicate = "duplicate"
        case notSymmetric = "not_symmetric"
        case notAscending = "not_ascending"
        case contradiction = "contradiction"
        case wrongSum = "wrong_sum"
        case invalidRow = "invalid_row"
        case invalidArray = "invalid_array"
        case notConvex = "not_convex"
    }

    /// Where, as an RFC 6901 pointer into the document; empty for the document itself.
    package var pointer: String
    /// The kind.
    package var code: Code
    /// A sentence for the caller.
    package var message: String

    package init(pointer: String, code: Code, message: String) {
        self.pointer = pointer
        self.code = code
        self.message = message
    }
}

/// All that is wrong with a document, in the order it was found.
package struct DocumentFaults: Error, Equatable, Sendable {
    /// At least one.
    package var faults: [DocumentFault]

    package init(faults: [DocumentFault]) { self.faults = faults }
}

/// Gathers faults while a document is read; reading goes on after each.
final class FaultCollector {
    private(set) var faults: [DocumentFault] = []

    /// Whether further faults would not be listed, so that looking for them is a waste.
    var isFull: Bool { faults.count >= DocumentLimits.faults }

    /// Notes a fault, unless the list is full.
    func report(_ code: DocumentFault.Code, at pointer: String, _ message: String) {
        guard !isFull else { return }
        faults.append(DocumentFault(pointer: pointer, code: code, message: message))
    }

    /// The value when nothing was wrong.
    ///
    /// A nil value without a fault cannot come from a reader that reports what it refuses; should it happen, the
    /// document is still refused.
    func finish<Value>(_ value: Value?) throws(DocumentFaults) -> Value {
        if let value, faults.isEmpty { return value }
        if faults.isEmpty { report(.wrongType, at: "", "the document cannot be read") }
        throw DocumentFaults(faults: faults)
    }
}
