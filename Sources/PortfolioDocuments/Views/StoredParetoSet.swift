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

    /// The objectives in the order they were asked for, and whether more of each is better: the sign of its weight says so.
    package var objectives: [(name: String, growsBetter: Bool?)] {
        names.map { name in
            // At an end of the set the other objectives may count for nothing.
            let weights = points.elements.lazy.compactMap { $0["objective_weights"]?[name]?.double }
            return (name, weights.first { $0 != 0 }.map { $0 > 0 })
        }
    }

    /// The value of each objective at each point.
    package var values: [[Double]] {
        let names = names
        return points.elements.map { point in names.map { point["objectives"]?[$0]?.double ?? .nan } }
    }

    /// The value of each objective at the answer itself; nil where the answer does not tell.
    package var answer: [Double]? {
        let terms = result.root["objective_terms"]?.elements ?? []
        let values = names.compactMap { name in
            terms.first { $0["name"]?.string == name }?["value"]?.double
        }
        return values.count == names.count ? values : nil
    }

    /// Whose set it is and when it was found.
    package var facts: [String] {
        [result.text("portfolio_id"), result.text("completed_at")].filter { !$0.isEmpty }
    }

    private var names: [String] { points.elements.first?["objectives"]?.members.map(\.name) ?? [] }

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
        let objectives = names
        let weights = points.elements.map { point in
            (point["weights"]?.members ?? []).reduce(into: [String: Double]()) { $0[$1.name] = $1.value.double }
        }
        var largest: [String: Double] = [:]
        for point in weights {
            for (name, weight) in point { largest[name] = max(largest[name] ?? 0, abs(weight)) }
        }
        var held = FoldedAllocations.ranked(Array(largest.keys)) { largest[$0] ?? 0 }
        var folded = weights
        if let count, held.count > count {
            held = Array(held.prefix(count)) + [FoldedAllocations.other]
            folded = weights.map { FoldedAllocations.folded($0, keeping: Set(held)) }
        }
        let header = (["point"] + objectives + held).map { ResultTables.text($0) }
        return ResultTables.table(header) { lines in
            for (index, point) in points.elements.enumerated() {
                let values = objectives.map { ResultTables.number(point["objectives"]?[$0]?.double) }
                let weights = held.map { ResultTables.number(folded[index][$0] ?? 0) }
                lines.append([String(index + 1)] + values + weights)
            }
        }
    }
}
