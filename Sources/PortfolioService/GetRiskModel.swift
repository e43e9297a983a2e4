package import PortfolioModel
package import Repository

/// Reads the newest version of a risk model.
package final class GetRiskModel {
    private let inputs: any InputRepository

    package init(inputs: any InputRepository) { self.inputs = inputs }

    /// The risk model; its matrices, which may be large, only when asked for.
    package func callAsFunction(
        id: String,
        includingMatrices: Bool,
        tenant: String
    ) throws(ServiceError) -> Snapshot<RiskModel> {
        guard Identifiers.isCallerMade(id) else { throw .notFound(.riskModel, id: id) }
        let found = try withStore(about: .riskModel, id: id) {
            try inputs.riskModel(id: id, includingMatrices: includingMatrices, tenant: tenant)
        }
        guard let stored = found else { throw .notFound(.riskModel, id: id) }
        return Snapshot(id: id, value: stored.value, version: stored.version, storedAt: stored.storedAt)
    }
}
