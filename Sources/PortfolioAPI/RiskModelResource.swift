import FunctionRuntime
import JSON
import PortfolioDocuments
import PortfolioModel
import PortfolioService

/// `/api/v1/risk-models/{id}`.
struct RiskModelResource {
    /// The most periods in a year that a history may have, as in the document.
    private static let mostPeriodsPerYear = 100_000.0

    let put: PutRiskModel
    let get: GetRiskModel
    /// The moment that a matrix without one is of.
    let now: () -> Timestamp

    func answer(_ request: FunctionRequest, id: String) throws -> FunctionResponse {
        try request.require(methods: ["GET", "HEAD", "PUT"])
        try request.requireJSONAccepted()
        return request.method == "PUT" ? try store(request, id: id) : try read(request, id: id)
    }

    private func store(_ request: FunctionRequest, id: String) throws -> FunctionResponse {
        let mediaType = try request.requireContentType([MediaType.json, MediaType.csv, MediaType.npy])
        let precondition = try WritePrecondition(of: request)
        let model =
            switch mediaType {
            case MediaType.csv: try table(request)
            case MediaType.npy: try array(request)
            default: try document(request)
            }
        let stored = try put(model, id: id, tenant: request.tenant, if: precondition)
        return .stored(stored, identifierField: "risk_model_id", location: "/api/v1/risk-models/\(id)")
    }

    private func document(_ request: FunctionRequest) throws -> RiskModel {
        try QueryParameters(request).check()
        return try DocumentDecoder.riskModel(JSONDocument(parsing: request.body).root)
    }

    /// A history as a table; what a table cannot say is in the query.
    private func table(_ request: FunctionRequest) throws -> RiskModel {
        let kinds = DocumentDecoder.HistoryKind.allCases
        var query = QueryParameters(request, known: ["kind", "periods_per_year", "as_of"])
        let kind = query.choice("kind", of: kinds.map(\.rawValue)).flatMap(DocumentDecoder.HistoryKind.init)
        let periodsPerYear = query.positiveNumber("periods_per_year", atMost: Self.mostPeriodsPerYear)
        let asOf = query.timestamp("as_of")
        if query.text("kind") == nil {
            query.report("missing_parameter", "a table needs the query parameter 'kind': prices or returns")
        }
        try query.check()
        guard let kind else { throw RequestError.defect("a kind of history without a fault") }
        var model = try DocumentDecoder.riskModelCSV(
            request.body,
            kind: kind,
            periodsPerYear: periodsPerYear ?? DocumentDecoder.defaultPeriodsPerYear
        )
        if let asOf { model.asOf = asOf }
        return model
    }

    /// A matrix as NumPy saves it; what it cannot say is in the query and in a header.
    private func array(_ request: FunctionRequest) throws -> RiskModel {
        let kinds = DocumentDecoder.ArrayKind.allCases
        var query = QueryParameters(request, known: ["kind", "periods_per_year", "as_of"])
        let kind = query.choice("kind", of: kinds.map(\.rawValue)).flatMap(DocumentDecoder.ArrayKind.init)
        let periodsPerYear = query.positiveNumber("periods_per_year", atMost: Self.mostPeriodsPerYear)
        let asOf = query.timestamp("as_of")
        if query.text("kind") == nil {
            query.report(
                "missing_parameter",
                "an array needs the query parameter 'kind': covariance, returns or prices"
            )
        }
        try query.check()
        guard let kind else { throw RequestError.defect("a kind of array without a fault") }
        let header = "X-Instruments"
        guard let names = request.headers[header.lowercased()], !trimmed(Substring(names)).isEmpty else {
            throw RequestError.invalidHeader(
                name: header,
                message: "an array needs the instruments of its columns, in their order, separated by commas"
            )
        }
        let head = RiskModel(
            asOf: asOf ?? now(),
            instruments: names.split(separator: ",", omittingEmptySubsequences: false).map { String(trimmed($0)) },
            periodsPerYear: periodsPerYear ?? DocumentDecoder.defaultPeriodsPerYear
        )
        return try DocumentDecoder.riskModelNPY(request.body, kind: kind, head: head)
    }

    private func read(_ request: FunctionRequest, id: String) throws -> FunctionResponse {
        var query = QueryParameters(request, known: ["include"])
        let includesMatrices = query.choice("include", of: ["matrices"]) != nil
        try query.check()
        let stored = try get(id: id, includingMatrices: includesMatrices, tenant: request.tenant)
        // A version never changes, so its number tags it; with and without matrices are different bytes.
        return .representation(
            of: .bytes(
                DocumentEncoder.riskModel(
                    stored.value,
                    id: stored.id,
                    version: stored.version,
                    storedAt: stored.storedAt,
                    includingMatrices: includesMatrices
                )
            ),
            entityTag: "\(stored.version)\(includesMatrices ? EntityTag.matricesSuffix : "")",
            for: request
        )
    }
}
