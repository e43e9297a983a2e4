package import PortfolioModel
package import Repository

/// Cancels an optimization that has not ended.
package final class CancelOptimization {
    private let optimizations: any OptimizationRepository

    package init(optimizations: any OptimizationRepository) { self.optimizations = optimizations }

    /// Cancels; cancelling again changes nothing.
    ///
    /// What is cancelled never becomes completed.
    ///
    /// - Returns: the state afterwards: `cancelled`.
    package func callAsFunction(id: String, tenant: String) throws(ServiceError) -> JobStatus {
        guard Identifiers.isOptimization(id) else { throw .notFound(.optimization, id: id) }
        let found = try withStore(about: .optimization, id: id) { try optimizations.cancel(id: id, tenant: tenant) }
        guard let status = found else { throw .notFound(.optimization, id: id) }
        switch status {
        case .completed, .failed: throw .alreadyEnded(id: id, status: status.rawValue)
        case .pending, .processing, .cancelled: return status
        }
    }
}
