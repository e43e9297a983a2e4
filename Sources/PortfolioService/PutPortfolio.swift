package import PortfolioModel
package import Repository

/// Stores a new version of a portfolio, after holding it against its risk model and the instruments.
package final class PutPortfolio {
    private let inputs: any InputRepository

    package init(inputs: any InputRepository) { self.inputs = inputs }

    /// Stores a portfolio whose every instrument has a price, a risk and the base currency, if a precondition holds.
    package func callAsFunction(
        _ portfolio: Portfolio,
        id: String,
        tenant: String,
        if precondition: WritePrecondition = .none
    ) throws(ServiceError) -> StoredSnapshot {
        guard Identifiers.isCallerMade(id) else { throw .invalidIdentifier(id) }
        let modelled = try withStore(about: .riskModel, id: portfolio.riskModelID) {
            try inputs.riskModelInstruments(id: portfolio.riskModelID, tenant: tenant)
        }
        let references = Self.instrumentReferences(of: portfolio)
        let needed = Set(references.map(\.instrumentID)).union(portfolio.universe == nil ? modelled ?? [] : [])
        let known = try withStore(about: .instrument, id: "") {
            try inputs.instruments(ids: needed.sorted(), tenant: tenant)
        }
        let check = PortfolioCheck(
            portfolio: portfolio,
            references: references,
            modelled: modelled,
            instruments: Dictionary(known.map { ($0.id, $0) }) { first, _ in first }
        )
        let faults = check.faults
        guard faults.isEmpty else { throw .invalid(faults) }
        let stored = try withStore(about: .portfolio, id: id) {
            try inputs.putPortfolio(portfolio, id: id, tenant: tenant, if: precondition)
        }
        return StoredSnapshot(id: id, version: stored.version, isNew: stored.isNew, storedAt: stored.storedAt)
    }

    /// The instruments that must have a price and a risk.
    ///
    /// Those of recent trades need neither: they may be sold out.
    private static func instrumentReferences(of portfolio: Portfolio) -> [InstrumentReference] {
        var references = portfolio.positions.enumerated().map { index, position in
            InstrumentReference(
                instrumentID: position.instrumentID,
                pointer: "/positions/\(index)/instrument_id"
            )
        }
        for (index, id) in (portfolio.universe ?? []).enumerated() {
            references.append(.init(instrumentID: id, pointer: "/universe/\(index)"))
        }
        for id in (portfolio.benchmark ?? [:]).keys.sorted() {
            references.append(.init(instrumentID: id, pointer: "/benchmark/\(pointerToken(id))"))
        }
        return references + portfolio.constraints.instrumentReferences
    }
}
