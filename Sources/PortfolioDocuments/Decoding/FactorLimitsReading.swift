import JSON
import PortfolioModel

private let limitFields = FieldNames(known: ["min", "max", "max_risk"])
/// Exposures of a whole portfolio.
private let exposureRange = NumberRange(-1_000, 1_000)

/// Reads `factor_exposures`: `{"MKT":{"min":0.9,"max":1.1,"max_risk":0.12}}`.
func readFactorLimits(_ reader: ObjectReader) -> [String: FactorLimit]? {
    let (name, faults) = ("factor_exposures", reader.faults)
    guard let member = reader.optional(name) else { return nil }
    guard member.kind == .object else {
        let message = "\(name) must be an object of factor to limits, not \(member.described)"
        faults.report(.wrongType, at: reader.path(name), message)
        return nil
    }
    guard member.count <= DocumentLimits.factors else {
        let message = "\(name) may have at most \(DocumentLimits.factors) entries, not \(member.count)"
        faults.report(.tooMany, at: reader.path(name), message)
        return nil
    }
    var limits: [String: FactorLimit] = [:]
    for entry in member.members {
        let place = reader.path(name) + "/" + pointerToken(entry.name)
        checkIdentifier(entry.name, .general, "a factor in \(name)", at: place, faults)
        guard let limit = ObjectReader(entry.value, at: place, limitFields, faults) else { continue }
        let (lower, upper) = (limit.number("min", exposureRange), limit.number("max", exposureRange))
        let risk = limit.number("max_risk", .positive)
        if ["min", "max", "max_risk"].allSatisfy({ limit.optional($0) == nil }) {
            faults.report(.missingField, at: place, "a limit on a factor needs min, max or max_risk")
        }
        reportCrossing("min", lower, "max", upper, at: limit.path("min"), faults)
        limits[entry.name] = FactorLimit(min: lower, max: upper, maxRisk: risk)
    }
    return limits
}
