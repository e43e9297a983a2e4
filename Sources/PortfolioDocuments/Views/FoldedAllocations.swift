package import JSON

/// Allocations folded for display: the largest weights by name, everything else as `other`.
///
/// No instrument may be called `other`, so that the name is free.
package enum FoldedAllocations {
    /// What the folded weights are called together.
    package static let other = "other"

    /// A map whose largest weights are kept and whose others are summed; of equal weights the first by name is kept.
    package static func folded(_ weights: [String: Double], keeping count: Int) -> [String: Double] {
        let ranked = ranked(Array(weights.keys)) { weights[$0] ?? 0 }
        return folded(weights, keeping: Set(ranked.prefix(count)))
    }

    /// A map whose weights of the names given are kept and whose others are summed; exact zeros are left out.
    package static func folded(_ weights: [String: Double], keeping names: Set<String>) -> [String: Double] {
        var kept = weights.filter { names.contains($0.key) }
        // In the order of the names: a sum depends on its order to the last bit.
        let rest = weights.keys.filter { !names.contains($0) }.sorted().reduce(0) { $0 + (weights[$1] ?? 0) }
        if rest != 0 { kept[other, default: 0] += rest }
        return kept
    }

    /// Names by descending size of what they stand for, equal ones by name.
    package static func ranked(_ names: [String], by size: (String) -> Double) -> [String] {
        names.map { (name: $0, size: abs(size($0))) }.sorted { ($1.size, $0.name) < ($0.size, $1.name) }.map(\.name)
    }

    /// The whole answer with its allocation maps folded, and all else as it is.
    package static func document(_ result: StoredResult, keeping count: Int) -> [UInt8] {
        document(result.root, keeping: count) { $0.hasSuffix("_allocation") }
    }

    /// An answer of any kind with every map of weights in it folded, and all else as it is.
    package static func everyWeight(of answer: JSONValue, keeping count: Int) -> [UInt8] {
        document(answer, keeping: count) { $0 == "weights" || $0.hasSuffix("_allocation") }
    }

    private static func document(
        _ answer: JSONValue,
        keeping count: Int,
        _ isFolded: (String) -> Bool
    ) -> [UInt8] {
        DocumentEncoder.written { write(answer, keeping: count, isFolded, &$0) }
    }

    private static func writeFolded(_ value: JSONValue, keeping count: Int, _ writer: inout JSONWriter) {
        var weights: [String: Double] = [:]
        for member in value.members { weights[member.name] = member.value.double }
        DocumentEncoder.writeWeights(folded(weights, keeping: count), &writer)
    }

    /// Writes a value that was read, with the maps of some names folded; what we wrote comes out as it was.
    private static func write(
        _ value: JSONValue,
        keeping count: Int,
        _ isFolded: (String) -> Bool,
        _ writer: inout JSONWriter
    ) {
        switch value.kind {
        case .null: writer.null()
        case .bool: writer.bool(value.bool ?? false)
        case .number: writer.double(value.double ?? 0)
        case .string: writer.string(value.string ?? "")
        case .array: writer.array(value.elements) { write($1, keeping: count, isFolded, &$0) }
        case .object:
            writer.object { writer in
                for member in value.members {
                    writer.name(member.name)
                    if isFolded(member.name), member.value.kind == .object {
                        writeFolded(member.value, keeping: count, &writer)
                    } else {
                        write(member.value, keeping: count, isFolded, &writer)
                    }
                }
            }
        }
    }
}
