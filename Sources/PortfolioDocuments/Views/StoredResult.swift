package import JSON

/// A completed optimization's stored answer, read back as far as other forms of it need.
///
/// The answer is our own writing: one that has not these members is a defect.
package struct StoredResult {
    /// A trade, as the answer lists it.
    package struct Trade {
        /// What is traded, and whether it is bought or sold.
        package var instrumentID: String
        package var action: String
        /// The figures by their JSON names.
        package var figures: [String: Double]
    }

    /// The whole answer.
    package let root: JSONValue
    /// Weights before trading.
    package let currentAllocation: [String: Double]
    /// Weights recommended.
    package let targetAllocation: [String: Double]

    /// Reads an answer; nil when it is not one of a completed optimization.
    ///
    /// - Throws: ``JSONSyntaxFault`` for what is not JSON.
    package init?(parsing bytes: UnsafeRawBufferPointer) throws(JSONSyntaxFault) {
        root = try JSONDocument(parsing: bytes).root
        guard let current = Self.weights(root["current_allocation"]),
            let target = Self.weights(root["target_allocation"])
        else { return nil }
        currentAllocation = current
        targetAllocation = target
    }

    /// A text of the answer, such as `portfolio_id`; empty when there is none.
    package func text(_ name: String) -> String { root[name]?.string ?? "" }

    /// The trades, in priority order.
    package var trades: [Trade] {
        (root["trades"]?.elements ?? []).map { trade in
            var figures: [String: Double] = [:]
            for member in trade.members { figures[member.name] = member.value.double }
            return Trade(
                instrumentID: trade["instrument_id"]?.string ?? "",
                action: trade["action"]?.string ?? "",
                figures: figures
            )
        }
    }

    private static func weights(_ value: JSONValue?) -> [String: Double]? {
        guard let value, value.kind == .object else { return nil }
        var weights: [String: Double] = [:]
        for member in value.members {
            guard let weight = member.value.double else { return nil }
            weights[member.name] = weight
        }
        return weights
    }
}
