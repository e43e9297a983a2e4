package import PortfolioModel
package import Repository

/// Inputs kept in memory, versioned like the database's; can be made unavailable.
package final class InMemoryInputRepository: InputRepository {
    /// What every method throws, for as long as it is set.
    package var failure: RepositoryError?
    /// The moment everything is stored at.
    package var now = Timestamp(microseconds: 1_750_000_000_000_000)

    private var instrumentsByTenant: [String: [String: Instrument]] = [:]
    private var instrumentVersions: [String: Int] = [:]
    private var riskModels: [String: Owned<RiskModel>] = [:]
    private var portfolios: [String: Owned<Portfolio>] = [:]

    private struct Owned<Value: Sendable> {
        var tenant: String
        var versions: [Value]
    }

    package init() {}

    package func putInstruments(_ instruments: [Instrument], tenant: String) throws -> Int {
        try failIfAway()
        for instrument in instruments { instrumentsByTenant[tenant, default: [:]][instrument.id] = instrument }
        instrumentVersions[tenant, default: 0] += 1
        return instrumentVersions[tenant, default: 0]
    }

    package func instruments(ids: [String], tenant: String) throws -> [Instrument] {
        try failIfAway()
        return ids.compactMap { instrumentsByTenant[tenant]?[$0] }
    }

    package func instruments(after cursor: String?, limit: Int, tenant: String) throws -> [Instrument] {
        try failIfAway()
        let ordered = (instrumentsByTenant[tenant] ?? [:]).values.sorted { $0.id < $1.id }
        return Array(ordered.filter { $0.id > cursor ?? "" }.prefix(limit))
    }

    package func putRiskModel(
        _ model: RiskModel,
        id: String,
        tenant: String,
        if precondition: WritePrecondition
    ) throws -> StoredVersion {
        try put(model, id: id, tenant: tenant, if: precondition, into: \.riskModels)
    }

    package func riskModel(id: String, includingMatrices: Bool, tenant: String) throws -> Stored<RiskModel>? {
        guard var stored = try newest(id, tenant: tenant, of: \.riskModels) else { return nil }
        if !includingMatrices {
            stored.value.covariance = nil
            stored.value.correlations = nil
            stored.value.returns = nil
            stored.value.prices = nil
        }
        return stored
    }

    package func riskModelInstruments(id: String, tenant: String) throws -> [String]? {
        try newest(id, tenant: tenant, of: \.riskModels)?.value.instruments
    }

    package func putPortfolio(
        _ portfolio: Portfolio,
        id: String,
        tenant: String,
        if precondition: WritePrecondition
    ) throws -> StoredVersion {
        try put(portfolio, id: id, tenant: tenant, if: precondition, into: \.portfolios)
    }

    package func portfolio(id: String, tenant: String) throws -> Stored<Portfolio>? {
        try newest(id, tenant: tenant, of: \.portfolios)
    }

    private func put<Value: Sendable>(
        _ value: Value,
        id: String,
        tenant: String,
        if precondition: WritePrecondition,
        into store: ReferenceWritableKeyPath<InMemoryInputRepository, [String: Owned<Value>]>
    ) throws -> StoredVersion {
        try failIfAway()
        var owned = self[keyPath: store][id] ?? Owned(tenant: tenant, versions: [])
        let newest = owned.tenant == tenant ? owned.versions.count : 0
        let holds =
            switch precondition {
            case .none: true
            case .newestIsOneOf(let versions): newest > 0 && versions.contains(newest)
            case .exists: newest > 0
            case .isNew: newest == 0
            }
        guard holds else { throw RepositoryError.preconditionFailed(newestVersion: newest > 0 ? newest : nil) }
        guard owned.tenant == tenant else { throw RepositoryError.identifierTaken }
        owned.versions.append(value)
        self[keyPath: store][id] = owned
        return StoredVersion(version: owned.versions.count, isNew: owned.versions.count == 1, storedAt: now)
    }

    private func newest<Value: Sendable>(
        _ id: String,
        tenant: String,
        of store: KeyPath<InMemoryInputRepository, [String: Owned<Value>]>
    ) throws -> Stored<Value>? {
        try failIfAway()
        guard let owned = self[keyPath: store][id], owned.tenant == tenant, let value = owned.versions.last else {
            return nil
        }
        return Stored(value: value, version: owned.versions.count, storedAt: now)
    }

    private func failIfAway() throws { if let failure { throw failure } }
}
