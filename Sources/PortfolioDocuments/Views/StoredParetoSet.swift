import JSON

/// The non-dominated set of a completed optimization's stored answer.
package struct StoredParetoSet {
    private let result: StoredResult
    private let points: JSONValue

    /// Finds the set in an answer; nil where none was asked for or found.
    package init?(_ result: StoredResult) {
        guard let points = result.root["pareto_set"], points.kind == .array else { return nil }
        self.result = result
        self.points = points
    }

    /// The answer to `GET /api/v1/optimizations/{id}/pareto`; of the weights all but the largest folded where asked for.
    package func document(keeping count: Int?) -> [UInt8] {
        DocumentEncoder.written { writer in
            writer.object { writer in
                writer.member("optimization_id", result.text("optimization_id"))
                writer.member("portfolio_id", result.text("portfolio_id"))
                writer.name("points")
                writer.raw(FoldedAllocations.everyWeight(of: points, keeping: count ?? .max))
            }
        }
    }

    /// The points, a line each: objectives, then a column for each name held anywhere.
    package func table(keeping count: Int?) -> [UInt8] {
        let objectives = points.elements.first?["objectives"]?.members.map(\.name) ?? []
        let weights = points.elements.map { point in
            (point["weights"]?.members ?? []).reduce(into: [String: Double]()) { $0[$1.name] = $1.value.double }
        }
        var largest: [String: Double] = [:]
        for point in weights {
            for (name, weight) in point { largest[name] = max(largest[name] ?? 0, abs(weight)) }
        }
        var names = FoldedAllocations.ranked(Array(largest.keys)) { largest[$0] ?? 0 }
        var folded = weights
        if let count, names.count > count {
            names = Array(names.prefix(count)) + [FoldedAllocations.other]
            folded = weights.map { FoldedAllocations.folded($0, keeping: Set(names)) }
        }
        let header = (["point"] + objectives + names).map { ResultTables.text($0) }
        return ResultTables.table(header) { lines in
            for (index, point) in points.elements.enumerated() {
                let values = objectives.map { ResultTables.number(point["objectives"]?[$0]?.double) }
                let held = names.map { ResultTables.number(folded[index][$0] ?? 0) }
                lines.append([String(index + 1)] + values + held)
            }
        }
    }
}
