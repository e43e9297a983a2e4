package import JSON

/// A completed frontier's stored answer, read back as far as other forms of it need.
///
/// The answer is our own writing: one that has not these members is a defect.
package struct StoredFrontier {
    /// A portfolio in the plane of risk and return.
    package struct Point {
        package var expectedReturn: Double
        package var risk: Double
        package var ratio: Double?
        package var weights: [String: Double]

        /// Reads a portfolio; nil when it is not one.
        init?(_ value: JSONValue?) {
            guard let value, let expectedReturn = value["return"]?.double, let risk = value["risk"]?.double else {
                return nil
            }
            self.expectedReturn = expectedReturn
            self.risk = risk
            ratio = value["sharpe"]?.double
            weights = [:]
            for member in value["weights"]?.members ?? [] { weights[member.name] = member.value.double }
        }
    }

    /// The whole answer.
    package let root: JSONValue
    /// The curve by ascending risk.
    package let points: [Point]

    /// Reads an answer; nil when it is not one of a completed frontier.
    ///
    /// - Throws: ``JSONSyntaxFault`` for what is not JSON.
    package init?(parsing bytes: UnsafeRawBufferPointer) throws(JSONSyntaxFault) {
        root = try JSONDocument(parsing: bytes).root
        points = (root["efficient_frontier"]?.elements ?? []).compactMap(Point.init)
        guard !points.isEmpty else { return nil }
    }

    /// A text of the answer, such as `portfolio_id`; empty when there is none.
    package func text(_ name: String) -> String { root[name]?.string ?? "" }

    /// A portfolio beside the curve, such as `optimal_portfolio`; nil where it is null.
    package func portfolio(_ name: String) -> Point? { Point(root[name]) }

    /// Each instrument alone.
    package var instruments: [(id: String, point: Point)] {
        (root["instruments"]?.members ?? []).compactMap { member in
            Point(member.value).map { (member.name, $0) }
        }
    }

    /// The risk-free rate in force.
    package var riskFreeRate: Double { root["preferences"]?["risk_free_rate"]?.double ?? 0 }

    /// What the curve's portfolios hold, the largest weight anywhere first; at most `count` names, cash and the others
    /// folded into `other` last.
    package func names(keeping count: Int?) -> [String] {
        var largest: [String: Double] = [:]
        for point in points {
            for (name, weight) in point.weights { largest[name] = max(largest[name] ?? 0, abs(weight)) }
        }
        let ranked = FoldedAllocations.ranked(Array(largest.keys)) { largest[$0] ?? 0 }
        guard let count, ranked.count > count else { return ranked }
        return Array(ranked.prefix(count)) + [FoldedAllocations.other]
    }

    /// The weights of a name at each point; those of `other` are the rest of the names kept.
    package func weights(of name: String, among names: [String]) -> [Double] {
        guard name == FoldedAllocations.other else { return points.map { $0.weights[name] ?? 0 } }
        let kept = Set(names)
        return points.map { FoldedAllocations.folded($0.weights, keeping: kept)[name] ?? 0 }
    }
}

extension ResultTables {
    /// The points of a curve, a line each: figures, then a column for each name held anywhere on it.
    package static func frontier(_ frontier: StoredFrontier, keeping count: Int?) -> [UInt8] {
        let names = frontier.names(keeping: count)
        let columns = names.map { frontier.weights(of: $0, among: names) }
        return table(["point", "return", "risk", "sharpe"] + names.map(text)) { lines in
            for (index, point) in frontier.points.enumerated() {
                let figures = [number(point.expectedReturn), number(point.risk), number(point.ratio)]
                lines.append([String(index + 1)] + figures + columns.map { number($0[index]) })
            }
        }
    }
}
