package import PortfolioModel
package import Repository

/// Lists instruments: those asked for by name, or all of them page by page.
package final class ListInstruments {
    /// What to list.
    package enum Selection: Equatable, Sendable {
        /// The instruments named; those that do not exist are left out.
        case named([String])
        /// A page of at most `limit` by ascending identifier, after the identifier `cursor`.
        case page(after: String?, limit: Int)
    }

    /// Instruments, and where the next page begins.
    package struct Page: Equatable, Sendable {
        /// The instruments by ascending identifier.
        package var instruments: [Instrument]
        /// The cursor of the next page; nil when this is the last.
        package var nextCursor: String?
    }

    private let inputs: any InputRepository

    package init(inputs: any InputRepository) { self.inputs = inputs }

    /// The instruments selected.
    package func callAsFunction(_ selection: Selection, tenant: String) throws(ServiceError) -> Page {
        switch selection {
        case .named(let ids):
            let found = try withStore(about: .instrument, id: "") { try inputs.instruments(ids: ids, tenant: tenant) }
            return Page(instruments: found.sorted { $0.id < $1.id }, nextCursor: nil)
        case .page(let cursor, let limit):
            // One more than asked for tells whether another page follows.
            let found = try withStore(about: .instrument, id: "") {
                try inputs.instruments(after: cursor, limit: limit + 1, tenant: tenant)
            }
            let page = Array(found.prefix(limit))
            return Page(instruments: page, nextCursor: found.count > limit ? page.last?.id : nil)
        }
    }
}
