package import JSON
package import PortfolioModel

private let frontierFields = FieldNames(
    known: [
        "points", "min_return", "max_risk", "risk_measure", "corner_portfolios", "constraints", "preferences",
    ]
)

extension DocumentDecoder {
    /// The body of `POST /api/v1/portfolios/{id}/efficient-frontier`, and the document that is stored of one.
    package static func frontierRequest(
        _ value: JSONValue,
        portfolioID: String
    ) throws(DocumentFaults) -> FrontierRequest {
        let faults = FaultCollector()
        return try faults.finish(readFrontierRequest(value, portfolioID: portfolioID, faults))
    }

    /// The document that is stored of a request.
    package static func frontierRequest(_ bytes: [UInt8], portfolioID: String) throws -> FrontierRequest {
        try frontierRequest(JSONDocument(parsing: bytes).root, portfolioID: portfolioID)
    }
}

private func readFrontierRequest(
    _ value: JSONValue,
    portfolioID: String,
    _ faults: FaultCollector
) -> FrontierRequest? {
    guard let reader = ObjectReader(value, at: "", frontierFields, faults) else { return nil }
    var request = FrontierRequest(portfolioID: portfolioID)
    if let count = readPointCount("points", FrontierRequest.pointRange, reader) { request.pointCount = count }
    // The table's columns have two digits before the point.
    request.minimumReturn = reader.number("min_return", NumberRange(-1, 10))
    request.maximumRisk = reader.number("max_risk", NumberRange(0, 10, includesLower: false))
    let riskMeasure = reader.choice(
        "risk_measure",
        RiskMeasure.self,
        default: .volatility
    )
    request.includesCornerPortfolios = reader.bool("corner_portfolios") ?? false
    let constraints = readSection("constraints", reader) { readConstraints($0, at: $1, faults) }
    let preferences = readSection("preferences", reader) { readPreferences($0, at: $1, faults) }
    guard let riskMeasure else { return nil }
    request.riskMeasure = riskMeasure
    request.constraints = constraints ?? Constraints()
    request.preferences = preferences ?? Preferences()
    return request
}

/// Reads how many points of a curve are wanted, or nil when absent.
func readPointCount(_ name: String, _ range: ClosedRange<Int>, _ reader: ObjectReader) -> Int? {
    let numbers = NumberRange(Double(range.lowerBound), Double(range.upperBound))
    guard let number = reader.number(name, numbers) else { return nil }
    if let count = Int(exactly: number) { return count }
    reader.faults.report(.wrongType, at: reader.path(name), "\(name) must be a whole number, not \(decimal(number))")
    return nil
}
