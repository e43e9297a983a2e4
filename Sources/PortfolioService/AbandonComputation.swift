package import PortfolioModel
package import Repository

/// Ends a computation whose only caller has gone.
package final class AbandonComputation {
    private let computations: any ComputationRepository

    package init(computations: any ComputationRepository) { self.computations = computations }

    /// Abandons a computation that this caller asked for and nobody else waits for; any other stays as it is.
    ///
    /// - Returns: whether it was cancelled by this.
    @discardableResult
    package func callAsFunction(id: String, kind: ComputationKind, tenant: String) throws(ServiceError) -> Bool {
        let find = computations.gatherComputation(id: id, kind: kind, tenant: tenant)
        guard let state = try withStore(about: kind.resource, id: id, find), !state.status.isFinal else { return false }
        return try withStore(about: kind.resource, id: id) { try computations.abandon(state, tenant: tenant) }
    }
}
