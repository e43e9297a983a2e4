import JSON
import PortfolioModel

private let limitFields = FieldNames(known: ["count", "max"])

/// Reads `largest_positions`: `[{"count":5,"max":0.4}]`.
func readLargestPositions(_ reader: ObjectReader, _ range: NumberRange) -> [LargestPositionsLimit]? {
    let name = "largest_positions"
    let values = reader.array(name, limit: DocumentLimits.largestPositions)
    return values?.enumerated().compactMap { index, value in
        let place = "\(reader.path(name))/\(index)"
        guard let limit = ObjectReader(value, at: place, limitFields, reader.faults) else { return nil }
        let count = readPointCount("count", 1...DocumentLimits.universe, limit)
        if limit.optional("count") == nil {
            reader.faults.report(.missingField, at: limit.path("count"), "count is required")
        }
        guard let most = limit.requiredNumber("max", range), let count else { return nil }
        return LargestPositionsLimit(count: count, max: most)
    }
}
