package import PortfolioModel

/// Storage of the inputs: immutable, versioned snapshots.
///
/// Reads see the newest version unless one is named.
///
/// A tenant sees its own identifiers only. Every method throws ``RepositoryError/unavailable(underlying:)`` while the
/// database is away; nothing is stored then.
package protocol InputRepository: AnyObject {
    /// Inserts or updates instruments, all or none, as one new version of the tenant's instruments.
    ///
    /// Versions are handed out in commit order: a reader that sees version v sees every version before it.
    func putInstruments(_ instruments: [Instrument], tenant: String) throws -> Int

    /// The newest version of the named instruments; those that do not exist are left out.
    func instruments(ids: [String], tenant: String) throws -> [Instrument]

    /// Instruments by ascending id, after a cursor: the last id of the page before.
    func instruments(after cursor: String?, limit: Int, tenant: String) throws -> [Instrument]

    /// Stores a new version of a risk model, if a precondition holds in the same transaction.
    ///
    /// - Throws: ``RepositoryError/identifierTaken`` when another tenant has this id, and
    ///   ``RepositoryError/preconditionFailed(newestVersion:)``.
    func putRiskModel(
        _ model: RiskModel,
        id: String,
        tenant: String,
        if precondition: WritePrecondition
    ) throws -> StoredVersion

    /// The newest version of a risk model, or nil. Matrices are left out unless asked for.
    func riskModel(id: String, includingMatrices: Bool, tenant: String) throws -> Stored<RiskModel>?

    /// The instruments of the newest version of a risk model, or nil when there is no such model.
    func riskModelInstruments(id: String, tenant: String) throws -> [String]?

    /// Stores a new version of a portfolio, if a precondition holds in the same transaction.
    ///
    /// - Throws: ``RepositoryError/identifierTaken`` when another tenant has this id, and
    ///   ``RepositoryError/preconditionFailed(newestVersion:)``.
    func putPortfolio(
        _ portfolio: Portfolio,
        id: String,
        tenant: String,
        if precondition: WritePrecondition
    ) throws -> StoredVersion

    /// The newest version of a portfolio, or nil.
    func portfolio(id: String, tenant: String) throws -> Stored<Portfolio>?
}

extension InputRepository {
    /// Stores a new version of a risk model, whatever is there.
    package func putRiskModel(_ model: RiskModel, id: String, tenant: String) throws -> StoredVersion {
        try putRiskModel(model, id: id, tenant: tenant, if: .none)
    }

    /// Stores a new version of a portfolio, whatever is there.
    package func putPortfolio(_ portfolio: Portfolio, id: String, tenant: String) throws -> StoredVersion {
        try putPortfolio(portfolio, id: id, tenant: tenant, if: .none)
    }
}

/// A version just stored.
package struct StoredVersion: Equatable, Sendable {
    /// The number of the version: 1, 2, 3 and so on.
    package var version: Int
    /// Whether the identifier is new.
    package var isNew: Bool
    /// When it was stored.
    package var storedAt: Timestamp

    package init(version: Int, isNew: Bool, storedAt: Timestamp) {
        self.version = version
        self.isNew = isNew
        self.storedAt = storedAt
    }
}

/// A stored value and its version.
package struct Stored<Value: Sendable>: Sendable {
    /// The value.
    package var value: Value
    /// Its version.
    package var version: Int
    /// When it was stored.
    package var storedAt: Timestamp

    package init(value: Value, version: Int, storedAt: Timestamp) {
        self.value = value
        self.version = version
        self.storedAt = storedAt
    }
}
