package import PortfolioModel

/// Lists of optimizations, newest first.
package protocol OptimizationListing: AnyObject {
    /// Optimizations after a position: those accepted before it, the newest first.
    ///
    /// What is accepted while a caller turns pages comes before its first page, and so on none of the further ones.
    func optimizations(
        _ selection: OptimizationSelection,
        after position: OptimizationPosition?,
        limit: Int,
        tenant: String
    ) throws -> [OptimizationSummary]
}

/// Which optimizations to list; nil leaves a field open.
package struct OptimizationSelection: Equatable, Sendable {
    /// The portfolio they are for.
    package var portfolioID: String?
    /// The state they are in.
    package var status: JobStatus?

    package init(portfolioID: String? = nil, status: JobStatus? = nil) {
        self.portfolioID = portfolioID
        self.status = status
    }
}

/// A place in the list of a tenant's optimizations.
package struct OptimizationPosition: Equatable, Sendable {
    /// When the optimization at this place was accepted.
    package var createdAt: Timestamp
    /// Its identifier, which orders what was accepted at the same moment.
    package var id: String

    package init(createdAt: Timestamp, id: String) {
        self.createdAt = createdAt
        self.id = id
    }
}

extension OptimizationSummary {
    /// Its place in the list.
    package var position: OptimizationPosition { OptimizationPosition(createdAt: createdAt, id: id) }
}
