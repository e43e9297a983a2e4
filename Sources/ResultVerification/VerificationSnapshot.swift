package import JSON
package import PortfolioDocuments
package import PortfolioModel

/// What a result is to be checked against, as the service gives it.
///
/// `{"portfolio": …, "instruments": …, "risk_model": …, "request": …}`: the answers to `GET /portfolios/{id}`,
/// `GET /instruments?ids=` (whole, or its list alone) and `GET /risk-models/{id}?include=matrices`, and the body that was
/// posted. Without a request the result's own limits, which the portfolio's must be among, stand for it.
package struct VerificationSnapshot {
    /// The holdings, with the portfolio's own limits.
    package var portfolio: Portfolio
    /// The instruments of the universe and of the holdings.
    package var instruments: [Instrument]
    /// The risk model with its matrices.
    package var riskModel: RiskModel
    /// The request as it was posted.
    package var request: OptimizationRequest?
    /// The versions that portfolio and risk model say they are.
    package var portfolioVersion: Int?
    package var riskModelVersion: Int?
    package var portfolioID: String?
    package var riskModelID: String?

    private static let members: Set = ["portfolio", "instruments", "risk_model", "request"]

    /// Reads a snapshot.
    ///
    /// - Throws: ``DocumentFaults`` with everything that is wrong with it.
    package init(_ root: JSONValue) throws(DocumentFaults) {
        var faults: [DocumentFault] = []
        func report(_ pointer: String, _ code: DocumentFault.Code, _ message: String) {
            faults.append(DocumentFault(pointer: pointer, code: code, message: message))
        }
        if root.kind != .object { report("", .wrongType, "the snapshot must be an object, not \(root.kind.rawValue)") }
        for member in root.members where !Self.members.contains(member.name) {
            report("/\(member.name)", .unknownField, "unknown member \(member.name)")
        }
        func read<Value>(_ name: String, _ decode: (JSONValue) throws(DocumentFaults) -> Value) -> Value? {
            guard let value = root[name], !value.isNull else {
                report("/\(name)", .missingField, "\(name) is missing")
                return nil
            }
            do throws(DocumentFaults) { return try decode(value) } catch {
                faults += error.faults.map { fault in
                    var placed = fault
                    placed.pointer = "/\(name)" + fault.pointer
                    return placed
                }
                return nil
            }
        }
        let portfolio = read("portfolio") { value throws(DocumentFaults) in try DocumentDecoder.portfolio(value) }
        let riskModel = read("risk_model") { value throws(DocumentFaults) in try DocumentDecoder.riskModel(value) }
        let instruments = read("instruments") { value throws(DocumentFaults) in try Self.instruments(value) }
        if let value = root["request"], !value.isNull {
            request = read("request") { value throws(DocumentFaults) in
                try DocumentDecoder.optimizationRequest(value)
            }
        }
        guard let portfolio, let riskModel, let instruments, faults.isEmpty else {
            throw DocumentFaults(faults: faults)
        }
        self.portfolio = portfolio
        self.riskModel = riskModel
        self.instruments = instruments
        portfolioID = root["portfolio"]?["portfolio_id"]?.string
        riskModelID = root["risk_model"]?["risk_model_id"]?.string
        portfolioVersion = root["portfolio"]?["version"]?.double.flatMap { Int(exactly: $0) }
        riskModelVersion = root["risk_model"]?["version"]?.double.flatMap { Int(exactly: $0) }
    }

    /// A list of instruments, or the page that holds it.
    private static func instruments(_ value: JSONValue) throws(DocumentFaults) -> [Instrument] {
        let list = value["instruments"] ?? value
        guard list.kind == .array else {
            let fault = DocumentFault(pointer: "", code: .wrongType, message: "instruments must be an array")
            throw DocumentFaults(faults: [fault])
        }
        var instruments: [Instrument] = []
        for (index, element) in list.elements.enumerated() {
            do throws(DocumentFaults) {
                instruments.append(try DocumentDecoder.instrument(element))
            } catch {
                throw DocumentFaults(
                    faults: error.faults.map {
                        DocumentFault(pointer: "/\(index)" + $0.pointer, code: $0.code, message: $0.message)
                    }
                )
            }
        }
        return instruments
    }
}
