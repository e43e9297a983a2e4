package import JSON
package import PortfolioModel

/// Reads documents into domain values, and lists everything that is wrong with one.
///
/// The same readers serve callers' bodies and stored documents.
package enum DocumentDecoder {
    /// The body of `POST /api/v1/optimizations`.
    package static func optimizationRequest(_ value: JSONValue) throws(DocumentFaults) -> OptimizationRequest {
        let faults = FaultCollector()
        return try faults.finish(readOptimizationRequest(value, faults))
    }

    /// Constraints on their own.
    package static func constraints(_ value: JSONValue) throws(DocumentFaults) -> Constraints {
        let faults = FaultCollector()
        return try faults.finish(readConstraints(value, at: "", faults))
    }

    /// Preferences on their own.
    package static func preferences(_ value: JSONValue) throws(DocumentFaults) -> Preferences {
        let faults = FaultCollector()
        return try faults.finish(readPreferences(value, at: "", faults))
    }

    /// The body of `PUT /api/v1/instruments`.
    package static func instruments(_ value: JSONValue) throws(DocumentFaults) -> [Instrument] {
        let faults = FaultCollector()
        return try faults.finish(readInstruments(value, faults))
    }

    /// One instrument.
    package static func instrument(_ value: JSONValue) throws(DocumentFaults) -> Instrument {
        let faults = FaultCollector()
        return try faults.finish(readInstrument(value, at: "", faults))
    }

    /// The body of `PUT /api/v1/portfolios/{id}`.
    package static func portfolio(_ value: JSONValue) throws(DocumentFaults) -> Portfolio {
        let faults = FaultCollector()
        return try faults.finish(readPortfolio(value, faults))
    }

    /// The body of `PUT /api/v1/risk-models/{id}`.
    package static func riskModel(_ value: JSONValue) throws(DocumentFaults) -> RiskModel {
        let faults = FaultCollector()
        return try faults.finish(readRiskModel(value, faults))
    }

    /// A risk model stored without its matrices, which are nil in the value returned.
    package static func riskModelMetadata(_ value: JSONValue) throws(DocumentFaults) -> RiskModel {
        let faults = FaultCollector()
        return try faults.finish(readRiskModelMetadata(value, faults))
    }

    /// A risk model as a table: a header `date,AAPL,BND`, then one row a period, oldest first.
    package static func riskModelCSV(
        _ bytes: [UInt8],
        kind: HistoryKind,
        periodsPerYear: Double = defaultPeriodsPerYear
    ) throws(DocumentFaults) -> RiskModel {
        let faults = FaultCollector()
        let outcome = bytes.withUnsafeBytes { readRiskModelCSV($0, kind, periodsPerYear, faults) }
        return try faults.finish(outcome)
    }

    /// A risk model as one NumPy matrix (`numpy.save`), whose columns are the instruments of `head`, which says the rest.
    ///
    /// - Throws: ``NPYSyntaxFault`` for a broken file, ``DocumentFaults`` for one that holds something else.
    package static func riskModelNPY(_ bytes: [UInt8], kind: ArrayKind, head: RiskModel) throws -> RiskModel {
        let faults = FaultCollector()
        let model = try bytes.withUnsafeBytes { try readRiskModelNPY($0, kind, head, faults) }
        return try faults.finish(model)
    }

    /// What the numbers of a matrix are.
    package enum ArrayKind: String, CaseIterable, Sendable {
        case covariance, returns, prices
    }

    /// Trading days of a year.
    package static let defaultPeriodsPerYear = 252.0

    /// What the numbers of a history are.
    package enum HistoryKind: String, CaseIterable, Sendable {
        case prices, returns
    }
}

/// The same for bytes; they throw ``JSONSyntaxFault`` too.
extension DocumentDecoder {
    package static func optimizationRequest(_ bytes: [UInt8]) throws -> OptimizationRequest {
        try optimizationRequest(JSONDocument(parsing: bytes).root)
    }

    package static func constraints(_ bytes: [UInt8]) throws -> Constraints {
        try constraints(JSONDocument(parsing: bytes).root)
    }

    package static func preferences(_ bytes: [UInt8]) throws -> Preferences {
        try preferences(JSONDocument(parsing: bytes).root)
    }

    package static func instruments(_ bytes: [UInt8]) throws -> [Instrument] {
        try instruments(JSONDocument(parsing: bytes).root)
    }

    package static func instrument(_ bytes: [UInt8]) throws -> Instrument {
        try instrument(JSONDocument(parsing: bytes).root)
    }

    package static func portfolio(_ bytes: [UInt8]) throws -> Portfolio {
        try portfolio(JSONDocument(parsing: bytes).root)
    }

    package static func riskModel(_ bytes: [UInt8]) throws -> RiskModel {
        try riskModel(JSONDocument(parsing: bytes).root)
    }

    package static func riskModelMetadata(_ bytes: [UInt8]) throws -> RiskModel {
        try riskModelMetadata(JSONDocument(parsing: bytes).root)
    }
}
