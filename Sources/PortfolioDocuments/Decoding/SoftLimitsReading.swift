import JSON
import PortfolioModel

private let limitFields = FieldNames(known: ["limit", "penalty"])

/// Reads `soft_limits`: `[{"limit":"/max_turnover","penalty":0.5}]`.
func readSoftLimits(_ reader: ObjectReader) -> [SoftLimit]? {
    let name = "soft_limits"
    var seen: Set<String> = []
    return reader.array(name, limit: DocumentLimits.softLimits)?.enumerated().compactMap { index, value in
        let place = "\(reader.path(name))/\(index)"
        guard let limit = ObjectReader(value, at: place, limitFields, reader.faults) else { return nil }
        let pointer = limit.requiredText("limit")
        let penalty = limit.requiredNumber("penalty", NumberRange(0, 1e6, includesLower: false))
        guard let pointer, let penalty else { return nil }
        let parts = pointer.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count > 1, parts[0].isEmpty, Constraints.softenable.contains(String(parts[1])) else {
            let offered = Constraints.softenable.map { "/" + $0 }.joined(separator: ", ")
            let message = "limit must point at a limit below constraints that may be soft (\(offered)), not \(pointer)"
            reader.faults.report(.unknownValue, at: limit.path("limit"), message)
            return nil
        }
        guard seen.insert(pointer).inserted else {
            reader.faults.report(.contradiction, at: limit.path("limit"), "\(pointer) has a penalty already")
            return nil
        }
        return SoftLimit(limit: pointer, penalty: penalty)
    }
}
