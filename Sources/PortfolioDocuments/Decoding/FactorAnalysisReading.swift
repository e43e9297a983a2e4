package import JSON
package import PortfolioModel

private let analysisFields = FieldNames(known: ["factors"])

extension DocumentDecoder {
    /// A request for a factor analysis: `{"factors":["MKT"]}`, and the document that is stored of one.
    package static func factorAnalysisRequest(
        _ value: JSONValue,
        portfolioID: String
    ) throws(DocumentFaults) -> FactorAnalysisRequest {
        let faults = FaultCollector()
        return try faults.finish(readFactorAnalysisRequest(value, portfolioID: portfolioID, faults))
    }

    /// The document that is stored of a request.
    package static func factorAnalysisRequest(_ bytes: [UInt8], portfolioID: String) throws -> FactorAnalysisRequest {
        try factorAnalysisRequest(JSONDocument(parsing: bytes).root, portfolioID: portfolioID)
    }
}

private func readFactorAnalysisRequest(
    _ value: JSONValue,
    portfolioID: String,
    _ faults: FaultCollector
) -> FactorAnalysisRequest? {
    guard let reader = ObjectReader(value, at: "", analysisFields, faults) else { return nil }
    var request = FactorAnalysisRequest(portfolioID: portfolioID)
    if let names = reader.array("factors", limit: DocumentLimits.factors) {
        let place = reader.path("factors")
        request.factors = readDistinctIdentifiers(names, .general, "factors", at: place, faults)
    }
    return request
}
