package import PortfolioModel
package import Repository

/// Lists a tenant's optimizations, newest first, page by page.
package final class ListOptimizations {
    /// A page of a list.
    package struct Page: Equatable, Sendable {
        /// The optimizations, newest first.
        package var optimizations: [OptimizationSummary]
        /// The cursor of the next page; nil when this is the last.
        package var nextCursor: OptimizationCursor?
    }

    private let listing: any OptimizationListing

    package init(listing: any OptimizationListing) { self.listing = listing }

    /// A page of at most `limit`, after the place that a cursor names.
    package func callAsFunction(
        portfolioID: String?,
        status: JobStatus?,
        after cursor: OptimizationCursor?,
        limit: Int,
        tenant: String
    ) throws(ServiceError) -> Page {
        // One more than asked for tells whether another page follows.
        let found = try withStore(about: .optimization, id: "") {
            try listing.optimizations(
                OptimizationSelection(portfolioID: portfolioID, status: status),
                after: cursor?.position,
                limit: limit + 1,
                tenant: tenant
            )
        }
        let page = Array(found.prefix(limit))
        let hasMore = found.count > limit
        return Page(
            optimizations: page,
            nextCursor: hasMore ? page.last.map { OptimizationCursor(position: $0.position) } : nil
        )
    }
}

/// Where a page of optimizations ended, as a text that callers hand back and need not understand.
package struct OptimizationCursor: Equatable, Sendable {
    let position: OptimizationPosition

    init(position: OptimizationPosition) { self.position = position }

    /// Reads a cursor's text; nil for one that this service did not make.
    package init?(text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].utf8.count <= Self.longestMoment,
            let microseconds = Int64(parts[0], radix: Self.radix), microseconds >= 0,
            String(microseconds, radix: Self.radix) == parts[0]
        else { return nil }
        let id = IdentifierSource.optimizationPrefix + parts[1]
        guard Identifiers.isOptimization(id) else { return nil }
        position = OptimizationPosition(createdAt: Timestamp(microseconds: microseconds), id: id)
    }

    /// The text.
    package var text: String {
        String(position.createdAt.microseconds, radix: Self.radix) + "."
            + position.id.dropFirst(IdentifierSource.optimizationPrefix.count)
    }

    private static let radix = 36
    /// Digits that reach the year 6000 in microseconds; the store's moments end a long way after.
    private static let longestMoment = 11
}
