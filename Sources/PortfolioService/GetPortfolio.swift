package import PortfolioModel
package import Repository

/// Reads the newest version of a portfolio.
package final class GetPortfolio {
    private let inputs: any InputRepository

    package init(inputs: any InputRepository) { self.inputs = inputs }

    /// The portfolio as it was put.
    package func callAsFunction(id: String, tenant: String) throws(ServiceError) -> Snapshot<Portfolio> {
        guard Identifiers.isCallerMade(id) else { throw .notFound(.portfolio, id: id) }
        let found = try withStore(about: .portfolio, id: id) { try inputs.portfolio(id: id, tenant: tenant) }
        guard let stored = found else { throw .notFound(.portfolio, id: id) }
        return Snapshot(id: id, value: stored.value, version: stored.version, storedAt: stored.storedAt)
    }
}
